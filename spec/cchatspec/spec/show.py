"""The spec as text for people and JSON for programs: layouts, clauses, and decoded captures.

Text is at most 80 columns wide. What came from a peer is escaped, so that no control character of it reaches a terminal.
"""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache

from cchatspec.spec.capture import Piece, Problem, decode
from cchatspec.spec.document import protocol_path, read_document
from cchatspec.spec.framing import HEADER_SIZE
from cchatspec.spec.generated.clauses import CLAUSES, FAMILIES, OPEN_POINTS
from cchatspec.spec.generated.messages import ErrorCode, MessageType
from cchatspec.spec.interpretive import FieldSpan
from cchatspec.spec.model import Clause, Direction, Group, Layouts, OpenPoint, UInt

WIDTH = 80
_ROW = 8
_ROWS = 4
_UNREAD_ROWS = 8


def layouts_json(layouts: Layouts) -> str:
    """Canonical JSON of the layouts: the same text for all documents that say the same."""
    return json.dumps(layouts.to_json(), indent=2, ensure_ascii=False)


def clauses_json() -> str:
    """Every clause and open point with all that is said of it."""
    clauses = [asdict(clause) | {"level": clause.level.value, "family": clause.family} for clause in CLAUSES.values()]
    points = [asdict(point) for point in OPEN_POINTS.values()]
    return json.dumps({"families": FAMILIES, "clauses": clauses, "open_points": points}, indent=2, ensure_ascii=False)


def clauses_text() -> str:
    """The clauses by family, each with its level and its sentence, and then the open points."""
    blocks = []
    for family, title in FAMILIES.items():
        rows = [_entry(f"{c.id}  {c.level.value}", c.text) for c in CLAUSES.values() if c.family == family]
        blocks.append("\n".join([f"{family}: {title}", "", *rows]))
    points = [_entry(f"{point.id}  OPEN", point.text) for point in OPEN_POINTS.values()]
    return "\n\n".join([*blocks, "\n".join(["Open points", "", *points])])


def clause_text(clause: Clause, cases: list[str]) -> str:
    """All about one clause, with the cases that test it."""
    parts = [
        f"{clause.id}  {clause.level.value}  binds {' and '.join(clause.roles)}",
        _filled(clause.text),
        _filled(f"Why: {clause.why}"),
        _filled(f"From: {'; '.join(clause.sources)}"),
    ]
    if clause.untestable:
        parts.append(_filled(f"Untestable: {clause.untestable}"))
    else:
        parts.append(_cases(cases))
    return "\n\n".join(parts)


def open_point_text(point: OpenPoint, cases: list[str]) -> str:
    """All about one open point, with the cases that observe it."""
    readings = [_entry(reading.value, reading.text, "    ") for reading in point.readings]
    reference = f"Reference: {point.reference}{', ' if point.why else '.'}{point.why}"
    return "\n\n".join(
        [
            f"{point.id}  OPEN",
            _filled(point.text),
            "\n".join(["Readings:", *readings]),
            _filled(reference),
            _filled(f"From: {'; '.join(point.sources)}"),
            _cases(cases),
        ]
    )


def _cases(cases: list[str]) -> str:
    return "\n".join(["Cases:", *(f"  {case}" for case in cases)]) if cases else "Cases: none"


def _entry(name: str, text: str, indent: str = "      ") -> str:
    return "\n".join([f"  {name}", _filled(text, indent)])


