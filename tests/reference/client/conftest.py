"""Servers for clients to meet: the reference, and one that answers each request with the next of some prepared bytes.

`Scripted` plays a server without knowing the protocol: what it sends may be anything. CLOSE among its replies closes the
connection, and NOTHING keeps silent. After LOGOUT it closes, if it is not stubborn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Final, Self

import pytest

from cchatspec.reference.client import Client, Identity, Pins, Scheme, keyfile
from cchatspec.reference.server import Server
from cchatspec.spec import Frame, FrameReader, LoginResponse, Logout, Message, build

HOST: Final = "127.0.0.1"
CLOSE: Final = b"close"
NOTHING: Final = b""

#: What a server answers to the two requests of a login.
LOGGED_IN: Final = (LoginResponse(1, bytes(32)), LoginResponse(1, bytes(32)))


def identity_of(name: str) -> Identity:
    return Identity(sha256(name.encode()).digest())


def run(conversation: Callable[[], Awaitable[None]]) -> None:
    """Runs a conversation that must end soon."""

    async def bounded() -> None:
        async with asyncio.timeout(30):
            await conversation()

    asyncio.run(bounded())


class Scripted:
    """Each frame that comes is kept, and answered with the next reply."""

    def __init__(self, *replies: Message | bytes, stubborn: bool = False) -> None:
        self.received: list[Frame] = []
        self._stubborn = stubborn
        self._replies = [reply if isinstance(reply, bytes) else build(reply) for reply in replies]
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    def client(self, deadline: float = 5) -> Client:
        return Client.connect(HOST, self.port, deadline=deadline)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        frames = FrameReader()
        while data := await reader.read(1 << 16):
            for frame in frames.feed(data):
                self.received.append(frame)
                if frame.type == Logout.type and not self._stubborn:
                    writer.close()
                else:
                    self._reply(writer)
        writer.close()

    def _reply(self, writer: asyncio.StreamWriter) -> None:
        reply = self._replies.pop(0) if self._replies else NOTHING
        if reply == CLOSE:
            writer.close()
        else:
            writer.write(reply)


class House:
    """A reference server, and users who come in."""

    def __init__(self, server: Server) -> None:
        self.port = server.port

    def connect(self, deadline: float = 10, pins: Pins | None = None, scheme: Scheme = Scheme.BOX) -> Client:
        return Client.connect(HOST, self.port, deadline=deadline, pins=pins, scheme=scheme)

    async def register(self, *names: str) -> None:
        async with self.connect() as client:
            for name in names:
                await client.register(name, identity_of(name))

    @asynccontextmanager
    async def login(self, name: str, pins: Pins | None = None, scheme: Scheme = Scheme.BOX) -> AsyncIterator[Client]:
        async with self.connect(pins=pins, scheme=scheme) as client:
            await client.login(name, identity_of(name))
            yield client


@asynccontextmanager
async def house(*names: str) -> AsyncIterator[House]:
    """A reference server with users."""
    async with Server() as server:
        home = House(server)
        await home.register(*names)
        yield home


@pytest.fixture
def cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """New key files cost little to open."""
    monkeypatch.setattr(keyfile.save, "__defaults__", (keyfile.LEAST_COST,))
