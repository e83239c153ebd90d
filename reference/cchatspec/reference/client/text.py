"""Names and text that came from others, made fit to be shown: nothing of them reaches a terminal as a control character.

Names are byte strings on the wire and `str` in the client's API: UTF-8, with whatever is not UTF-8 kept as surrogates, so that
every name has exactly one spelling and can be sent back as it came.
"""

from __future__ import annotations

import unicodedata
from typing import Final

#: Categories of characters that move the cursor, turn the direction of text, or show as nothing.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

#: Joins emoji; harmless inside a message, and confusing inside a name.
_JOINER: Final = "\u200d"


def to_wire(name: str) -> bytes:
    """A name as the bytes that it is on the wire."""
    return name.encode("utf-8", "surrogateescape")


def from_wire(name: bytes) -> str:
    """A name as text."""
    return name.decode("utf-8", "surrogateescape")


def shown(text: str) -> str:
    """Text on one line, with all that is not visible escaped."""
    return "".join(character if _is_visible(character) else _escape(character) for character in text)


def shown_name(name: str) -> str:
    """A name with all that is not visible escaped, and white space and the backslash too, so that no two look the same."""
    return "".join(_escape(each) if each in "\\\u200d" or each.isspace() else shown(each) for each in name)


def shown_lines(text: str) -> list[str]:
    """The lines of a message, each escaped; line ends at its end are dropped, and tabs become spaces."""
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    return [shown(line.replace("\t", "    ")) for line in lines]


def _is_visible(character: str) -> bool:
    return character == _JOINER or unicodedata.category(character) not in _HIDDEN


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
