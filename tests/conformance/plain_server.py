"""A small C-Chat server, written with struct and threads and nothing of ours, to test the judge with.

    python plain_server.py PORT [store=FILE] [FAULT …]

Without a fault it follows the protocol, and where the protocol leaves a choice it takes another one than the reference server.
"""

import contextlib
import itertools
import os
import pickle
import queue
import socket
import struct
import sys
import threading
import time
from pathlib import Path

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

FAULTS = set(sys.argv[2:])
STORE = next((fault.removeprefix("store=") for fault in FAULTS if fault.startswith("store=")), "")
LOCK = threading.RLock()
KEYS: dict[bytes, bytes] = {}
STATUS: dict[bytes, int] = {}
QUEUES: dict[bytes, list[bytes]] = {}
SESSIONS: dict[bytes, list["Session"]] = {}
NEXT_ID = [1000]
TURNS = itertools.count()


class Bad(Exception):
    pass


class Closing(Exception):
    pass


class Session:
    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.name, self.challenge, self.asked = sock, b"", b"", b""
        self.out: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.writer = threading.Thread(target=self.write, daemon=True)
        self.writer.start()
        self.frames = 0
        self.registers = False

    def send(self, kind: int, payload: bytes) -> None:
        self.out.put(struct.pack(">IB", len(payload), kind) + payload)

    def write(self) -> None:
        with contextlib.suppress(OSError):
            while (data := self.out.get()) is not None:
                self.sock.sendall(data)

    def error(self, code: int) -> None:
        text = b"error %d" % code
        self.send(0x88, struct.pack(">BH", code, len(text)) + text)

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def run(self) -> None:
        try:
            while True:
                length, kind = struct.unpack(">IB", self.read(5))
                if length > 70_000:
                    return
                payload = self.read(length)
                try:
                    self.frames += 1
                    if self.frames > (100 if "rate" in FAULTS else 1000):
                        self.error(6)
                    else:
                        self.handle(kind, payload)
                except Closing:
                    return
                except (Bad, struct.error, IndexError):
                    self.error(5)
                    if "closes-after-malformed" in FAULTS:
                        return
        except (EOFError, OSError):
            pass
        finally:
            with LOCK:
                self.leave()
            self.out.put(None)
            self.writer.join(1)
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
            self.sock.close()

    def leave(self) -> None:
        if self.name and self in SESSIONS.get(self.name, []):
            SESSIONS[self.name].remove(self)
            if not SESSIONS[self.name]:
                tell(self.name, 0, "silent" in FAULTS)

    def handle(self, kind: int, payload: bytes) -> None:
        with LOCK:
            if kind in (1, 2):
                (self.register if kind == 1 else self.login)(*take(payload))
                return
            if kind not in range(3, 9):
                if "dies" in FAULTS:
                    os.abort()
                raise Bad
            if not self.name:
                self.error(4)
                return
            getattr(self, f"on_{kind}")(payload)

    def register(self, name: bytes, key: bytes) -> None:
        if len(key) != 32:
            raise Bad
        if not 1 <= len(name) <= 31 or not name.replace(b"_", b"x").isalnum():
            self.error(1)
            return
        if name in KEYS and "replaced-key" not in FAULTS:
            self.send(0x81, b"\x00\x02")
            return
        KEYS[name] = key
        save()
        STATUS.setdefault(name, 0)
        self.registers = True
        self.send(0x81, b"\x01\x00" if "two-byte-success" in FAULTS else b"\x01")

    def login(self, name: bytes, signature: bytes) -> None:
        if len(signature) != 64:
            raise Bad
        if "login-apart" in FAULTS and self.registers:
            self.error(4)
            return
        challenge, asked = self.challenge, self.asked
        if not challenge:
            self.challenge, self.asked = os.urandom(32), name
            self.send(0x82, b"\x01" + self.challenge)
            return
        self.challenge = b""
        try:
            VerifyKey(KEYS[name]).verify(challenge, signature)
        except (KeyError, BadSignatureError, ValueError):
            self.send(0x82, b"\x00")
            return
        if asked != name or "never-accepts" in FAULTS:
            self.send(0x82, b"\x00")
            return
        self.leave()
        self.name = name
        SESSIONS.setdefault(name, []).append(self)
        self.send(0x82, b"\x01" if "one-byte-login" in FAULTS else b"\x01" + bytes(32))
        tell(name, 1)

    def on_3(self, payload: bytes) -> None:
        name, rest = take(payload)
        if rest:
            raise Bad
        self.send(0x83, b"\x01" + KEYS[name] if name in KEYS else b"\x00")

    def on_4(self, payload: bytes) -> None:
        name, rest = take(payload)
        (length,) = struct.unpack(">H", rest[:2])
        body = rest[2:]
        if len(body) != length:
            raise Bad
        if name not in KEYS:
            self.send(0x84, struct.pack(">IB", 0, 0))
            return
        if "short-body" in FAULTS:
            body = body[:1024]
        NEXT_ID[0] += 1
        stamp = int(time.time())
        message = (
            struct.pack(">IB", NEXT_ID[0], len(self.name)) + self.name + struct.pack(">IH", stamp, len(body)) + body
        )
        sessions = SESSIONS.get(name)
        if not sessions:
            QUEUES.setdefault(name, []).append(message)
            save()
        self.send(0x84, struct.pack(">IB", NEXT_ID[0], 1 if sessions else 2))
        for session in sessions or []:
            session.send(0x85, message)

    def on_5(self, payload: bytes) -> None:
        empty(payload)
        for message in QUEUES.pop(self.name, []):
            self.send(0x85, message)

    def on_6(self, payload: bytes) -> None:
        (status,) = struct.unpack(">B", payload)
        if status > 2 and "any-status" not in FAULTS and not ("wavers" in FAULTS and next(TURNS) % 2):
            raise Bad
        tell(self.name, status)

    def on_7(self, payload: bytes) -> None:
        empty(payload)
        users = b"".join(bytes([len(name)]) + name + bytes([STATUS[name]]) for name in KEYS)
        self.send(0x86, struct.pack(">H", len(KEYS)) + users)

    def on_8(self, payload: bytes) -> None:
        empty(payload)
        self.error(8)
        raise Closing


def save() -> None:
    if STORE:
        Path(STORE).write_bytes(pickle.dumps((KEYS, QUEUES, NEXT_ID[0])))


def load() -> None:
    if STORE and Path(STORE).exists():
        keys, queues, NEXT_ID[0] = pickle.loads(Path(STORE).read_bytes())
        KEYS.update(keys)
        QUEUES.update(queues)
        STATUS.update(dict.fromkeys(keys, 0))


def take(payload: bytes) -> tuple[bytes, bytes]:
    size = payload[0]
    if len(payload) < 1 + size:
        raise Bad
    return payload[1 : 1 + size], payload[1 + size :]


def empty(payload: bytes) -> None:
    if payload:
        raise Bad


def tell(name: bytes, status: int, silent: bool = False) -> None:
    STATUS[name] = status
    if silent or "never-tells" in FAULTS:
        return
    for sessions in list(SESSIONS.values()):
        for session in sessions:
            session.send(0x87, bytes([len(name)]) + name + bytes([status]))


def main() -> None:
    load()
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=256)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=Session(sock).run, daemon=True).start()


if __name__ == "__main__":
    main()
