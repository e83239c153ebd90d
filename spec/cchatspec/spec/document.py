"""Reading a protocol document: Markdown in, layouts, clauses and open points out.

`outline` finds headings, fenced blocks, paragraphs and list items; the notation's grammar reads what is in them. The sections
that count are `Message Format` (the header), `Message Types`, `Error Codes`, and, where a document has them, `Clauses`
and `Open Points`. All other text is prose and means nothing here.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from .layouts import read_header, read_payload
from .model import (
    Clause,
    Direction,
    Document,
    Family,
    Header,
    Layouts,
    Level,
    MessageLayout,
    OpenPoint,
    Reading,
)
from .notation import DocumentError, Fragment, Position, parse, shown, tokens
from .outline import Block, Section, read_outline

_DIRECTIONS = {
    "client to server messages": Direction.CLIENT_TO_SERVER,
    "server to client messages": Direction.SERVER_TO_CLIENT,
}

#: The top bit of a message type tells its direction.
_TYPE_RANGES = {
    Direction.CLIENT_TO_SERVER: range(0x01, 0x80),
    Direction.SERVER_TO_CLIENT: range(0x80, 0x100),
}
_ERROR_RANGE = range(0x01, 0x100)

#: A heading inside of a layout block means that the block was not closed before it.
_HEADING = re.compile(r"^#{1,6} ", re.MULTILINE)
#: A paragraph that starts like this is a layout that has lost its fence.
_LAYOUT = re.compile(r"\s*(Payload:|\[\w+ bytes?:)")


def protocol_path() -> Path:
    """Where PROTOCOL.md is: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "PROTOCOL.md"
    return installed if installed.exists() else package.parents[1] / "PROTOCOL.md"


def load_document(path: str) -> Document:
    """All that the document in a file says; `-` is standard input.

    Raises:
        DocumentError: the file cannot be read, is not UTF-8, or departs from the notation.
    """
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise DocumentError(Position(1, 1), f"expected a file to read, {error.strerror}", path) from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").split("\n")
        position = Position(len(before), len(before[-1]) + 1)
        raise DocumentError(position, f"expected UTF-8 text, found the byte 0x{data[error.start]:02x}", path) from None
    return read_document(text, path)


def read_document(text: str, source: str = "") -> Document:
    """All that a document says.

    Args:
        text: the Markdown.
        source: what errors call the document, such as its path.

    Raises:
        DocumentError: the document departs from the notation, with line and column.
    """
    try:
        root = read_outline(text)
        layouts = Layouts(_header(root), _messages(root), _errors(root))
        headings = {section.heading.text for section in root.walk()}
        families, clauses = _clauses(root, headings)
        return Document(layouts, families, clauses, _open_points(root, headings))
    except DocumentError as error:
        error.source = source
        raise


def _layout_block(section: Section, what: str) -> Fragment:
    fences = [block for block in section.blocks if block.kind == "fence"]
    for fence in fences:
        if not fence.closed or _HEADING.search(fence.text):
            opening = Position(fence.start.line - 1, 1)
            raise DocumentError(opening, f"expected a closing ``` to the fenced block with the layout of {what}")
    for block in section.blocks:
        if block.kind != "fence" and _LAYOUT.match(block.text):
            raise DocumentError(
                block.start, f"expected the layout of {what} in a fenced block (```), found it outside of one"
            )
    if not fences:
        raise DocumentError(
            section.heading.start, f"expected a fenced block (```) with the layout of {what}, found none"
        )
    if len(fences) > 1:
        raise DocumentError(fences[1].start, f"expected one fenced block with the layout of {what}, found another")
    return fences[0].fragment


def _header(root: Section) -> Header:
    return read_header(_layout_block(root.need("Message Format"), "the header"))


def _messages(root: Section) -> tuple[MessageLayout, ...]:
    messages: list[MessageLayout] = []
    section = root.need("Message Types")
    for group in section.children:
        direction = _DIRECTIONS.get(group.heading.text.lower())
        if direction is None:
            wanted = "'Client to Server Messages' or 'Server to Client Messages'"
            raise DocumentError(group.heading.start, f"expected {wanted}, found {shown(group.heading.text)}")
        for child in group.children:
            messages.append(_message(child, direction, messages))
    if not messages:
        raise DocumentError(section.heading.start, "expected messages such as '#### 0x01 - NAME', found none")
    return tuple(messages)


def _message(section: Section, direction: Direction, earlier: list[MessageLayout]) -> MessageLayout:
    heading = section.heading
    tree = parse("message_heading", heading.fragment)
    code, name = int(tokens(tree, "CODE")[0], 16), str(tokens(tree, "MESSAGE_NAME")[0])
    legal = _TYPE_RANGES[direction]
    if code not in legal:
        wanted = f"a {direction.value} type from 0x{legal[0]:02X} to 0x{legal[-1]:02X}"
        raise DocumentError(heading.start, f"expected {wanted}, found {shown(tokens(tree, 'CODE')[0])}")
    for other in earlier:
        if code == other.code:
            problem = f"expected a new code, found 0x{code:02X}, which is that of {other.name} in line {other.line}"
            raise DocumentError(heading.start, problem)
        if name == other.name:
            raise DocumentError(heading.start, f"expected a new name, found {name}, which line {other.line} has")
    for child in section.children:
        if child.heading.text.lower().startswith("0x"):
            problem = f"expected the heading of a message on the level of {name}, found it below"
            raise DocumentError(child.heading.start, problem)
    fields = read_payload(_layout_block(section, name))
    return MessageLayout(code, name, direction, fields, heading.start.line)


