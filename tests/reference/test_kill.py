"""The server is killed under load, over and over, and what it had acknowledged is accounted for.

Clients register users and send messages to users who are away, while some of those come and fetch theirs; at a random moment the
process gets SIGKILL. It is started again on the same file, now and then without fsync, and at the end every acknowledged
registration has to be there with its key, and every message that was acknowledged as queued has to have arrived, with the body
that it was sent with. After a kill a message may come again, with the same id; without one it may not.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.reference.conftest import key_of, prove, register

from cchatspec.spec import (
    PAYLOAD_LIMIT,
    AckStatus,
    Frame,
    FrameReader,
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    LoginResponse,
    LoginUser,
    Message,
    MessageAck,
    PublicKeyResponse,
    RegisterResponse,
    SendMessage,
    build,
    parse,
)

KILLS = 50
SENDERS = 4
FETCHERS = 2
DEADLINE = 20

#: How long, in seconds, the load lasts before a kill.
MOMENTS = 0.02, 0.25

_GONE = (ConnectionError, asyncio.IncompleteReadError, TimeoutError)


@dataclass
class Account:
    """What was promised, and what came of it."""

    seed: int
    kills: int = 0
    users: list[bytes] = field(default_factory=list)
    promised: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    arrived: dict[int, set[tuple[bytes, bytes]]] = field(default_factory=dict)
    times: Counter[tuple[int, int]] = field(default_factory=Counter)
    missing_users: list[bytes] = field(default_factory=list)

    @property
    def lost(self) -> list[int]:
        return [number for number in self.promised if number not in self.arrived]

    @property
    def altered(self) -> list[int]:
        """Messages that came with another recipient or body than they were sent with, or two under one id."""
        return [number for number, came in self.arrived.items() if came != {self.promised.get(number, *came)}]

    @property
    def again(self) -> int:
        rounds = Counter(number for number, _ in self.times)
        return sum(count > 1 for count in rounds.values())

    @property
    def twice_without_a_kill(self) -> list[int]:
        return [number for (number, _), count in self.times.items() if count > 1]

    def __str__(self) -> str:
        return (
            f"{self.kills} kills (seed {self.seed}): {len(self.users)} registrations acknowledged,"
            f" {len(self.missing_users)} missing; {len(self.promised)} messages acknowledged as queued,"
            f" {len(self.lost)} lost, {len(self.altered)} altered, {self.again} came again after a kill,"
            f" {len(self.twice_without_a_kill)} twice without one"
        )


class Line:
    """A connection of the load."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader(PAYLOAD_LIMIT)
        self._arrived: list[Frame] = []

    async def got(self) -> Message:
        while not self._arrived:
            data = await asyncio.wait_for(self._reader.read(1 << 16), DEADLINE)
            if not data:
                raise ConnectionResetError
            self._arrived += self._frames.feed(data)
        return parse(*self._arrived.pop(0))

    async def replies(self, kind: type[Message], *requests: Message) -> list[Message]:
        """Sends requests, and returns as many replies of a type; others in between are pushes, and dropped."""
        self.send(*requests)
        replies: list[Message] = []
        while len(replies) < len(requests):
            message = await self.got()
            if isinstance(message, kind):
                replies.append(message)
        return replies

    async def login(self, name: bytes) -> None:
        (response,) = await self.replies(LoginResponse, LoginUser(name, bytes(64)))
        assert isinstance(response, LoginResponse)
        await self.replies(LoginResponse, prove(name, response.challenge))

    async def fetch(self) -> AsyncIterator[IncomingMessage]:
        """All that is queued; the reply about a key stands behind it."""
        self.send(GetMessages(), GetPublicKey(b"nobody"))
        while not isinstance(message := await self.got(), PublicKeyResponse):
            if isinstance(message, IncomingMessage):
                yield message

    def send(self, *requests: Message) -> None:
        self._writer.write(b"".join(map(build, requests)))

    def close(self) -> None:
        self._writer.transport.abort()


