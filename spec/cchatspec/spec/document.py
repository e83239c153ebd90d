"""Reading a protocol document: Markdown in, layouts, clauses and open points out.

A Markdown library finds headings, fenced blocks, paragraphs and list items; the notation's grammar reads what is in them. The
sections that count are `Message Format` (the header), `Message Types`, `Error Codes`, and, where a document has them, `Clauses`
and `Open Points`. All other text is prose and means nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token as MarkdownToken

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
from .notation import DocumentError, Fragment, Position, parse, tokens

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


@dataclass(frozen=True, slots=True)
class _Block:
    """A heading, fence, paragraph or list item of the document; `level` is that of a heading, else 0."""

    kind: str
    level: int
    fragment: Fragment
    closed: bool = True

    @property
    def text(self) -> str:
        return self.fragment.text

    @property
    def start(self) -> Position:
        return self.fragment.locate(1, 1)


@dataclass(slots=True)
class _Section:
    """A heading and the blocks under it, up to the next heading of the same or a higher level."""

    heading: _Block
    blocks: list[_Block] = field(default_factory=list)
    children: list[_Section] = field(default_factory=list)

    def walk(self) -> Iterator[_Section]:
        yield self
        for child in self.children:
            yield from child.walk()


def protocol_path() -> Path:
    """Where PROTOCOL.md is: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "PROTOCOL.md"
    return installed if installed.exists() else package.parents[1] / "PROTOCOL.md"


def read_document(text: str, source: str = "") -> Document:
    """All that a document says.

    Args:
        text: the Markdown.
        source: what errors call the document, such as its path.

    Raises:
        DocumentError: the document departs from the notation, with line and column.
    """
    try:
        root = _outline(text)
        layouts = Layouts(_header(root), _messages(root), _errors(root))
        headings = {section.heading.text for section in root.walk()}
        families, clauses = _clauses(root, headings)
        return Document(layouts, families, clauses, _open_points(root, headings))
    except DocumentError as error:
        error.source = source
        raise


def _outline(text: str) -> _Section:
    root = _Section(_Block("heading", 0, Fragment("", (Position(1, 1),))))
    path = [root]
    for block in _blocks(text):
        if block.kind != "heading":
            path[-1].blocks.append(block)
            continue
        while path[-1].heading.level >= block.level:
            path.pop()
        section = _Section(block)
        path[-1].children.append(section)
        path.append(section)
    return root


def _blocks(text: str) -> Iterator[_Block]:
    lines = text.splitlines()
    level, kind = 0, "paragraph"
    for token in MarkdownIt("commonmark").parse(text):
        match token.type:
            case "heading_open":
                level, kind = int(token.tag[1:]), "heading"
            case "heading_close":
                level, kind = 0, "paragraph"
            case "bullet_list_open":
                kind = "item"
            case "bullet_list_close":
                kind = "paragraph"
            case "inline":
                yield _Block(kind, level, _fragment(token, lines, 0))
            case "fence":
                yield _Block("fence", 0, _fragment(token, lines, 1), _is_closed(token, lines))
            case _:
                pass


def _fragment(token: MarkdownToken, lines: list[str], skip: int) -> Fragment:
    """The token's content, and where each of its lines starts: Markdown strips indentation, markers and hashes."""
    first = (token.map or [0, 0])[0] + skip
    starts = []
    for offset, content in enumerate(token.content.splitlines() or [""]):
        raw = lines[first + offset] if first + offset < len(lines) else ""
        starts.append(Position(first + offset + 1, max(raw.find(content), 0) + 1))
    return Fragment(token.content, tuple(starts))


def _is_closed(token: MarkdownToken, lines: list[str]) -> bool:
    first, end = token.map or [0, 0]
    return end - 1 > first and lines[end - 1].strip().startswith(token.markup)


def _section(root: _Section, name: str) -> _Section | None:
    return next((section for section in root.walk() if section.heading.text.lower() == name.lower()), None)


def _needed(root: _Section, name: str) -> _Section:
    section = _section(root, name)
    if section is None:
        raise DocumentError(Position(1, 1), f"expected a section '{name}', and the document has none")
    return section