def _errors(root: Section) -> tuple[tuple[int, str], ...]:
    section = root.need("Error Codes")
    errors: dict[int, str] = {}
    for block in section.blocks:
        if block.kind == "item":
            code, text = _error(block, errors)
            errors[code] = text
    if not errors:
        raise DocumentError(section.heading.start, "expected a list of error codes such as '- 0x01: Invalid username'")
    return tuple(errors.items())


def _error(block: Block, earlier: dict[int, str]) -> tuple[int, str]:
    tree = parse("error_item", block.fragment)
    code, text = int(tokens(tree, "CODE")[0], 16), str(tokens(tree, "SENTENCE")[0]).strip()
    if code not in _ERROR_RANGE:
        found = shown(tokens(tree, "CODE")[0])
        raise DocumentError(block.start, f"expected an error code from 0x01 to 0xFF, found {found}")
    for other, other_text in earlier.items():
        if code == other or text.lower() == other_text.lower():
            problem = f"expected a new error, found 0x{code:02X}: {text}, and 0x{other:02X} is {shown(other_text)}"
            raise DocumentError(block.start, problem)
    return code, text


def _clauses(root: Section, headings: set[str]) -> tuple[tuple[Family, ...], tuple[Clause, ...]]:
    section = root.find("Clauses")
    families: list[Family] = []
    clauses: list[Clause] = []
    for group in section.children if section else ():
        tree = parse("family_heading", group.heading.fragment)
        family = Family(str(tokens(tree, "FAMILY")[0]), str(tokens(tree, "SENTENCE")[0]).strip())
        families.append(family)
        for child in group.children:
            clause = _clause(child, headings)
            if clause.family != family.id or clause.id in {other.id for other in clauses}:
                problem = f"expected a new clause of the family {family.id}, found '{clause.id}'"
                raise DocumentError(child.heading.start, problem)
            clauses.append(clause)
    return tuple(families), tuple(clauses)


def _clause(section: Section, headings: set[str]) -> Clause:
    name = str(tokens(parse("clause_heading", section.heading.fragment), "CLAUSE")[0])
    if len(section.blocks) < 3:
        raise DocumentError(
            section.heading.start, f"expected three paragraphs under {name}: its level, its sentence and 'Why: …'"
        )
    meta, text, *rest = section.blocks
    tree = parse("clause_line", meta.fragment)
    notes = dict(_note(block) for block in rest)
    if "Why" not in notes:
        raise DocumentError(section.heading.start, f"expected a paragraph 'Why: …' under {name}")
    return Clause(
        id=name,
        level=Level(str(tokens(tree, "LEVEL")[0])),
        roles=tuple(str(role) for role in tokens(tree, "ROLE")),
        sources=_sources(next(tree.find_data("sources")).scan_values(lambda _: True), meta, headings),
        text=_flat(text.text),
        why=notes["Why"],
        untestable=notes.get("Untestable"),
    )


def _note(block: Block) -> tuple[str, str]:
    keyword, colon, text = block.text.partition(":")
    if not colon or keyword not in ("Why", "Untestable"):
        raise DocumentError(block.start, "expected a paragraph that starts with 'Why:' or 'Untestable:'")
    return keyword, _flat(text)


def _sources(found: Iterator[object], block: Block, headings: set[str]) -> tuple[str, ...]:
    sources = tuple(str(source).strip() for source in found)
    for source in sources:
        if source not in headings:
            raise DocumentError(block.start, f"expected the heading of a section of this document, found '{source}'")
    return sources


def _open_points(root: Section, headings: set[str]) -> tuple[OpenPoint, ...]:
    section = root.find("Open Points")
    points: list[OpenPoint] = []
    for child in section.children if section else ():
        point = _open_point(child, headings)
        if point.id in {other.id for other in points}:
            raise DocumentError(child.heading.start, f"expected a new open point, found '{point.id}' again")
        points.append(point)
    return tuple(points)


def _open_point(section: Section, headings: set[str]) -> OpenPoint:
    name = str(tokens(parse("point_heading", section.heading.fragment), "READING")[0])
    if len(section.blocks) < 5:
        raise DocumentError(
            section.heading.start,
            f"expected under {name}: its source, a sentence, two readings or more, 'Reference: …'",
        )
    meta, text, *items, last = section.blocks
    sources = parse("source_line", meta.fragment)
    readings = []
    for item in items:
        tree = parse("reading_item", item.fragment)
        readings.append(Reading(str(tokens(tree, "READING")[0]), _flat(str(tokens(tree, "SENTENCE")[0]))))
    choice = parse("reference_line", last.fragment)
    reference = str(tokens(choice, "READING")[0])
    if reference not in {reading.value for reading in readings}:
        raise DocumentError(last.start, f"expected one of the readings of {name}, found '{reference}'")
    why = "".join(tokens(choice, "WHY")).removeprefix(", ")
    found = next(sources.find_data("sources")).scan_values(lambda _: True)
    return OpenPoint(name, _sources(found, meta, headings), _flat(text.text), tuple(readings), reference, why)


def _flat(text: str) -> str:
    return " ".join(text.split())
