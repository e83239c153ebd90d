"""The shell, over real sockets on the loopback interface."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from msgspec.structs import replace
from tests.reference.conftest import CLOSED, UNLIMITED, error, prove, register, without_text

from cchatspec.reference import peer as peer_module
from cchatspec.reference.journal import Journal
from cchatspec.reference.limits import Limits
from cchatspec.reference.server import Server
from cchatspec.reference.store import Store, StoreError
from cchatspec.spec import (
    PAYLOAD_LIMIT,
    ErrorCode,
    Frame,
    FrameReader,
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    LoginResponse,
    LoginUser,
    Logout,
    Message,
    MessageAck,
    PublicKeyResponse,
    RegisterResponse,
    SendMessage,
    StatusUpdate,
    User,
    UserListResponse,
    build,
    frame_bytes,
    parse,
)

DEADLINE = 10
FENCE = build(GetPublicKey(b"nobody"))
FENCED = PublicKeyResponse(0)
TERMINATED = error(ErrorCode.CONNECTION_TERMINATED)


class Wire:
    """One client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._frames = FrameReader(PAYLOAD_LIMIT)
        self._arrived: list[Frame] = []

    async def got(self) -> Message | str:
        """The next message; CLOSED at the end, however it came."""
        while not self._arrived:
            try:
                data = await asyncio.wait_for(self.reader.read(1 << 20), DEADLINE)
            except ConnectionResetError:
                return "reset"
            if not data:
                return CLOSED
            self._arrived += self._frames.feed(data)
        return without_text(parse(*self._arrived.pop(0)))

    async def ask(self, *requests: Message | bytes, replies: int = 1) -> list[Message | str]:
        self.send(*requests)
        return [await self.got() for _ in range(replies)]

    def send(self, *requests: Message | bytes) -> None:
        self.writer.write(b"".join(each if isinstance(each, bytes) else build(each) for each in requests))

    async def login(self, name: bytes) -> Wire:
        """Registers the name if need be, and logs in."""
        response = (await self.ask(register(name), LoginUser(name, bytes(64)), replies=2))[1]
        assert isinstance(response, LoginResponse)
        assert await self.ask(prove(name, response.challenge)) == [LoginResponse(1, bytes(32))]
        return self

    def reset(self) -> None:
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Host:
    """A running server, and clients that end with it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._wires: list[Wire] = []

    async def connect(self) -> Wire:
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.server.port))
        self._wires.append(wire)
        return wire

    async def login(self, name: bytes) -> Wire:
        return await (await self.connect()).login(name)

    async def close(self) -> None:
        for wire in self._wires:
            wire.writer.transport.abort()
        for wire in self._wires:
            await asyncio.gather(wire.writer.wait_closed(), return_exceptions=True)


@asynccontextmanager
async def hosted(store: str = ":memory:", limits: Limits = UNLIMITED) -> AsyncIterator[Host]:
    async with Server(store=store, limits=limits) as server:
        host = Host(server)
        try:
            yield host
        finally:
            await host.close()


LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}

Run = Callable[[Callable[[Host], Awaitable[None]]], None]


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Runs a conversation against a server with a store, on either event loop."""

    async def with_host(conversation: Callable[[Host], Awaitable[None]]) -> None:
        async with hosted(str(tmp_path / "chat.db")) as host:
            await conversation(host)

    def run(conversation: Callable[[Host], Awaitable[None]]) -> None:
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(with_host(conversation))

    return run


def test_messages_are_relayed_and_acknowledged(run: Run) -> None:
    async def conversation(host: Host) -> None:
        alice, bob = await host.login(b"alice"), await host.login(b"bob")
        assert await alice.got() == StatusUpdate(b"bob", 1)

        assert await alice.ask(SendMessage(b"bob", b"hi")) == [MessageAck(1, 1)]
        message = await bob.got()
        assert isinstance(message, IncomingMessage) and message.encrypted_message == b"hi"

    run(conversation)


def test_replies_keep_their_order_when_one_waits_for_the_store(run: Run) -> None:
    async def conversation(host: Host) -> None:
        alice = await host.login(b"alice")
        replies = await alice.ask(FENCE, register(b"bob"), SendMessage(b"bob", b"x"), FENCE, replies=4)
        assert replies == [FENCED, RegisterResponse(1), MessageAck(1, 2), FENCED]

    run(conversation)


def test_what_came_before_a_half_close_is_answered(run: Run) -> None:
    async def conversation(host: Host) -> None:
        alice = await host.login(b"alice")
        alice.send(register(b"bob"), FENCE)
        alice.writer.write_eof()
        assert [await alice.got() for _ in range(3)] == [RegisterResponse(1), FENCED, CLOSED]

    run(conversation)


def test_logout_closes_behind_what_was_sent(run: Run) -> None:
    async def conversation(host: Host) -> None:
        alice = await host.login(b"alice")
        assert await alice.ask(FENCE, Logout(), FENCE, replies=2) == [FENCED, CLOSED]

    run(conversation)


