"""What Python can do at most: a C-Chat relay written by hand, against which the reference server is measured.

    python bench/relay_limit.py PORT

It speaks the protocol to clients that do nothing wrong, with one class on asyncio.Protocol and uvloop: no store, no limits, no
queues, no logs, no check of what is malformed. Everything that it leaves out is what the reference server is allowed to cost.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from struct import Struct
from typing import cast

import uvloop
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

header = Struct(">IB")
ack = Struct(">IBIB").pack
incoming = Struct(">IBIB").pack

REGISTERED = b"\0\0\0\1\x81\1"
REFUSED = b"\0\0\0\1\x82\0"
WELCOME = b"\0\0\0\x21\x82\1" + bytes(32)
CHALLENGE = b"\0\0\0\x21\x82\1"
KEY = b"\0\0\0\x21\x83\1"
NO_KEY = b"\0\0\0\1\x83\0"
NOBODY = b"\0\0\0\3\x88\3\0\0"

keys: dict[bytes, bytes] = {}
sessions: dict[bytes, Relay] = {}
changes: list[bytes] = []
last_id = 0


def tell() -> None:
    """Tells all sessions of all changes of this turn at once."""
    updates = b"".join(changes)
    changes.clear()
    for relay in sessions.values():
        relay.transport.write(updates)


def show(name: bytes, status: int) -> None:
    if not changes:
        asyncio.get_running_loop().call_soon(tell)
    changes.append(header.pack(len(name) + 2, 0x87) + bytes((len(name),)) + name + bytes((status,)))


class Relay(asyncio.Protocol):
    """One connection."""

    __slots__ = ("buffer", "challenge", "name", "transport")

    def __init__(self) -> None:
        self.buffer = b""
        self.challenge = b""
        self.name = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.buffer:
            data = self.buffer + data
        at, end = 0, len(data)
        out: list[bytes] = []
        while end - at >= 5:
            length, kind = header.unpack_from(data, at)
            stop = at + 5 + length
            if stop > end:
                break
            self.handle(kind, data[at + 5 : stop], out)
            at = stop
        self.buffer = data[at:] if at else data
        if out and not self.transport.is_closing():
            self.transport.write(out[0] if len(out) == 1 else b"".join(out))

    def handle(self, kind: int, payload: bytes, out: list[bytes]) -> None:
        global last_id
        cut = 1 + payload[0] if payload else 0
        name = payload[1:cut]
        if kind == 4:
            other = sessions.get(name)
            if other is None:
                out.append(NOBODY)
                return
            last_id += 1
            body = payload[cut:]
            size = len(self.name)
            head = incoming(9 + size + len(body), 0x85, last_id, size)
            other.transport.write(head + self.name + int(time.time()).to_bytes(4, "big") + body)
            out.append(ack(5, 0x84, last_id, 1))
        elif kind == 2:
            self.login(name, payload[cut:], out)
        elif kind == 3:
            key = keys.get(name)
            out.append(KEY + key if key else NO_KEY)
        elif kind == 1:
            keys[name] = payload[cut:]
            out.append(REGISTERED)
        elif kind == 8:
            self.leave()
            self.transport.close()

    def login(self, name: bytes, signature: bytes, out: list[bytes]) -> None:
        if not self.challenge:
            self.challenge = os.urandom(32)
            out.append(CHALLENGE + self.challenge)
            return
        try:
            crypto_sign_open(signature + self.challenge, keys[name])
        except BadSignatureError:
            out.append(REFUSED)
        else:
            out.append(WELCOME)
            self.name = name
            show(name, 1)
            sessions[name] = self
        self.challenge = b""

    def leave(self) -> None:
        if sessions.pop(self.name, None):
            show(self.name, 0)

    def connection_lost(self, exc: Exception | None) -> None:
        self.leave()


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Relay, "127.0.0.1", port, backlog=1024)
    print(f"listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
