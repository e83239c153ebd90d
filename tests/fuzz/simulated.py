"""A right server that lives in memory, under any reading of the open points, and connections to it without sockets.

It is as simple as can be: what is sent is answered before the call returns. A test makes it wrong by replacing a method.
"""

from __future__ import annotations

import random
import time
from collections import deque
from dataclasses import dataclass, field

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from cchatspec.conformance.harness.outcomes import Ending
from cchatspec.conformance.harness.target import Target
from cchatspec.fuzz.requests import read
from cchatspec.fuzz.runner import Runner
from cchatspec.spec import (
    PAYLOAD_LIMIT,
    Error,
    Frame,
    FrameReader,
    FrameTooLong,
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    LoginResponse,
    LoginUser,
    Logout,
    MalformedPayload,
    Message,
    MessageAck,
    PublicKeyResponse,
    RegisterResponse,
    RegisterUser,
    SendMessage,
    SetStatus,
    StatusUpdate,
    User,
    UserListResponse,
    build,
    parse,
)

#: The readings of the open points that the server knows; the first is taken if none is given.
READINGS: dict[str, tuple[str, ...]] = {
    "unknown-recipient": ("error", "ack"),
    "queued-delivery": ("poll", "login"),
    "unknown-login": ("first", "proof", "error"),
    "bad-name": ("response", "error"),
    "second-session": ("newest", "both", "refused"),
    "own-status-update": ("silent", "told"),
    "logout": ("close", "error"),
    "after-malformed": ("lives", "closes"),
    "oversize": ("error", "close"),
    "empty-body": ("relayed", "refused"),
    "name-alphabet": ("extended", "any"),
    "name-case": ("distinct", "folded"),
    "invisible": ("pushed", "queued"),
    "login-again": ("challenged", "refused"),
    "register-again": ("registers", "refused"),
    "second-ask": ("proof", "ask"),
    "empty-poll": ("silent", "error"),
    "unknown": ("error", "silent", "closes"),
    "trailing": ("refused", "taken"),
    "burn": ("burnt", "kept"),
    "connection-limit": ("unseen", "closes", "error"),
}

#: So many connections are served at a time where they are limited.
MOST_CONNECTIONS = 6
_PORTABLE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")


@dataclass
class Member:
    """A registered user."""

    name: bytes
    key: bytes
    status: int = 0
    queue: list[IncomingMessage] = field(default_factory=list)
    sessions: list[End] = field(default_factory=list)


