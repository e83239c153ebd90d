"""Conversations with the core, without sockets: what a client sends, and what comes of it.

`talk` holds a core and plays its shell: it commits nothing, drains and ends turns at once unless told otherwise, and takes the
time from a field. A client's `ask` sends requests and returns what came back, with CLOSED where the server closed the connection.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from itertools import count

import pytest
from nacl.signing import SigningKey

from cchatspec.reference.core import Core
from cchatspec.reference.effects import Close, Drain, Effect, EndTurn, Note, Send, Snapshot, Write
from cchatspec.reference.limits import Limits
from cchatspec.spec import (
    PAYLOAD_LIMIT,
    ErrorCode,
    FrameReader,
    LoginResponse,
    LoginUser,
    Message,
    RegisterUser,
    build,
    parse,
)
from cchatspec.spec import Error as ErrorMessage

UNLIMITED = Limits(rate=0)

#: Stands among messages where the server closed the connection.
CLOSED = "closed"


def key_of(name: bytes) -> SigningKey:
    return SigningKey(sha256(name).digest())


def register(name: bytes) -> RegisterUser:
    return RegisterUser(name, bytes(key_of(name).verify_key))


def ask_login(name: bytes) -> LoginUser:
    return LoginUser(name, bytes(64))


def prove(name: bytes, challenge: bytes | None) -> LoginUser:
    return LoginUser(name, key_of(name).sign(challenge or b"").signature)


def counted_entropy() -> Callable[[int], bytes]:
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


class Client:
    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.number, effects = talk.core.connect(talk.now)
        talk.clients[self.number] = self
        self.arrived = bytearray()
        self.sends: list[Send] = []
        self.is_closed = False
        self._read = 0
        self._told_closed = False
        talk.carry_out(effects)

    def send(self, *requests: Message | bytes) -> None:
        data = b"".join(request if isinstance(request, bytes) else build(request) for request in requests)
        self.talk.receive(self.number, data)

    def got(self) -> list[Message | str]:
        """What has come since the last time, and CLOSED; errors with an empty text, so that they compare by code."""
        frames = list(FrameReader(PAYLOAD_LIMIT).feed(bytes(self.arrived[self._read :])))
        self._read = len(self.arrived)
        messages: list[Message | str] = [without_text(parse(*frame)) for frame in frames]
        if self.is_closed and not self._told_closed:
            self._told_closed = True
            messages.append(CLOSED)
        return messages

    def ask(self, *requests: Message | bytes) -> list[Message | str]:
        self.got()
        self.send(*requests)
        return self.got()

    def challenge(self, name: bytes) -> bytes:
        """Asks for a challenge, and returns it."""
        (response,) = self.ask(ask_login(name))
        assert isinstance(response, LoginResponse) and response.challenge
        return response.challenge

    def login(self, name: bytes) -> Client:
        """Registers the name if need be, and logs in."""
        self.send(register(name))
        self.send(prove(name, self.challenge(name)))
        self.got()
        return self

    def finish(self) -> list[Message | str]:
        self.talk.carry_out(self.talk.core.finish(self.number, self.talk.now, self.talk.date))
        return self.got()

    def lose(self) -> None:
        self.talk.carry_out(self.talk.core.disconnect(self.number))

    def choke(self) -> None:
        self.talk.carry_out(self.talk.core.choke(self.number))

    def drain(self) -> None:
        self.talk.carry_out(self.talk.core.drained(self.number, self.talk.now, self.talk.date))


class Talk:
    """A core, and what came of it.

    Args:
        snapshot: what the store holds.
        limits: without them, no rate is limited.
        drains: whether all that is sent leaves at once.
        turns: whether every event is a turn of its own.
        pushes: whether the short way is tried first, as the server does.
    """

    def __init__(
        self,
        snapshot: Snapshot | None = None,
        limits: Limits = UNLIMITED,
        *,
        drains: bool = True,
        turns: bool = True,
        pushes: bool = True,
    ) -> None:
        self.core = Core(snapshot or Snapshot(), counted_entropy(), limits)
        self.now = 500.0
        self.date = 1_000_000.0
        self.drains = drains
        self.turns = turns
        self.pushes = pushes
        self.notes: list[Note] = []
        self.writes: list[Write] = []
        self.clients: dict[int, Client] = {}

    def connect(self) -> Client:
        return Client(self)

    def login(self, name: bytes) -> Client:
        return self.connect().login(name)

    def register(self, *names: bytes) -> None:
        self.connect().send(*map(register, names))

    def receive(self, number: int, data: bytes) -> None:
        push = self.core.push(number, data, self.now, self.date) if self.pushes else None
        if push is None:
            self.carry_out(self.core.receive(number, data, self.now, self.date))
        else:
            recipient, incoming, ack, after = push
            self.carry_out([Send(recipient, incoming, after), Send(number, ack, after)])

    def carry_out(self, effects: list[Effect]) -> None:
        turn_ends = False
        for effect in effects:
            match effect:
                case Send(connection, data, _):
                    self.clients[connection].arrived += data
                    self.clients[connection].sends.append(effect)
                case Close(connection):
                    self.clients[connection].is_closed = True
                case Drain(connection):
                    if self.drains:
                        self.clients[connection].drain()
                case EndTurn():
                    turn_ends = self.turns
                case Note():
                    self.notes.append(effect)
                case _:
                    self.writes.append(effect)
        if turn_ends:
            self.end_turn()

    def end_turn(self) -> None:
        self.carry_out(self.core.end_turn())

    def shutdown(self) -> None:
        self.carry_out(self.core.shutdown())

    def tick(self, seconds: float) -> None:
        self.now += seconds
        self.carry_out(self.core.tick(self.now))


def without_text(message: Message) -> Message:
    return ErrorMessage(message.error_code, b"") if isinstance(message, ErrorMessage) else message


def error(code: ErrorCode) -> ErrorMessage:
    """The ERROR with this code, as `got` returns it."""
    return ErrorMessage(code, b"")


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def alice(talk: Talk) -> Client:
    return talk.login(b"alice")


@pytest.fixture
def bob(talk: Talk, alice: Client) -> Client:
    bob = talk.login(b"bob")
    alice.got()
    return bob
