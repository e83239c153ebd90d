"""What captured bytes say: frames, their fields, and where and why they go wrong.

Pure: bytes in, pieces out. A piece is a frame, or the bytes at a place where no frame can be read. After a frame of unknown type
or with a malformed payload the next one is still found, since the header says where it starts; after a length that nothing in
the protocol can have, and after a frame that is cut off, there is no next one. All offsets count from the start of the capture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from cchatspec.spec.errors import UnknownType
from cchatspec.spec.framing import CLIENT_PAYLOAD_LIMIT, HEADER_SIZE, PAYLOAD_LIMIT
from cchatspec.spec.generated.schemas import HEADER
from cchatspec.spec.interpretive import FieldSpan, dissect
from cchatspec.spec.message import Message

#: The types with this bit set are the server's.
_SERVER_BIT = 0x80


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where in the capture it starts, and the path of the field that it is in, if it is in one."""

    offset: int
    reason: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A frame of the capture, or what stands where one should start.

    Attributes:
        offset: where its first byte is.
        data: its bytes, header included.
        code: its message type, or None if the header is cut off.
        fields: what could be read, header fields first.
        message: the message, if all is right with it.
        problem: what is wrong with it, if anything is.
    """

    offset: int
    data: bytes
    code: int | None
    fields: tuple[FieldSpan, ...] = ()
    message: Message | None = None
    problem: Problem | None = None

    @property
    def end(self) -> int:
        """Where the next piece starts."""
        return self.offset + len(self.data)


def decode(capture: bytes) -> Iterator[Piece]:
    """The pieces of a capture in order; together they hold all of its bytes."""
    at = 0
    while at < len(capture):
        piece = _piece(capture, at)
        yield piece
        at = piece.end


def _piece(capture: bytes, at: int) -> Piece:
    there = len(capture) - at - HEADER_SIZE
    if there < 0:
        reason = f"the capture ends after {HEADER_SIZE + there} of the {HEADER_SIZE} bytes of a header"
        return Piece(at, capture[at:], None, problem=Problem(at, reason))
    header, length, code = _header(capture, at)
    limit = PAYLOAD_LIMIT if code & _SERVER_BIT else CLIENT_PAYLOAD_LIMIT
    if length > there and length > limit:
        reason = (
            f"a length of {length} bytes, and no frame of this direction has more than {limit}; the rest is unreadable"
        )
        return Piece(at, capture[at:], code, header, problem=Problem(at, reason, header[0].path))
    frame = capture[at : at + HEADER_SIZE + length]
    piece = _read_payload(Piece(at, frame, code, header), code)
    if length > there:
        reason = f"the capture ends after {there} of the {length} bytes of the payload"
        return replace(piece, message=None, problem=Problem(len(capture), reason))
    return piece


def _header(capture: bytes, at: int) -> tuple[tuple[FieldSpan, ...], int, int]:
    values = HEADER.parse(capture[at : at + HEADER_SIZE])
    spans = []
    start = at
    for subcon in HEADER.subcons:
        end = start + subcon.sizeof()
        spans.append(FieldSpan(subcon.name, start, end, values[subcon.name]))
        start = end
    length, code = (span.value for span in spans)
    return tuple(spans), length, code


def _read_payload(piece: Piece, code: int) -> Piece:
    start = piece.offset + HEADER_SIZE
    try:
        found = dissect(code, piece.data[HEADER_SIZE:])
    except UnknownType as error:
        return replace(piece, problem=Problem(start - 1, str(error), piece.fields[-1].path))
    spans = tuple(FieldSpan(span.path, start + span.start, start + span.end, span.value) for span in found.fields)
    wrong = found.error
    problem = Problem(start + wrong.offset, wrong.reason, wrong.path) if wrong else None
    return replace(piece, fields=piece.fields + spans, message=found.message, problem=problem)