class End:
    """The server's end of a connection."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.reader = FrameReader()
        self.out = bytearray()
        self.over = False
        self.user: Member | None = None
        self.asked = b""
        self.challenge = b""
        server.ends.append(self)
        self.is_one_too_many = server.reads["connection-limit"] != "unseen" and len(server.ends) > MOST_CONNECTIONS

    def say(self, *messages: Message) -> None:
        if not self.over:
            self.out += b"".join(build(message) for message in messages)

    def error(self, code: int) -> None:
        self.say(Error(code, b"no"))

    def receive(self, data: bytes) -> None:
        if self.is_one_too_many:
            if self.server.reads["connection-limit"] == "error":
                self.error(7)
            self.end()
        try:
            for frame in self.reader.feed(data):
                if self.over:
                    return
                self.server.serve(self, frame)
        except FrameTooLong:
            if self.server.reads["oversize"] == "error":
                self.error(5)
            self.end()

    def end(self) -> None:
        if not self.over:
            self.over = True
            self.server.leave(self)


class Server:
    """The server."""

    def __init__(self, reads: dict[str, str] | None = None, seed: int = 0) -> None:
        self.reads = {point: readings[0] for point, readings in READINGS.items()} | (reads or {})
        self.dice = random.Random(seed)
        self.members: dict[bytes, Member] = {}
        self.ends: list[End] = []
        self.last_id = 0

    def key_of(self, name: bytes) -> bytes:
        return name.lower() if self.reads["name-case"] == "folded" else name

    def find(self, name: bytes) -> Member | None:
        return self.members.get(self.key_of(name))

    # Requests

    def serve(self, end: End, frame: Frame) -> None:
        if not 0 < frame.type <= 8:
            self.unknown(end)
            return
        try:
            message = self.read(frame)
        except MalformedPayload:
            self.malformed(end)
            return
        if end.user is None and not isinstance(message, RegisterUser | LoginUser | Logout):
            end.error(4)
            return
        getattr(self, type(message).__name__.lower())(end, message)

    def read(self, frame: Frame) -> Message:
        """The message of a frame; a server that takes trailing bytes leaves them out."""
        if self.reads["trailing"] == "taken" and (lenient := read(frame.type, frame.payload).message) is not None:
            return lenient
        return parse(frame.type, frame.payload)

    def unknown(self, end: End) -> None:
        if self.reads["unknown"] == "error":
            end.error(5)
        elif self.reads["unknown"] == "closes":
            end.end()

    def malformed(self, end: End) -> None:
        end.error(5)
        if self.reads["after-malformed"] == "closes":
            end.end()

    def registeruser(self, end: End, message: RegisterUser) -> None:
        name = message.username
        if end.user is not None and self.reads["register-again"] == "refused":
            end.say(RegisterResponse(0, 4))
        elif not name or not self.allows(name):
            end.say(Error(1, b"") if self.reads["bad-name"] == "error" else RegisterResponse(0, 1))
        elif self.find(name) is not None:
            end.say(RegisterResponse(0, 2))
        else:
            self.members[self.key_of(name)] = Member(name, message.public_key)
            end.say(RegisterResponse(1))

    def allows(self, name: bytes) -> bool:
        return self.reads["name-alphabet"] == "any" or (_PORTABLE | set(b".-")).issuperset(name)

    def loginuser(self, end: End, message: LoginUser) -> None:
        if end.user is not None and self.reads["login-again"] == "refused":
            end.say(LoginResponse(0))
            return
        anew = message.signature == bytes(64) and self.reads["second-ask"] == "ask"
        if end.challenge and not anew:
            self.prove(end, message)
        else:
            self.ask(end, message.username)

    def ask(self, end: End, name: bytes) -> None:
        if self.find(name) is None and self.reads["unknown-login"] != "proof":
            end.say(Error(4, b"") if self.reads["unknown-login"] == "error" else LoginResponse(0))
            return
        end.asked, end.challenge = name, self.dice.randbytes(32)
        end.say(LoginResponse(1, end.challenge))

    def prove(self, end: End, message: LoginUser) -> None:
        challenge = end.challenge
        member = self.find(message.username)
        right = member is not None and end.asked == message.username and self.is_proof(member, challenge, message)
        if right or self.reads["burn"] == "burnt":
            end.challenge = b""
        if member is None or not right or (self.reads["second-session"] == "refused" and set(member.sessions) - {end}):
            says_error = member is None and self.reads["unknown-login"] == "error"
            end.say(Error(3, b"") if says_error else LoginResponse(0))
            return
        self.enter(end, member)

    @staticmethod
    def is_proof(member: Member, challenge: bytes, message: LoginUser) -> bool:
        try:
            return bool(crypto_sign_open(message.signature + challenge, member.key) == challenge)
        except BadSignatureError:
            return False

    def enter(self, end: End, member: Member) -> None:
        if end.user is not member:
            self.leave(end)
        if self.reads["second-session"] == "newest":
            for other in [other for other in member.sessions if other is not end]:
                member.sessions.remove(other)
                other.user = None
                other.error(8)
                other.end()
        end.say(LoginResponse(1, bytes(32)))
        end.user = member
        if end not in member.sessions:
            member.sessions.append(end)
        self.show(member, 1)
        if self.reads["queued-delivery"] == "login":
            self.deliver(end, member)

    def deliver(self, end: End, member: Member) -> None:
        waiting, member.queue = member.queue, []
        end.say(*waiting)

    def getpublickey(self, end: End, message: GetPublicKey) -> None:
        member = self.find(message.username)
        end.say(PublicKeyResponse(1, member.key) if member else PublicKeyResponse(0))

    def sendmessage(self, end: End, message: SendMessage) -> None:
        member = self.find(message.recipient)
        if not message.encrypted_message and self.reads["empty-body"] == "refused":
            end.error(5)
        elif member is None:
            end.say(Error(3, b"") if self.reads["unknown-recipient"] == "error" else MessageAck(0, 0))
        else:
            self.relay(end, member, message.encrypted_message)

    def relay(self, end: End, member: Member, body: bytes) -> None:
        assert end.user is not None
        self.last_id += 1
        letter = IncomingMessage(self.last_id, end.user.name, int(time.time()), body)
        hidden = member.status == 0 and self.reads["invisible"] == "queued"
        if member.sessions and not hidden:
            end.say(MessageAck(letter.message_id, 1))
            for session in member.sessions:
                session.say(letter)
        else:
            member.queue.append(letter)
            end.say(MessageAck(letter.message_id, 2))

    def getmessages(self, end: End, message: GetMessages) -> None:
        assert end.user is not None
        if not end.user.queue and self.reads["empty-poll"] == "error":
            end.error(3)
        self.deliver(end, end.user)

    def setstatus(self, end: End, message: SetStatus) -> None:
        assert end.user is not None
        self.show(end.user, message.status)

    def listusers(self, end: End, message: ListUsers) -> None:
        end.say(UserListResponse(tuple(User(member.name, member.status) for member in self.members.values())))

    def logout(self, end: End, message: Logout) -> None:
        if self.reads["logout"] == "error":
            end.error(8)
        end.end()

    # Presence

    def show(self, member: Member, status: int) -> None:
        changed, member.status = member.status != status, status
        if not changed:
            return
        for end in self.ends:
            if end.user is not None and (end.user is not member or self.reads["own-status-update"] == "told"):
                end.say(StatusUpdate(member.name, status))

    def leave(self, end: End) -> None:
        member, end.user = end.user, None
        if member is not None and end in member.sessions:
            member.sessions.remove(end)
            if not member.sessions:
                self.show(member, 0)


class MemoryLink:
    """Our end of a connection, with the ways of `Link`."""

    def __init__(self, number: int, server: Server) -> None:
        self.number = number
        self.ended: Ending | None = None
        self.closed = self.stalled = self.half_closed = False
        self.unframed = b""
        self.flood = None
        self.frames: deque[Frame] = deque()
        self._reader = FrameReader(PAYLOAD_LIMIT)
        self._end = End(server)

    @property
    def is_open(self) -> bool:
        return self.ended is None and not self.closed and not self.stalled

    @property
    def half_a_frame(self) -> bytes:
        return self._reader.pending

    def write(self, data: bytes, patience: float) -> bool:
        self._end.receive(data)
        return not self._end.over

    def read(self, patience: float) -> bool:
        if not self.is_open:
            return False
        data = bytes(self._end.out)
        self._end.out.clear()
        if data:
            self.frames.extend(self._reader.feed(data))
        elif self._end.over:
            self.ended = Ending.FIN
        return bool(data) or self._end.over

    def stall(self) -> None:
        self.stalled = True

    def resume(self) -> None:
        self.stalled = False

    def half_close(self) -> None:
        self.half_closed = True
        self._end.end()

    def close(self) -> None:
        self.closed = True
        self._end.end()
        self._end.server.ends.remove(self._end)

    def reset(self) -> None:
        self.close()


def runner_for(server: Server, seed: int = 0) -> Runner:
    """A runner whose connections all lead to a server in memory."""
    runner = Runner(Target("memory", 1), seed, connect=lambda number, _address, _patience: MemoryLink(number, server))  # type: ignore[arg-type,return-value]
    runner.setting.accepts = lambda _host, _port: True
    runner.setting.deadline = 0.01
    return runner