def test_an_oversize_frame_is_refused_audibly_while_its_payload_comes(run: Run) -> None:
    async def conversation(host: Host) -> None:
        wire = await host.connect()
        wire.send(frame_bytes(4, bytes(1 << 20)))
        assert [await wire.got(), await wire.got()] == [error(ErrorCode.INVALID_MESSAGE_FORMAT), CLOSED]

    run(conversation)


def test_a_peer_that_never_ends_is_closed_all_the_same(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_module, "LINGER_SECONDS", 0.01)

    async def conversation(host: Host) -> None:
        alice = await host.login(b"alice")
        assert await alice.ask(Logout()) == [CLOSED]
        async with asyncio.timeout(DEADLINE):
            while host.server.connections:
                await asyncio.sleep(0)

    run(conversation)


def test_a_reset_in_the_middle_of_a_frame_disturbs_nobody(run: Run) -> None:
    async def conversation(host: Host) -> None:
        alice, bob = await host.login(b"alice"), await host.login(b"bob")
        await alice.got()
        bob.send(FENCE + FENCE[:4])
        assert await bob.got() == FENCED
        bob.reset()
        assert await alice.got() == StatusUpdate(b"bob", 0)
        assert await alice.ask(FENCE) == [FENCED]

    run(conversation)


def test_a_second_session_ends_the_first(run: Run) -> None:
    async def conversation(host: Host) -> None:
        first, second = await host.login(b"alice"), await host.connect()
        challenge = (await second.ask(LoginUser(b"alice", bytes(64))))[0]
        assert isinstance(challenge, LoginResponse)
        second.send(prove(b"alice", challenge.challenge))
        assert [await first.got(), await first.got()] == [TERMINATED, CLOSED]

    run(conversation)


def test_a_flood_of_requests_is_answered_in_turns(run: Run) -> None:
    async def conversation(host: Host) -> None:
        alice = await host.login(b"alice")
        replies = await asyncio.wait_for(alice.ask(FENCE * 20_000, replies=20_000), DEADLINE)
        assert replies == [FENCED] * 20_000

    run(conversation)


def test_a_peer_that_asks_for_more_than_it_reads_fills_no_memory(run: Run) -> None:
    async def conversation(host: Host) -> None:
        greedy, alice = await host.connect(), await host.login(b"alice")
        greedy.reader._transport.pause_reading()  # type: ignore[attr-defined]
        greedy.send(FENCE * 500_000)
        for _ in range(50):
            assert await alice.ask(FENCE) == [FENCED]
        waiting = [peer.transport.get_write_buffer_size() for peer in host.server._peers.values()]
        assert max(waiting) < 1 << 20

    run(conversation)


# Limits. What needs other limits than the rest runs on one event loop.


def run_with(conversation: Callable[[Host], Awaitable[None]], path: Path | None = None, **limits: float) -> list[str]:
    """Runs a conversation, and returns the journal's events and their details."""
    said: list[str] = []

    def sink(level: int, event: str, **fields: object) -> None:
        said.append(f"{event}: {fields.get('detail', '')}")

    async def with_host() -> None:
        store = str(path / "chat.db") if path else ":memory:"
        async with Server(store=store, limits=replace(UNLIMITED, **limits), journal=Journal(sink)) as server:
            host = Host(server)
            try:
                await conversation(host)
            finally:
                await host.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(with_host())
    return said


async def fill(host: Host, slow: Wire, alice: Wire) -> int:
    """Sends the slow reader messages until one is queued; returns how many were pushed."""
    slow.reader._transport.pause_reading()  # type: ignore[attr-defined]
    for number in range(1, 500):
        if await alice.ask(SendMessage(b"slow", bytes(65_535))) == [MessageAck(number, 2)]:
            return number - 1
    pytest.fail("500 messages of 64 KiB found room")


def test_messages_to_a_slow_reader_are_queued_and_come_in_order_when_it_reads(tmp_path: Path) -> None:
    async def conversation(host: Host) -> None:
        slow, alice = await host.login(b"slow"), await host.login(b"alice")
        pushed = await fill(host, slow, alice)
        slow.reader._transport.resume_reading()  # type: ignore[attr-defined]
        assert await slow.got() == StatusUpdate(b"alice", 1)
        came = [await slow.got() for _ in range(pushed + 1)]
        assert [message.message_id for message in came if isinstance(message, IncomingMessage)] == [
            *range(1, pushed + 2)
        ]

    run_with(conversation, tmp_path, high_water=1 << 17)


def test_a_reader_that_stays_stuck_is_dropped_and_the_journal_says_why() -> None:
    async def conversation(host: Host) -> None:
        slow, alice = await host.login(b"slow"), await host.login(b"alice")
        await fill(host, slow, alice)
        assert await alice.got() == StatusUpdate(b"slow", 0)

    assert "dropped: stuck reader" in run_with(conversation, high_water=1 << 17, stuck_timeout=0.04)