class Load:
    """The clients of one life of the server."""

    def __init__(self, account: Account, port: int, chance: random.Random) -> None:
        self._account = account
        self._port = port
        self._chance = chance

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        line = Line(*await asyncio.open_connection("127.0.0.1", self._port))
        try:
            yield line
        finally:
            line.close()

    async def send(self, sender: int) -> None:
        """Registers new users and sends messages to random ones, until the server dies."""
        with suppress(*_GONE):
            async with self.line() as line:
                name = b"sender%d" % sender
                await line.replies(RegisterResponse, register(name))
                await line.login(name)
                while True:
                    await self._register(line, sender)
                    await self._send(line)

    async def _register(self, line: Line, sender: int) -> None:
        name = b"user%d-%d-%d" % (self._account.kills, sender, self._chance.getrandbits(40))
        if await line.replies(RegisterResponse, register(name)) == [RegisterResponse(1)]:
            self._account.users.append(name)

    async def _send(self, line: Line) -> None:
        users = self._account.users
        sent = [(self._chance.choice(users), b"%d" % self._chance.getrandbits(64)) for _ in range(8)]
        line.send(*(SendMessage(*message) for message in sent))
        for message in sent:
            while not isinstance(ack := await line.got(), MessageAck):
                pass
            if ack.status == AckStatus.QUEUED:
                self._account.promised[ack.message_id] = message

    async def fetch(self) -> None:
        """Logs in as random users and fetches their messages, until the server dies."""
        while await self.fetch_for(self._chance.choice(self._account.users or [b"sender0"])):
            pass

    async def fetch_for(self, name: bytes) -> bool:
        """Fetches one user's messages; False when the server or another session of this user put an end to it."""
        account = self._account
        with suppress(*_GONE):
            async with self.line() as line:
                await line.login(name)
                async for message in line.fetch():
                    account.arrived.setdefault(message.message_id, set()).add((name, message.encrypted_message))
                    account.times[message.message_id, account.kills] += 1
            return True
        return False

    async def look_up(self) -> None:
        """Notes which acknowledged users are not there with their key."""
        async with self.line() as line:
            await line.login(b"sender0")
            for name in self._account.users:
                expected = PublicKeyResponse(1, bytes(key_of(name).verify_key))
                if await line.replies(PublicKeyResponse, GetPublicKey(name)) != [expected]:
                    self._account.missing_users.append(name)


async def start(store: Path, *, fsync: bool = True) -> tuple[asyncio.subprocess.Process, int]:
    options = ["serve", "--port", "0", "--store", str(store), "--rate", "off", "--log-level", "error"]
    options += [] if fsync else ["--no-fsync"]
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cchatspec.cli", *options, stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    line = await asyncio.wait_for(program.stdout.readline(), DEADLINE)
    return program, int(line.rpartition(b":")[2])


async def kill_again_and_again(store: Path, account: Account) -> None:
    chance = random.Random(account.seed)
    while account.kills < KILLS:
        program, port = await start(store, fsync=chance.random() < 0.5)
        load = Load(account, port, chance)
        clients = [*map(load.send, range(SENDERS)), *(load.fetch() for _ in range(FETCHERS))]
        running = [asyncio.ensure_future(client) for client in clients]
        # The moment is the stimulus here: nothing is waited for.
        await asyncio.sleep(chance.uniform(*MOMENTS))
        program.kill()
        await asyncio.gather(*running, program.wait())
        account.kills += 1
    program, port = await start(store)
    load = Load(account, port, chance)
    await load.look_up()
    for name in account.users:
        await load.fetch_for(name)
    program.terminate()
    await program.wait()


def test_nothing_that_was_acknowledged_is_lost_by_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    account = Account(seed=random.randrange(1 << 32))
    asyncio.run(kill_again_and_again(tmp_path / "chat.db", account))
    with capsys.disabled():
        print(f"\n{account}")  # noqa: T201 (the account is the result)

    assert account.users and account.promised, str(account)
    assert not account.missing_users and not account.lost and not account.altered, str(account)
    assert not account.twice_without_a_kill, str(account)