def _layout_block(section: _Section, what: str) -> Fragment:
    fences = [block for block in section.blocks if block.kind == "fence"]
    for block in section.blocks:
        if block.kind != "fence" and block.text.lstrip().startswith(("Payload:", "[")):
            raise DocumentError(
                block.start, f"expected the layout of {what} in a fenced block (```), found it outside of one"
            )
    if not fences:
        raise DocumentError(
            section.heading.start, f"expected a fenced block (```) with the layout of {what}, found none"
        )
    if not fences[0].closed:
        opening = Position(fences[0].start.line - 1, 1)
        raise DocumentError(opening, f"the fenced block (```) with the layout of {what} is not closed")
    if len(fences) > 1:
        raise DocumentError(fences[1].start, f"expected one fenced block with the layout of {what}, found another")
    return fences[0].fragment


def _header(root: _Section) -> Header:
    return read_header(_layout_block(_needed(root, "Message Format"), "the header"))


def _messages(root: _Section) -> tuple[MessageLayout, ...]:
    messages: list[MessageLayout] = []
    for group in _needed(root, "Message Types").children:
        direction = _DIRECTIONS.get(group.heading.text.lower())
        if direction is None:
            wanted = "'Client to Server Messages' or 'Server to Client Messages'"
            raise DocumentError(group.heading.start, f"expected {wanted}, found '{group.heading.text}'")
        for section in group.children:
            messages.append(_message(section, direction, messages))
    return tuple(messages)


def _message(section: _Section, direction: Direction, earlier: list[MessageLayout]) -> MessageLayout:
    tree = parse("message_heading", section.heading.fragment)
    code, name = int(tokens(tree, "CODE")[0], 16), str(tokens(tree, "MESSAGE_NAME")[0])
    legal = _TYPE_RANGES[direction]
    if code not in legal:
        wanted = f"a {direction.value} type from 0x{legal[0]:02X} to 0x{legal[-1]:02X}"
        raise DocumentError(section.heading.start, f"expected {wanted}, found {tokens(tree, 'CODE')[0]}")
    for other in earlier:
        if code == other.code:
            raise DocumentError(
                section.heading.start, f"the code 0x{code:02X} is already that of {other.name}, line {other.line}"
            )
        if name == other.name:
            raise DocumentError(section.heading.start, f"the name {name} is already taken, line {other.line}")
    fields = read_payload(_layout_block(section, name))
    return MessageLayout(code, name, direction, fields, section.heading.start.line)


def _errors(root: _Section) -> tuple[tuple[int, str], ...]:
    section = _needed(root, "Error Codes")
    errors: dict[int, str] = {}
    for block in section.blocks:
        if block.kind != "item":
            continue
        tree = parse("error_item", block.fragment)
        code = int(tokens(tree, "CODE")[0], 16)
        if code not in _ERROR_RANGE:
            raise DocumentError(
                block.start, f"expected an error code from 0x01 to 0xFF, found {tokens(tree, 'CODE')[0]}"
            )
        if code in errors:
            raise DocumentError(block.start, f"the error code 0x{code:02X} is already '{errors[code]}'")
        errors[code] = str(tokens(tree, "SENTENCE")[0]).strip()
    if not errors:
        raise DocumentError(section.heading.start, "expected a list of error codes such as '- 0x01: Invalid username'")
    return tuple(errors.items())


def _clauses(root: _Section, headings: set[str]) -> tuple[tuple[Family, ...], tuple[Clause, ...]]:
    section = _section(root, "Clauses")
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


def _clause(section: _Section, headings: set[str]) -> Clause:
    name = section.heading.text
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


def _note(block: _Block) -> tuple[str, str]:
    keyword, colon, text = block.text.partition(":")
    if not colon or keyword not in ("Why", "Untestable"):
        raise DocumentError(block.start, "expected a paragraph that starts with 'Why:' or 'Untestable:'")
    return keyword, _flat(text)


def _sources(found: Iterator[object], block: _Block, headings: set[str]) -> tuple[str, ...]:
    sources = tuple(str(source).strip() for source in found)
    for source in sources:
        if source not in headings:
            raise DocumentError(block.start, f"expected the heading of a section of this document, found '{source}'")
    return sources


def _open_points(root: _Section, headings: set[str]) -> tuple[OpenPoint, ...]:
    section = _section(root, "Open Points")
    points: list[OpenPoint] = []
    for child in section.children if section else ():
        point = _open_point(child, headings)
        if point.id in {other.id for other in points}:
            raise DocumentError(child.heading.start, f"the open point '{point.id}' comes twice")
        points.append(point)
    return tuple(points)


def _open_point(section: _Section, headings: set[str]) -> OpenPoint:
    name = section.heading.text
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