def test_slow_readers_together_are_bounded() -> None:
    async def conversation(host: Host) -> None:
        slow, alice = await host.login(b"slow"), await host.login(b"alice")
        slow.reader._transport.pause_reading()  # type: ignore[attr-defined]
        alice.send(*[SendMessage(b"slow", bytes(65_535))] * 200)
        while await alice.got() != StatusUpdate(b"slow", 0):
            pass

    assert "dropped: too much for slow readers" in run_with(conversation, high_water=1 << 17, slow_total=1 << 16)


def test_a_flood_ends_the_connection_and_the_error_is_readable() -> None:
    async def conversation(host: Host) -> None:
        alice = await host.connect()
        alice.send(FENCE * 100_000)
        replies = [await alice.got()]
        while replies[-1] not in (CLOSED, "reset"):
            replies.append(await alice.got())
        assert replies[-2:] == [error(ErrorCode.RATE_LIMIT_EXCEEDED), CLOSED]

    assert "dropped: flood" in run_with(conversation, rate=10.0, burst=10)


def test_a_connection_beyond_the_limit_is_told_so() -> None:
    async def conversation(host: Host) -> None:
        first, second = await host.login(b"alice"), await host.connect()
        second.send(FENCE)
        assert [await second.got(), await second.got()] == [error(ErrorCode.SERVER_ERROR), CLOSED]
        assert await first.ask(FENCE) == [FENCED]

    run_with(conversation, max_connections=1)


def test_half_a_frame_times_out() -> None:
    async def conversation(host: Host) -> None:
        alice = await host.login(b"alice")
        assert await alice.ask(FENCE[:-1], replies=2) == [TERMINATED, CLOSED]

    assert "dropped: frame timeout" in run_with(conversation, frame_timeout=0.04)


def test_the_end_of_the_server_is_told_to_everybody(run: Run) -> None:
    async def conversation(_: Host) -> None:
        async with Server() as server:
            host = Host(server)
            stranger, alice = await host.connect(), await host.login(b"alice")
            assert await stranger.ask(ListUsers()) == [error(ErrorCode.AUTHENTICATION_FAILED)]
        assert [await stranger.got(), await stranger.got()] == [TERMINATED, CLOSED]
        assert [await alice.got(), await alice.got()] == [TERMINATED, CLOSED]
        await host.close()

    run(conversation)


def test_a_full_disk_ends_the_promises_and_not_the_loop(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    async def conversation(host: Host) -> None:
        monkeypatch.setattr(Store, "commit", fail)
        wire = await host.connect()
        wire.send(register(b"alice"))
        assert str(await asyncio.wait_for(host.server.failed, DEADLINE)) == "the disk is full"
        assert await wire.got() in (CLOSED, "reset")

    run(conversation)


# What survives a restart


def restarted(path: Path, before: Callable[[Host], Awaitable[None]], after: Callable[[Host], Awaitable[None]]) -> None:
    async def run() -> None:
        for conversation in (before, after):
            async with hosted(str(path / "chat.db")) as host:
                await conversation(host)

    asyncio.run(run())


async def leave_a_message(host: Host) -> None:
    alice = await host.login(b"alice")
    assert await alice.ask(register(b"bob"), SendMessage(b"bob", b"x"), replies=2) == [
        RegisterResponse(1),
        MessageAck(1, 2),
    ]


def test_users_survive_a_restart(tmp_path: Path) -> None:
    async def after(host: Host) -> None:
        alice = await host.connect()
        assert await alice.ask(register(b"alice")) == [RegisterResponse(0, ErrorCode.USER_ALREADY_EXISTS)]
        bob = await host.login(b"bob")
        assert await bob.ask(ListUsers()) == [UserListResponse((User(b"alice", 0), User(b"bob", 1)))]

    restarted(tmp_path, leave_a_message, after)


def test_queued_messages_survive_a_restart(tmp_path: Path) -> None:
    async def after(host: Host) -> None:
        (message,) = await (await host.login(b"bob")).ask(GetMessages())
        assert isinstance(message, IncomingMessage)
        assert (message.message_id, message.sender, message.encrypted_message) == (1, b"alice", b"x")

    restarted(tmp_path, leave_a_message, after)


def test_delivered_messages_stay_delivered(tmp_path: Path) -> None:
    async def before(host: Host) -> None:
        await leave_a_message(host)
        assert isinstance((await (await host.login(b"bob")).ask(GetMessages()))[0], IncomingMessage)

    async def after(host: Host) -> None:
        assert await (await host.login(b"bob")).ask(GetMessages(), FENCE) == [FENCED]

    restarted(tmp_path, before, after)


def test_ids_go_on_after_a_restart(tmp_path: Path) -> None:
    async def after(host: Host) -> None:
        (ack,) = await (await host.login(b"alice")).ask(SendMessage(b"bob", b"y"))
        assert isinstance(ack, MessageAck) and ack.message_id > 1

    restarted(tmp_path, leave_a_message, after)
