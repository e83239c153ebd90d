"""Bytes of a frame for the eye: rows of a hexdump, and the tree of fields that they hold.

Each field has a number by which its bytes and its node in the tree light up together. Bytes that are cut off in the results file
are not called wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cchatspec.reports.text import plain
from cchatspec.spec.capture import Piece, decode
from cchatspec.spec.interpretive import FieldSpan
from cchatspec.spec.show import field_text, piece_title

ROW = 8
#: So many fields light up; the style sheet has a rule for each.
FIELDS = 40
_PIECES = 3
_UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Run:
    """Bytes side by side that belong to one field; `number` is None where they belong to none."""

    number: int | None
    hex: str
    text: str
    gap: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A field in the tree."""

    number: int
    name: str
    value: str
    offset: str
    size: int
    depth: int


@dataclass(frozen=True, slots=True)
class FrameView:
    """A frame, or what stands where one should be."""

    title: str
    rows: tuple[tuple[str, tuple[Run, ...], str], ...]
    nodes: tuple[Node, ...]
    more_fields: int
    problem: str
    size: int


@dataclass(frozen=True, slots=True)
class BytesView:
    """The frames in some bytes; `left_out` frames before them are not shown, and `cut` bytes behind are not in the file."""

    frames: tuple[FrameView, ...]
    left_out: int
    cut: int


def bytes_view(text: str, size: int) -> BytesView | None:
    """The last frames in bytes that are written as hexadecimal digits; None if there is nothing, or it is no hexadecimal."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return None
    pieces = list(decode(data))
    if not pieces:
        return None
    cut = max(0, size - len(data))
    last = pieces[-_PIECES:]
    frames = tuple(_frame(piece, cut if piece is last[-1] else 0) for piece in last)
    return BytesView(frames, len(pieces) - len(last), cut)


def _frame(piece: Piece, cut: int) -> FrameView:
    spans = list(piece.fields)
    read = spans[-1].end if spans else piece.offset
    if read < piece.end:
        spans.append(FieldSpan(_UNREAD, read, piece.end, b""))
    nodes = tuple(_node(number, span) for number, span in enumerate(spans[:FIELDS]))
    problem = f"{piece.problem.reason} (at {piece.problem.offset:#06x})" if piece.problem and not cut else ""
    rows = tuple(_rows(piece, spans))
    title = plain(piece_title(piece))
    return FrameView(title, rows, nodes, max(0, len(spans) - FIELDS), plain(problem), len(piece.data) + cut)


def _node(number: int, span: FieldSpan) -> Node:
    path = span.path.partition(".")[2] or span.path
    value = "not read as any field" if span.path == _UNREAD else field_text(span)
    return Node(
        number, plain(path), plain(value), f"{span.start:#06x}", span.end - span.start, 1 if "." in span.path else 0
    )


def _rows(piece: Piece, spans: list[FieldSpan]) -> Iterator[tuple[str, tuple[Run, ...], str]]:
    """Offset, runs of bytes, and the white space that fills a short row."""
    owner: list[int | None] = [None] * len(piece.data)
    for number, span in enumerate(spans[:FIELDS]):
        for at in range(span.start - piece.offset, min(span.end - piece.offset, len(owner))):
            owner[at] = number
    for start in range(0, len(piece.data), ROW):
        row = piece.data[start : start + ROW]
        yield f"{piece.offset + start:04x}", _runs(row, owner[start : start + ROW]), "   " * (ROW - len(row))


def _runs(row: bytes, owner: list[int | None]) -> tuple[Run, ...]:
    runs = []
    start = 0
    for end in range(1, len(row) + 1):
        if end == len(row) or owner[end] != owner[start]:
            part = row[start:end]
            text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in part)
            runs.append(Run(owner[start], part.hex(" "), text, " " if end < len(row) else ""))
            start = end
    return tuple(runs)