def _filled(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def piece_text(number: int, piece: Piece) -> str:
    """A piece of a capture: a title, its fields with hexdump and value, and what is wrong with it."""
    start = piece.offset
    lines = [f"#{number} at {start:#06x}: {piece_title(piece)}"]
    for span in piece.fields:
        lines += _field_rows(piece, span)
        start = span.end
    if start < piece.end:
        lines += _hex_rows(piece.data[start - piece.offset :], start, "(unread)", _UNREAD_ROWS)
    if piece.problem:
        lines += _problem_rows(piece.problem)
    return "\n".join(lines)


def capture_text(capture: bytes) -> Iterator[tuple[str, bool]]:
    """The text of every piece of a capture and whether the piece is right, and a last line that counts them."""
    total = wrong = 0
    for total, piece in enumerate(decode(capture), 1):
        wrong += piece.problem is not None
        yield piece_text(total, piece) + "\n", piece.problem is None
    yield _summary(capture, total, wrong), wrong == 0


def _summary(capture: bytes, total: int, wrong: int) -> str:
    frames = f"{len(capture)} bytes, {total} frame{'s' * (total != 1)}"
    if not wrong:
        return f"{frames}, {'all whole and right' if total else 'nothing to decode'}"
    hint = " (this looks like hexadecimal text; decode it with --hex)" if _looks_like_hex(capture) else ""
    return f"{frames}, {wrong} of them wrong{hint}"


def _looks_like_hex(capture: bytes) -> bool:
    return not capture[:64].strip(b"0123456789abcdefABCDEF:x \t\r\n")


def closest(name: str) -> str:
    """What a mistyped id of a clause or an open point may have meant, as a sentence; empty if nothing is near."""
    known = {key.lower(): key for key in [*CLAUSES, *OPEN_POINTS]}
    near = difflib.get_close_matches(name.lower(), known, n=3)
    return f" Did you mean {' or '.join(known[key] for key in near)}?" if near else ""


def piece_title(piece: Piece) -> str:
    """What a piece of a capture is: its type, its direction, and how many bytes of payload are there."""
    if piece.code is None:
        return "part of a header"
    if piece.code not in _directions():
        return f"0x{piece.code:02X} unknown type"
    there = len(piece.data) - HEADER_SIZE
    return f"0x{piece.code:02X} {MessageType(piece.code).name}, {_directions()[piece.code]}, {there} byte{'s' * (there != 1)}"


@cache
def _layouts() -> Layouts:
    return read_document(protocol_path().read_text(encoding="utf-8")).layouts


@cache
def _directions() -> dict[int, str]:
    words = {Direction.CLIENT_TO_SERVER: "client to server", Direction.SERVER_TO_CLIENT: "server to client"}
    return {message.code: words[message.direction] for message in _layouts().messages}


@cache
def _named_values() -> dict[tuple[str, int], str]:
    """What the document calls the values of integer fields, by path and number."""
    names: dict[tuple[str, int], str] = {}
    for message in _layouts().messages:
        for field in message.fields:
            for item in field.fields if isinstance(field, Group) else (field,):
                path = f"{message.name}.{item.name}"
                found = item.values if isinstance(item, UInt) else ()
                names |= {(path, number): label for number, label in found}
                if item.name == "error_code":
                    names |= {(path, code.value): code.text for code in ErrorCode}
    names |= {("message_type", code): MessageType(code).name for code in _directions()}
    return names


def _field_rows(piece: Piece, span: FieldSpan) -> Iterator[str]:
    name = span.path.partition(".")[2] or span.path
    data = piece.data[span.start - piece.offset : span.end - piece.offset]
    yield from _hex_rows(data, span.start, f"{name}: {field_text(span)}", _ROWS)


def _hex_rows(data: bytes, offset: int, note: str, rows: int) -> Iterator[str]:
    for at in range(0, min(len(data), rows * _ROW), _ROW):
        row = f"  {offset + at:08x}  {data[at : at + _ROW].hex(' '):<{_ROW * 3 - 1}}  {note if at == 0 else ''}"
        yield _cut(row.rstrip())
    if len(data) > rows * _ROW:
        yield f"  ........  {len(data) - rows * _ROW} more"


def field_text(span: FieldSpan) -> str:
    """The value of a field in words; of long bytes, how many there are."""
    if isinstance(span.value, bytes):
        is_text = span.value.isascii() and span.value.decode("ascii").isprintable()
        return escaped(span.value) if is_text or len(span.value) <= _ROW else f"{len(span.value)} bytes"
    label = _named_values().get((span.path, span.value))
    return f"{span.value} ({label})" if label else str(span.value)


def escaped(data: bytes) -> str:
    """Bytes from a peer as text in quotes, where all that is not printable ASCII is escaped."""
    return repr(data)[1:]


def _cut(row: str) -> str:
    return row if len(row) <= WIDTH else f"{row[: WIDTH - 1]}…"


def _problem_rows(problem: Problem) -> list[str]:
    where = f"{problem.path}: " if problem.path else ""
    text = f"WRONG at {problem.offset:#06x}: {where}{problem.reason}"
    return [textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="    ")]
