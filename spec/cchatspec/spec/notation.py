"""The grammar of the notation, and what is said when a text departs from it.

`notation.lark` is the grammar. This module turns a fragment of a document into a tree, and the parser's exceptions into one
error with the line and column in the whole document and words for what was expected. It does not know what a tree means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken
from lark.exceptions import UnexpectedInput as LarkError
from lark.indenter import DedentError, Indenter

#: The grammar's start symbols.
STARTS = [
    "header",
    "payload",
    "message_heading",
    "error_item",
    "family_heading",
    "clause_heading",
    "point_heading",
    "clause_line",
    "source_line",
    "reading_item",
    "reference_line",
]

#: What each terminal is called in an error message.
_WORDS = {
    "LSQB": "'[' and a field",
    "RSQB": "']'",
    "LPAR": "'('",
    "RPAR": "')'",
    "COLON": "':'",
    "COMMA": "','",
    "EQUAL": "'='",
    "MINUS": "'-'",
    "PAYLOAD": "'Payload:'",
    "EMPTY": "'Empty'",
    "IF": "'if'",
    "INT": "a number",
    "COUNT": "a number of bytes or 'N'",
    "UNIT": "'byte' or 'bytes'",
    "LABEL": "a name in words of letters and digits",
    "CODE": "a code such as 0x01",
    "MESSAGE_NAME": "a name in capitals and underscores",
    "FAMILY": "a family in capitals",
    "CLAUSE": "a clause such as FRAME-WORD",
    "_BOLD": "'**'",
    "_MIDDOT": "'·'",
    "LEVEL": "MUST or SHOULD",
    "ROLE": "'server' or 'client'",
    "SOURCE": "a section heading",
    "READING": "a name in small letters, digits and hyphens",
    "SENTENCE": "a text",
    "WHY": "a comma and the reason",
    "_FOR_EACH": "'For each'",
    "REFERENCE": "'Reference:'",
    "BACKQUOTE": "'`'",
    "DOT": "'.'",
    "STAR": "'*'",
    "SEMICOLON": "';'",
    "_NL": "the end of the line",
    "_INDENT": "an indented line",
    "_DEDENT": "the end of the group",
    "$END": "the end of the block",
}


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a document, counted from 1."""

    line: int
    column: int


class DocumentError(ValueError):
    """A document departs from the notation: where, and what was expected there."""

    def __init__(self, position: Position, problem: str, source: str = "") -> None:
        super().__init__(problem)
        self.position = position
        self.problem = problem
        self.source = source

    def __str__(self) -> str:
        where = f"{self.position.line}:{self.position.column}: {self.problem}"
        return f"{self.source}:{where}" if self.source else where


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a document, and where each of its lines starts in the whole."""

    text: str
    starts: tuple[Position, ...]

    def locate(self, line: int, column: int) -> Position:
        """The place in the whole document of a line and column of the fragment, both counted from 1."""
        start = self.starts[min(max(line, 1), len(self.starts)) - 1]
        return Position(start.line, start.column + max(column, 1) - 1)

    def end(self) -> Position:
        """The place right behind the last character."""
        lines = self.text.removesuffix("\n").split("\n")
        return self.locate(len(lines), len(lines[-1]) + 1)


class _BadIndentation(Exception):
    """The indentation goes back to a depth that no line before had; `line` is where, in the fragment."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class _Indentation(Indenter):
    NL_type = "_NL"
    OPEN_PAREN_types: list[str] = []  # noqa: RUF012 (lark reads it from the class)
    CLOSE_PAREN_types: list[str] = []  # noqa: RUF012
    INDENT_type = "_INDENT"
    DEDENT_type = "_DEDENT"
    tab_len = 4

    def handle_NL(self, token: Token) -> Iterator[Token]:  # noqa: N802 (lark's name)
        try:
            yield from super().handle_NL(token)
        except DedentError:
            raise _BadIndentation(token.end_line or 1) from None


@cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("notation.lark").read_text(encoding="utf-8")
    return Lark(grammar, start=STARTS, parser="lalr", postlex=_Indentation(), propagate_positions=True)


def parse(start: str, fragment: Fragment) -> Tree[Token]:
    """The tree of a fragment under a start symbol of the grammar.

    Raises:
        DocumentError: the fragment departs from the grammar.
    """
    try:
        return _parser().parse(fragment.text, start=start)
    except UnexpectedInput as error:
        raise DocumentError(_place(error, fragment), _problem(error, fragment)) from None
    except _BadIndentation as error:
        problem = "expected the indentation of an earlier line, found one in between"
        raise DocumentError(fragment.locate(error.line, 1), problem) from None


def _place(error: LarkError, fragment: Fragment) -> Position:
    at_end = isinstance(error, UnexpectedEOF) or (isinstance(error, UnexpectedToken) and error.token.type == "$END")
    if at_end or error.line is None or error.line < 1:
        return fragment.end()
    return fragment.locate(error.line, error.column)


def _problem(error: LarkError, fragment: Fragment) -> str:
    match error:
        case UnexpectedCharacters():
            return f"expected {_any_of(error.allowed or ())}, found {_rest(fragment, error.line, error.column)}"
        case UnexpectedToken():
            return f"expected {_any_of(error.accepts or error.expected)}, found {_found(error.token, fragment)}"
        case _:
            return "expected more before the end of the block"


def _any_of(terminals: Iterable[str]) -> str:
    words = sorted({_WORDS.get(name, name) for name in terminals})
    return " or ".join(words) if words else "something else"


def _found(token: Token, fragment: Fragment) -> str:
    match token.type:
        case "$END":
            return "the end of the block"
        case "_NL" | "_INDENT" | "_DEDENT":
            return _WORDS[token.type]
        case _:
            return _rest(fragment, token.line or 1, token.column or 1)


def _rest(fragment: Fragment, line: int, column: int) -> str:
    lines = fragment.text.split("\n")
    rest = lines[line - 1][column - 1 :] if 0 < line <= len(lines) else ""
    return shown(rest) if rest else "the end of the line"


def shown(text: str) -> str:
    """A piece of a document in quotes as errors show it: short, and without control characters."""
    short = f"{text[:24]}…" if len(text) > 24 else text
    return "'" + "".join(char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in short) + "'"


def position_of(token: Token, fragment: Fragment) -> Position:
    """Where a token stands in the whole document."""
    return fragment.locate(token.line or 1, token.column or 1)


def tokens(tree: Tree[Token], wanted: str) -> list[Token]:
    """The tokens of one type among a tree's own children, in order."""
    return [child for child in tree.children if isinstance(child, Token) and child.type == wanted]


def reject(fragment: Fragment) -> Callable[[Token, str], DocumentError]:
    """A maker of errors at a token of this fragment."""
    return lambda token, problem: DocumentError(position_of(token, fragment), problem)
