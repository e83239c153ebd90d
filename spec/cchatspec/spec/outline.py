"""A Markdown document as a tree of sections, where every piece of text knows its line and column.

A Markdown library finds headings, fenced blocks, paragraphs and list items; nothing here knows what any of them means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token as MarkdownToken

from .notation import DocumentError, Fragment, Position


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, fence, paragraph or list item of the document; `level` is that of a heading, else 0."""

    kind: str
    level: int
    fragment: Fragment
    closed: bool = True

    @property
    def text(self) -> str:
        """The text without the Markdown around it."""
        return self.fragment.text

    @property
    def start(self) -> Position:
        """Where the text starts."""
        return self.fragment.locate(1, 1)


@dataclass(slots=True)
class Section:
    """A heading and the blocks under it, up to the next heading of the same or a higher level."""

    heading: Block
    blocks: list[Block] = field(default_factory=list)
    children: list[Section] = field(default_factory=list)

    def walk(self) -> Iterator[Section]:
        """This section and all below it, in the order of the document."""
        yield self
        for child in self.children:
            yield from child.walk()

    def find(self, name: str) -> Section | None:
        """The section with this heading, in whatever letter case.

        Raises:
            DocumentError: there are two of them.
        """
        found = [section for section in self.walk() if section.heading.text.lower() == name.lower()]
        if len(found) > 1:
            first = found[0].heading.start.line
            raise DocumentError(
                found[1].heading.start, f"expected one section '{name}', found another, the first is in line {first}"
            )
        return found[0] if found else None

    def need(self, name: str) -> Section:
        """The section with this heading.

        Raises:
            DocumentError: there is none, or more than one.
        """
        section = self.find(name)
        if section is None:
            raise DocumentError(Position(1, 1), f"expected a section '{name}', and the document has none")
        return section


def read_outline(text: str) -> Section:
    """The root of all sections, itself without a heading."""
    root = Section(Block("heading", 0, Fragment("", (Position(1, 1),))))
    path = [root]
    for block in _blocks(re.sub("\r\n?", "\n", text.removeprefix("\ufeff"))):
        if block.kind != "heading":
            path[-1].blocks.append(block)
            continue
        while path[-1].heading.level >= block.level:
            path.pop()
        section = Section(block)
        path[-1].children.append(section)
        path.append(section)
    return root


def _blocks(text: str) -> Iterator[Block]:
    lines = text.split("\n")
    heading = lists = 0
    for token in MarkdownIt("commonmark").parse(text):
        match token.type:
            case "heading_open":
                heading = int(token.tag[1:])
            case "heading_close":
                heading = 0
            case "bullet_list_open" | "bullet_list_close":
                lists += token.nesting
            case "inline":
                kind = "heading" if heading else "item" if lists else "paragraph"
                yield Block(kind, heading, _fragment(token, lines, 0))
            case "fence":
                yield Block("fence", 0, _fragment(token, lines, 1), _is_closed(token, lines))
            case _:
                pass


def _fragment(token: MarkdownToken, lines: list[str], skip: int) -> Fragment:
    """The token's content, and where each of its lines starts: Markdown strips indentation, markers and hashes."""
    first = (token.map or [0, 0])[0] + skip
    starts = []
    for offset, content in enumerate(token.content.removesuffix("\n").split("\n")):
        raw = lines[first + offset] if first + offset < len(lines) else ""
        starts.append(Position(first + offset + 1, max(raw.find(content), 0) + 1))
    return Fragment(token.content, tuple(starts))


def _is_closed(token: MarkdownToken, lines: list[str]) -> bool:
    first, end = token.map or [0, 0]
    return end - 1 > first and lines[end - 1].strip().startswith(token.markup)
