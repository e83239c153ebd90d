"""What a right server reads in the stream that we send on one connection, whatever it was cut into and however it was edited.

The stream is split by its own headers: a header that was edited re-frames what follows. Each frame becomes a `Request`, with the
name of its type, the message that it is by its layout, and how far it departs from that. A request belongs to the place in the
script where its last byte was sent; the field that was edited is taken from where it began to go wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from cchatspec.spec import (
    CLIENT_PAYLOAD_LIMIT,
    HEADER_SIZE,
    FrameReader,
    FrameTooLong,
    MalformedPayload,
    Message,
    MessageType,
    parse,
)

#: Every server is expected to take payloads of so many bytes; more may be over its limit.
SURE_SIZE: Final = 1000

REGISTER, LOGIN, GET_KEY, SEND = 0x01, 0x02, 0x03, 0x04
POLL, SET_STATUS, LIST, LOGOUT = 0x05, 0x06, 0x07, 0x08

_LONGEST: Final = HEADER_SIZE + CLIENT_PAYLOAD_LIMIT
_NAMES: Final = {int(kind): kind.name for kind in MessageType}
_PORTABLE: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_PORTABLE_LENGTH: Final = 31


class Form(Enum):
    """How a request departs from its layout, from the clause that says what comes of it."""

    RIGHT = "right"
    #: FRAME-MALFORMED: cut short, or with a value that the layout does not name.
    MALFORMED = "malformed"
    #: FRAME-TRAILING and FRAME-EMPTY, which are SHOULDs: a server may also take what stands in front.
    TRAILING = "trailing"
    #: FRAME-UNKNOWN, a SHOULD.
    UNKNOWN = "unknown"


class Place(Struct, frozen=True, gc=False):
    """Where in a script something was sent; `field` is what was edited there, and a fence of the runner's own has step -1."""

    step: int
    frame: int = 0
    field: str = ""
    fence: bool = False


#: What is no part of a script.
OUTSIDE: Final = Place(-1)


@dataclass(slots=True, eq=False)
class Request:
    """A frame that we sent, as a right server reads it.

    Attributes:
        message: what it says, without trailing bytes.
        size: the length of its payload.
        sent_at: the event at which it was sent.
        is_risky: it may end the session, or the connection.
        may_switch: it may end the session, or make it somebody else's, without the end of the connection.
    """

    kind: int
    form: Form
    message: Message | None
    size: int
    place: Place
    sent_at: int = 0
    is_risky: bool = False
    may_switch: bool = False

    @property
    def name(self) -> str:
        """The name of its layout."""
        return name_of(self.kind)


def name_of(kind: int) -> str:
    """The name of a message type, or its number."""
    return _NAMES.get(kind) or f"0x{kind:02x}"


def is_portable(name: bytes) -> bool:
    """Whether every server has to take this name. REG-PORTABLE."""
    return 0 < len(name) <= _PORTABLE_LENGTH and _PORTABLE.issuperset(name)


class Stream:
    """Splits what is sent on one connection.

    Attributes:
        is_lost: a server need not read any further: a header announced more than any server has to take. FRAME-OVERSIZE.
    """

    def __init__(self) -> None:
        self.is_lost = False
        self._reader = FrameReader(CLIENT_PAYLOAD_LIMIT)
        self._field = ""
        self._place = OUTSIDE

    @property
    def half(self) -> Request | None:
        """The frame of which only a part was sent, if its type is known."""
        pending = self._reader.pending
        if len(pending) < HEADER_SIZE:
            return None
        return Request(pending[4], Form.MALFORMED, None, len(pending) - HEADER_SIZE, self._place)

    @property
    def is_in_step(self) -> bool:
        """Whether the next byte begins a frame."""
        return not self.is_lost and not self._reader

    @property
    def has_large_open(self) -> bool:
        """Whether half a frame is open that may be over the limit of a server."""
        pending = self._reader.pending
        return len(pending) >= 5 and int.from_bytes(pending[:4], "big") > SURE_SIZE

    def feed(self, data: bytes, place: Place) -> Sequence[Request]:
        """The requests that are whole with these bytes."""
        if self.is_lost:
            return ()
        if not self._reader and int.from_bytes(data[:4], "big") + HEADER_SIZE == len(data) <= _LONGEST:
            # How most come: one whole frame.
            return (read(data[4], data[HEADER_SIZE:], place),)
        return list(self._split(data, place))

    def _split(self, data: bytes, place: Place) -> Iterator[Request]:
        field = self._field if self._reader and self._field else place.field
        try:
            for frame in self._reader.feed(data):
                yield read(frame.type, frame.payload, place if field == place.field else replace(place, field=field))
        except FrameTooLong:
            self.is_lost = True
        self._field = field if self._reader else ""
        self._place = replace(place, field=field)


def read(kind: int, payload: bytes, place: Place = OUTSIDE) -> Request:
    """The request that a frame is."""
    size = len(payload)
    form, message = _recognised(kind, payload) if size <= _SHORT else _recognise(kind, payload)
    return Request(kind, form, message, size, place)


def _recognise(kind: int, payload: bytes) -> tuple[Form, Message | None]:
    """How a frame departs from its layout, and what it says."""
    if not 0 < kind <= LOGOUT:
        return Form.UNKNOWN, None
    size, end = len(payload), _end(kind, payload)
    if end is not None:
        try:
            message = parse(kind, payload if end == size else payload[:end])
        except MalformedPayload:
            pass
        else:
            return Form.RIGHT if end == size else Form.TRAILING, message
    return Form.MALFORMED, None


#: Requests up to this many bytes are recognised once, since fences come again and again.
_SHORT: Final = 64

_recognised = lru_cache(maxsize=4096)(_recognise)


def _end(kind: int, payload: bytes) -> int | None:
    """Where the layout of a request ends, by the lengths inside; None if it is beyond the payload."""
    if kind in (POLL, LIST, LOGOUT):
        return 0
    if not payload:
        return None
    end = 1
    if kind != SET_STATUS:
        end += payload[0]
    if kind == REGISTER:
        end += 32
    elif kind == LOGIN:
        end += 64
    elif kind == SEND:
        if len(payload) < end + 2:
            return None
        end += 2 + int.from_bytes(payload[end : end + 2], "big")
    return end if end <= len(payload) else None
