"""The client without I/O: requests go in, bytes come out; bytes from the server go in, events come out.

Frames carry no request number, so what a reply answers is told by order and type:

- A reply answers the oldest outstanding request that has replies of its type. ERROR answers the oldest outstanding request of
  all. FRAME-ORDER
- INCOMING_MESSAGE and STATUS_UPDATE answer nothing and may come at any time. CLIENT-PUSH
- SET_STATUS and GET_MESSAGES have no reply when they succeed. Each is followed by a *fence*, a request whose reply is certain,
  and the two are one outstanding request: the fence's reply alone means done; an ERROR and then the fence's reply mean refused,
  and so do two ERRORs. An ERROR with nothing behind it leaves open which of the two it was for, and so does this module. Later
  requests are held back until that is known, so that their replies cannot be mixed up with it.

Whatever the server sends, `receive` and `finish` return events and never raise: what departs from the protocol is an `Over`
event with a `ProtocolViolation`, behind which nothing more is read. Only misuse by the caller raises.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import Final

from cchatspec.reference.client.errors import (
    Disconnected,
    Ended,
    Misuse,
    ProtocolViolation,
    Terminated,
    error_words,
)
from cchatspec.reference.client.replies import LONGEST, NAMES, SERVER_TYPES, problem_of
from cchatspec.spec import (
    Error,
    ErrorCode,
    FrameReader,
    FrameTooLong,
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
    RegisterUser,
    SendMessage,
    SetStatus,
    StatusUpdate,
    UserListResponse,
    WireError,
    build,
    parse,
)

#: What each request is answered with, if not with ERROR.
REPLIES: Final[dict[type[Message], type[Message]]] = {
    RegisterUser: RegisterResponse,
    LoginUser: LoginResponse,
    GetPublicKey: PublicKeyResponse,
    SendMessage: MessageAck,
    ListUsers: UserListResponse,
}

#: The requests that have no reply when they succeed.
SILENT: Final[frozenset[type[Message]]] = frozenset({GetMessages, SetStatus})


@dataclass(frozen=True, slots=True)
class Answered:
    """The request with this ticket was answered, by its reply or by ERROR; a silent one that succeeded by None."""

    ticket: int
    reply: Message | None


@dataclass(frozen=True, slots=True)
class Pushed:
    """A message or a change of status that nobody asked for."""

    message: IncomingMessage | StatusUpdate


@dataclass(frozen=True, slots=True)
class Told:
    """An ERROR that answers no request."""

    error: Error


@dataclass(frozen=True, slots=True)
class Over:
    """The connection is over; without an error if it was ended by LOGOUT."""

    error: Ended | None


Event = Answered | Pushed | Told | Over


@dataclass(slots=True)
class _Outstanding:
    ticket: int
    reply: type[Message]
    is_fenced: bool = False
    refusal: Error | None = None


class ClientCore:
    """One connection's worth of protocol."""

    def __init__(self) -> None:
        self._reader = FrameReader()
        self._tickets = count(1)
        self._outstanding: deque[_Outstanding] = deque()
        self._fenced: _Outstanding | None = None
        self._lists_asked = 0
        self._held: deque[tuple[_Outstanding, bytes]] = deque()
        self._to_send = bytearray()
        self._is_leaving = False
        self._is_over = False
        self._last_words: Error | None = None

    # What the client wants

    def ask(self, request: Message, fence: Message | None = None) -> int:
        """Takes a request, and returns the ticket that its answer will bear; a silent request takes a fence.

        Raises:
            Misuse: the connection is over or being left.
            WireError: a value does not fit its field.
        """
        if self._is_over or self._is_leaving:
            raise Misuse("this connection takes no more requests")
        if (type(request) in SILENT) != (fence is not None):
            raise Misuse("a fence belongs behind requests without a reply, and only there")
        data = build(request) + (build(fence) if fence is not None else b"")
        entry = _Outstanding(next(self._tickets), REPLIES[type(fence or request)], fence is not None)
        self._held.append((entry, data))
        self._release()
        return entry.ticket

    def leave(self) -> None:
        """Takes the wish to log out; the connection then ends without an error. CLIENT-LOGOUT"""
        if not self._is_over and not self._is_leaving:
            self._is_leaving = True
            self._held.clear()
            self._to_send += build(Logout())

    def data_to_send(self) -> bytes:
        """What is to be written to the server now."""
        data = bytes(self._to_send)
        self._to_send.clear()
        return data

    @property
    def waits(self) -> bool:
        """Whether an answer is outstanding."""
        return bool(self._outstanding or self._held)

    # What the server does

    def receive(self, data: bytes) -> list[Event]:
        """Takes bytes from the server, cut anywhere."""
        events: list[Event] = []
        if self._is_over:
            return events
        try:
            self._read(data, events)
        except WireError as error:
            self._end(events, ProtocolViolation(f"the server broke the protocol: {error}"))
        self._release()
        return events

    def finish(self, reason: str = "") -> list[Event]:
        """Takes the end of the connection, with the reason if there is one."""
        events: list[Event] = []
        if self._is_over:
            return events
        if self._is_leaving:
            self._end(events, None)
            return events
        words = f"the connection was lost{': ' if reason else ''}{reason}"
        if self._reader:
            words += " in the middle of a frame"
        if self._last_words is not None:
            words += f"; the last the server said was: {error_words(self._last_words)}"
        self._end(events, Disconnected(words))
        return events

    def _read(self, data: bytes, events: list[Event]) -> None:
        reader = self._reader
        reader.limit = self._limit()
        for kind, payload in reader.feed(data):
            if kind not in SERVER_TYPES:
                raise WireError(f"it sent a frame of type 0x{kind:02x}, which no server sends")
            longest = LONGEST[kind]
            if len(payload) > longest:
                raise FrameTooLong(len(payload), longest)
            message = parse(kind, payload)
            if problem := problem_of(message):
                raise WireError(problem)
            self._take(message, events)
            if self._is_over:
                return
            reader.limit = self._limit()

    def _limit(self) -> int:
        """The longest payload that can be right now: a list of users only if one was asked for. CLIENT-BOUND"""
        return LONGEST[UserListResponse.type] if self._lists_asked else LONGEST[IncomingMessage.type]

    def _take(self, message: Message, events: list[Event]) -> None:
        match message:
            case IncomingMessage() | StatusUpdate():
                events.append(Pushed(message))
            case Error(ErrorCode.CONNECTION_TERMINATED):
                self._take_farewell(message, events)
            case Error():
                self._take_error(message, events)
            case _:
                self._take_reply(message, events)

    def _take_farewell(self, error: Error, events: list[Event]) -> None:
        # Open point logout: after LOGOUT this is how some servers close.
        words = f"the server ended the connection: {error_words(error)}"
        self._end(events, None if self._is_leaving else Terminated(words))

    def _take_error(self, error: Error, events: list[Event]) -> None:
        self._last_words = error
        if not self._outstanding:
            events.append(Told(error))
            return
        oldest = self._outstanding[0]
        if oldest.is_fenced and oldest.refusal is None:
            oldest.refusal = error
            return
        self._answer(oldest, oldest.refusal or error, events)

    def _take_reply(self, reply: Message, events: list[Event]) -> None:
        entry = next((entry for entry in self._outstanding if entry.reply is type(reply)), None)
        if entry is None:
            # FRAME-UNASKED
            raise WireError(f"it sent {NAMES[reply.type]}, which answers nothing that was asked")
        self._answer(entry, entry.refusal if entry.is_fenced else reply, events)

    def _answer(self, entry: _Outstanding, reply: Message | None, events: list[Event]) -> None:
        self._outstanding.remove(entry)
        self._lists_asked -= entry.reply is UserListResponse
        if entry.is_fenced:
            self._fenced = None
        events.append(Answered(entry.ticket, reply))

    def _release(self) -> None:
        """Sends what is held back, up to and with the next fenced request."""
        while self._held and self._fenced is None:
            entry, data = self._held.popleft()
            self._outstanding.append(entry)
            self._lists_asked += entry.reply is UserListResponse
            self._fenced = entry if entry.is_fenced else None
            self._to_send += data

    def _end(self, events: list[Event], error: Ended | None) -> None:
        self._is_over = True
        self._outstanding.clear()
        self._held.clear()
        self._to_send.clear()
        events.append(Over(error))
