"""Reading bytes that somebody wrote down in hexadecimal, by hand or with a tool.

Taken are pairs of digits with or without white space, colons, commas, `0x` and `\\x` between them, and the dumps of `xxd`,
`hexdump -C` and Wireshark, whose offsets and text columns are left out. Anything else is an error with its line and column.
"""

from __future__ import annotations

import re

_SEPARATOR = re.compile(r"[\s:,]+|0[xX](?=[0-9A-Fa-f])|\\x(?=[0-9A-Fa-f])")
_DIGITS = re.compile(r"[0-9A-Fa-f]+")

#: `00000010: 6162 6364  abcd`: what xxd writes.
_XXD = re.compile(r"\s*[0-9A-Fa-f]{4,16}:\s+")
#: `00000010  61 62 63 64  |abcd|`: an offset, which must be right, and two spaces. Such a dump may end with an offset alone.
_OFFSET = re.compile(r"\s*([0-9A-Fa-f]{4,16})\s{2,}(?=\S)")
_LAST_OFFSET = re.compile(r"\s*([0-9A-Fa-f]{4,16})\s*$")
_BARS = re.compile(r"\s*\|.*\|\s*$")


class HexError(ValueError):
    """A text is not hexadecimal: where, counted from 1, and why."""

    def __init__(self, line: int, column: int, problem: str) -> None:
        super().__init__(f"{line}:{column}: {problem}")
        self.line = line
        self.column = column
        self.problem = problem


def read_hex(text: str) -> bytes:
    """The bytes that a hexadecimal text stands for.

    Raises:
        HexError: the text is something else.
    """
    data = bytearray()
    is_dump = False
    for number, line in enumerate(text.split("\n"), 1):
        start, end = _data_columns(line, len(data), is_dump)
        data += _read_line(line, number, start, end)
        is_dump = start > 0
    return bytes(data)


def _data_columns(line: str, size: int, is_dump: bool) -> tuple[int, int]:
    """Where the digits of a line start and end: behind an offset, before a column of text."""
    last = _LAST_OFFSET.match(line) if is_dump else None
    if last and int(last[1], 16) == size:
        return len(line), len(line)
    if found := _XXD.match(line):
        gap = line.find("  ", found.end())
        return found.end(), gap if gap >= 0 else len(line)
    found = _OFFSET.match(line)
    if not found or int(found[1], 16) != size:
        return 0, len(line)
    if bars := _BARS.search(line, found.end()):
        return found.end(), bars.start()
    gap = line.find("   ", found.end())
    return found.end(), gap if gap >= 0 else len(line)


def _read_line(line: str, number: int, start: int, end: int) -> bytes:
    data = bytearray()
    at = start
    while at < end:
        if found := _SEPARATOR.match(line, at, end):
            at = found.end()
            continue
        found = _DIGITS.match(line, at, end)
        if not found:
            raise HexError(number, at + 1, f"expected hexadecimal digits, found {_shown(line[at])}")
        data += _pairs(found[0], number, at, line)
        at = found.end()
    return bytes(data)


def _pairs(digits: str, number: int, at: int, line: str) -> bytes:
    if len(digits) == 1 and line[max(at - 2, 0) : at].lower() == "0x":
        digits = f"0{digits}"
    if len(digits) % 2:
        raise HexError(number, at + len(digits), "expected two digits for each byte, found a single one")
    return bytes.fromhex(digits)


def _shown(char: str) -> str:
    if char == "*":
        return "'*', which stands for repeated lines: make the dump with `xxd` or `hexdump -vC`"
    return f"'{char}'" if char.isprintable() else f"the character U+{ord(char):04X}"
