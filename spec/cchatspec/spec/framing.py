"""Splitting a byte stream into frames, without I/O.

A header is read as soon as it is there, so that a length beyond the limit is known before anything of the payload has come, and
memory holds no more than one frame of legal size and what was fed at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from cchatspec.spec.errors import FrameTooLong
from cchatspec.spec.generated.schemas import HEADER

#: Bytes in front of every payload.
HEADER_SIZE: Final[int] = HEADER.sizeof()

#: The longest legal payload of a client: SEND_MESSAGE with 255 bytes of recipient and 65,535 of body.
CLIENT_PAYLOAD_LIMIT: Final = 1 + 255 + 2 + 65_535

#: The longest legal payload at all: USER_LIST_RESPONSE with 65,535 users of 255 bytes each.
PAYLOAD_LIMIT: Final = 2 + 65_535 * (1 + 255 + 1)

_HEADER: Final = Struct(">IB")
_header, _pack_header = _HEADER.unpack_from, _HEADER.pack


class Frame(NamedTuple):
    """A message type and a payload that has not been looked into."""

    type: int
    payload: bytes


def frame_bytes(kind: int, payload: bytes, length: int | None = None) -> bytes:
    """A frame as it stands on the wire; `length` is what its header says, if that is not the payload's length."""
    return _pack_header(len(payload) if length is None else length, kind) + payload


class FrameReader:
    """Bytes in, frames out; `limit` is the longest payload that is accepted, in bytes."""

    def __init__(self, limit: int = CLIENT_PAYLOAD_LIMIT) -> None:
        self.limit = limit
        self._buffer = bytearray()

    @property
    def pending(self) -> bytes:
        """What has come of a frame that is not whole yet."""
        return bytes(self._buffer)

    def __bool__(self) -> bool:
        """Whether part of a frame is waiting for the rest."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole with this data, in order.

        Raises:
            FrameTooLong: the next header announces more than the limit. What came before it has been yielded.
        """
        source = data
        if self._buffer:
            self._buffer += data
            if not self._is_ready():
                return
            source = bytes(self._buffer)
            self._buffer.clear()
        at, end = 0, len(source)
        while end - at >= HEADER_SIZE:
            length, kind = _header(source, at)
            if length > self.limit:
                self._buffer += source[at:]
                raise FrameTooLong(length, self.limit)
            start = at + HEADER_SIZE
            if end - start < length:
                break
            at = start + length
            yield Frame(kind, source[start:at])
        if at < end:
            self._buffer += source[at:]

    def _is_ready(self) -> bool:
        """Whether the waiting bytes hold a whole frame or a header to refuse; else joining them again is wasted work."""
        if len(self._buffer) < HEADER_SIZE:
            return False
        length: int = _header(self._buffer)[0]
        return length > self.limit or len(self._buffer) - HEADER_SIZE >= length
