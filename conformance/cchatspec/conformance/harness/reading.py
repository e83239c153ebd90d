"""Reading the target's frames: strictly first, then leniently where a common slip leaves no doubt about what is meant.

A slip is noted as a deviation from its clause and fails there, once. What stands behind it can still be judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cchatspec.conformance.harness.outcomes import Unreadable
from cchatspec.spec import (
    HEADER_SIZE,
    MESSAGES,
    Error,
    ErrorCode,
    Frame,
    FrameReader,
    FrameTooLong,
    LoginResponse,
    MalformedPayload,
    Message,
    MessageType,
    PublicKeyResponse,
    RegisterResponse,
    UserListResponse,
    frame_bytes,
    parse,
)

_ERROR_CODES = frozenset(ErrorCode)
_SERVER_TYPES = {kind for kind in MESSAGES if kind >= 0x80}
COUNT_SIZE = 2
LENGTH_SIZE = 4


@dataclass(frozen=True, slots=True)
class Deviation:
    """Something in a frame of the target that breaks a clause, wherever it was met."""

    clause: str
    reason: str
    data: bytes


@dataclass
class Manners:
    """What is odd about every connection to a target, and is read leniently once it has failed at its clause.

    Attributes:
        greeting: how many frames come unasked on each new connection.
        counts_header: whether the lengths in headers count the header's own bytes.
        settled: whether the first reply has come, by which the second is told.
        registers_apart: whether a user is best logged in on another connection than the one that registered them.
        one_at_a_time: whether of requests that come together the target answers the first alone, or the others late.
        lists_present_only: whether users who are not logged in are missing in the list.
        doubled: the types of messages of which each comes twice.
        name_size: how long the names may be that are made up for cases, in bytes.
    """

    greeting: int = 0
    counts_header: bool = False
    settled: bool = False
    one_at_a_time: bool = False
    registers_apart: bool = False
    lists_present_only: bool = False
    doubled: set[type[Message]] = field(default_factory=set)
    name_size: int = 31


class HeaderCountingReader(FrameReader):
    """Reads frames whose length counts the header too."""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole with this data, in order.

        Raises:
            FrameTooLong: the next header announces more than the limit.
        """
        self._buffer += data
        while len(self._buffer) >= HEADER_SIZE:
            length = int.from_bytes(self._buffer[:LENGTH_SIZE], "big")
            if length > self.limit + HEADER_SIZE:
                raise FrameTooLong(length, self.limit)
            end = max(length, HEADER_SIZE)
            if len(self._buffer) < end:
                return
            frame = Frame(self._buffer[LENGTH_SIZE], bytes(self._buffer[HEADER_SIZE:end]))
            del self._buffer[:end]
            yield frame


def counts_header(rest: bytes) -> bool:
    """Whether an unfinished frame is whole if its length counts the header."""
    return len(rest) > HEADER_SIZE and int.from_bytes(rest[:LENGTH_SIZE], "big") == len(rest)


def read_frame(frame: Frame) -> tuple[Message | Unreadable, list[Deviation]]:
    """The message of a frame as strictly as possible, and what is wrong with it.

    The message is `Unreadable` if no lenient reading is certain either.
    """
    data = frame_bytes(frame.type, frame.payload)
    if frame.type not in _SERVER_TYPES:
        whose = "a client's type" if frame.type in MESSAGES else "an unassigned type"
        return _unreadable("FRAME-HEADER", f"the target sent a frame of type 0x{frame.type:02x}, {whose}", data)
    try:
        message = parse(frame.type, frame.payload)
    except MalformedPayload as malformed:
        reason = str(malformed)
        if (uncounted := _uncounted(frame)) is not None:
            wrong = (
                f"the user count is {int.from_bytes(frame.payload[:2], 'big')}, and {len(uncounted.users)} users follow"
            )
            return uncounted, [Deviation("LIST-COUNT", wrong, data)]
        lenient = _lenient(frame)
        if lenient is None:
            return _unreadable("FRAME-LAYOUT", reason, data)
        return lenient, [Deviation("FRAME-LAYOUT", reason, data)]
    return message, _value_deviations(message, data)


def _unreadable(clause: str, reason: str, data: bytes) -> tuple[Unreadable, list[Deviation]]:
    return Unreadable(clause, reason, data), [Deviation(clause, reason, data)]


def _lenient(frame: Frame) -> Message | None:
    """The one message that a frame with a well-known slip can mean."""
    flag, size = frame.payload[:1], len(frame.payload)
    match frame.type, flag, size:
        case MessageType.REGISTER_RESPONSE, b"\x01", 2:  # an error code although nothing failed
            return RegisterResponse(1)
        case MessageType.LOGIN_RESPONSE, b"\x01", 1:  # a final success without its 32 bytes
            return LoginResponse(1, None)
        case MessageType.LOGIN_RESPONSE, b"\x00", 33:  # a failure in a structure of fixed size
            return LoginResponse(0)
        case MessageType.PUBLIC_KEY_RESPONSE, b"\x00", 33:
            return PublicKeyResponse(0)
        case _:
            return None


def _uncounted(frame: Frame) -> UserListResponse | None:
    """A list of users whose entries are whole and whose count is wrong."""
    if frame.type != MessageType.USER_LIST_RESPONSE or len(frame.payload) < COUNT_SIZE:
        return None
    entries, at = 0, COUNT_SIZE
    while at < len(frame.payload):
        at += 1 + frame.payload[at] + 1
        entries += 1
    try:
        message = parse(frame.type, entries.to_bytes(COUNT_SIZE, "big") + frame.payload[COUNT_SIZE:])
    except (MalformedPayload, OverflowError):
        return None
    return message if isinstance(message, UserListResponse) else None


def _value_deviations(message: Message, data: bytes) -> list[Deviation]:
    """What the layout allows and a clause about values does not."""
    found = []
    match message:
        case RegisterResponse(success=0, error_code=code) if code not in _ERROR_CODES:
            found.append(
                Deviation("ERROR-CODE", f"REGISTER_RESPONSE has the error code {code}, which is not defined", data)
            )
        case Error(error_code=code, error_message=text):
            if code not in _ERROR_CODES:
                found.append(Deviation("ERROR-CODE", f"ERROR has the code {code}, which is not defined", data))
            if not _is_utf8(text):
                found.append(Deviation("ERROR-TEXT", f"the error message {text[:40]!r} is not UTF-8", data))
        case _:
            pass
    return found


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
