"""Documents that depart from the notation: each is the whole document with one thing changed.

The mark ‸ in the changed text is where the error has to be; it is taken out before the document is read.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cchatspec.spec.document import protocol_path, read_document
from cchatspec.spec.notation import DocumentError, Position

WHOLE = (Path(__file__).parent / "fixtures" / "whole.md").read_text(encoding="utf-8")
PROTOCOL = protocol_path().read_text(encoding="utf-8")

REGISTER = "[1 byte: Username Length][N bytes: Username][32 bytes: Public Key]"
STATUS = "[1 byte: Status] (0=offline, 1=online, 2=away)"
GROUP = "For each user:\n  [1 byte: Username Length][N bytes: Username][1 byte: Status]"
HEADER = "[4 bytes: Message Length][1 byte: Message Type][N bytes: Payload]"
BLOCK = f"```\nPayload:\n{REGISTER}\n```"

#: What is wrong: the text that is replaced, what by, and what was expected.
WRONG: dict[str, tuple[str, str, str]] = {
    # Sizes
    "unknown size": ("[32 bytes: P", "[‸X bytes: P", "expected a number of bytes or 'N', found 'X bytes: Public Key]'"),
    "singular": ("[32 bytes: P", "[32 ‸byte: P", "expected 'bytes' after 32, found 'byte'"),
    "plural": ("[1 byte: Status] (0", "[1 ‸bytes: Status] (0", "expected 'byte' after 1, found 'bytes'"),
    "zero size": ("[32 bytes: P", "[‸0 bytes: P", "expected a size of at least 1 byte, found 0"),
    "huge size": ("[32 bytes: P", f"[‸{'9' * 5000} bytes: P", "expected a size of at most 4294967295 bytes"),
    # Brackets
    "no closing bracket": ("Public Key]", "Public Key‸", "expected ']', found the end of the line"),
    "no label": ("[32 bytes: Public Key]", "[32 bytes: ‸]", "expected a name in words of letters and digits"),
    "no colon": ("[32 bytes: P", "[32 bytes ‸P", "expected ':', found 'Public Key]'"),
    "text behind a field": (
        "Public Key]",
        "Public Key] ‸more",
        "expected '(' or '[' and a field or the end of the line",
    ),
    "control character": ("[32 bytes: P", "[32 bytes: ‸\x1bP", r"words of letters and digits, found '\u{1b}Public"),
    # Lengths
    "no length": (
        REGISTER,
        "[‸N bytes: Username][32 bytes: Public Key]",
        "expected a length field right before '[N bytes",
    ),
    "other length": (
        "[1 byte: Username L",
        "[1 byte: Foo L",
        "expected a length field right before '[N bytes: Username]'",
    ),
    "odd length": ("[1 byte: Username L", "[‸3 bytes: Username L", "expected a length to be a plain integer"),
    "length with values": ("Length][N", "Length] (0=none)[N", "expected a length to be a plain integer"),
    "wrong unit of a length": ("[2 bytes: Message L", "[2 ‸byte: Message L", "expected 'bytes' after 2, found 'byte'"),
    "one length for two": ("Username][32", "Username][‸N bytes: Name][32", "expected a length field right before"),
    "a byte of unknown number": ("[N bytes: Username][32", "[N ‸byte: Username][32", "expected 'bytes' after N"),
    # Values and conditions
    "no such value": (
        "(if failure)",
        "(if ‸refused)",
        "expected the name of a value of an earlier field, found 'refused'",
    ),
    "value without equals": ("1=online", "1‸online", "expected '=', found 'online, 2=away)'"),
    "value list without end": (
        STATUS,
        "[1 byte: Status] (0=offline‸",
        "expected ')' or ',', found the end of the line",
    ),
    "empty value list": (STATUS, "[1 byte: Status] (‸)", "expected 'if' or a number, found ')'"),
    "value twice": ("1=online", "‸0=online", "expected a new value, found 0=online"),
    "name of a value twice": ("1=online", "‸1=Offline", "expected a new value, found 1=Offline"),
    "value too large": ("2=away", "‸256=away", "expected a value up to 255, found '256'"),
    "values of bytes": ("Public Key]", "Public Key] (‸0=none)", "expected named values at an integer field only"),
    "condition on N bytes": (
        "[1 byte: Error Code] (if failure)",
        "[1 byte: Text Length][N bytes: Text] (if ‸failure)",
        "expected a condition at a field of fixed size only",
    ),
    # Groups
    "group without count": ("[2 bytes: User Count]\n", "", "expected a count right before 'For each user:'"),
    "group with another's count": ("User Count]", "Name Count]", "expected a count right before 'For each user:'"),
    "odd count": (
        "[2 bytes: User C",
        "[‸3 bytes: User C",
        "expected a count to be a plain integer of 1, 2, 4 or 8 bytes",
    ),
    "wrong unit of a count": ("[2 bytes: User C", "[2 ‸byte: User C", "expected 'bytes' after 2, found 'byte'"),
    "empty group": (GROUP, "For each user:‸", "expected an indented line, found the end of the block"),
    "group not indented": (GROUP, "For each user:\n‸[1 byte: X]", "expected an indented line, found '[1 byte: X]'"),
    "group in a group": (
        GROUP,
        "For each user:\n  ‸For each user:",
        "expected '[' and a field, found 'For each user:'",
    ),
    "uneven group": (
        GROUP,
        "For each user:\n    [1 byte: X]\n‸  [1 byte: Y]",
        "expected the indentation of an earlier line",
    ),
    # Payloads
    "no 'Payload:'": (f"Payload:\n{REGISTER}", f"‸{REGISTER}", "expected 'Payload:' or the end of the line"),
    "nothing after 'Payload:'": (f"Payload:\n{REGISTER}", "Payload:‸", "expected 'For each' or '[' and a field"),
    "empty and yet a field": ("Payload: Empty", "Payload: Empty\n‸[1 byte: X]", "expected the end of the block"),
    "field twice": ("[32 bytes: Public Key]", "[32 bytes: ‸Username]", "expected a new field, found 'Username'"),
    # Fenced blocks
    "no block": (f"{BLOCK}\n", "", "expected a fenced block (```) with the layout of REGISTER_USER, found none"),
    "layout outside of a block": (
        BLOCK,
        f"‸Payload:\n{REGISTER}",
        "expected the layout of REGISTER_USER in a fenced block",
    ),
    "two blocks": (
        BLOCK,
        f"{BLOCK}\n\n```\n‸Payload: Empty\n```",
        "expected one fenced block with the layout of REGISTER_USER",
    ),
    "block without end": (BLOCK, f"‸```\nPayload:\n{REGISTER}\n", "expected a closing ``` to the fenced block"),
    "last block without end": (
        "```\n\n## Error Codes",
        "\n## Error Codes",
        "expected a closing ``` to the fenced block",
    ),
    # Headings
    "no code": ("#### 0x01 - REGISTER_USER", "#### ‸REGISTER_USER (0x01)", "expected a code such as 0x01"),
    "small letters": ("0x01 - REGISTER_USER", "0x01 - ‸register_user", "expected a name in capitals and underscores"),
    "text behind a heading": ("0x01 - REGISTER_USER", "0x01 - REGISTER_USER ‸now", "expected the end of the block"),
    "code of three digits": (
        "#### 0x01",
        "#### ‸0x1FF",
        "expected a client-to-server type from 0x01 to 0x7F, found '0x1FF'",
    ),
    "zero code": ("#### 0x01", "#### ‸0x00", "expected a client-to-server type from 0x01 to 0x7F, found '0x00'"),
    "client with the top bit": ("#### 0x01", "#### ‸0x81", "expected a client-to-server type from 0x01 to 0x7F"),
    "server without it": (
        "#### 0x81",
        "#### ‸0x11",
        "expected a server-to-client type from 0x80 to 0xFF, found '0x11'",
    ),
    "code twice": (
        "#### 0x02",
        "#### ‸0x01",
        "expected a new code, found 0x01, which is that of REGISTER_USER in line",
    ),
    "name twice": ("#### 0x02 - LOGIN_USER", "#### ‸0x02 - REGISTER_USER", "expected a new name, found REGISTER_USER"),
    "heading too deep": ("#### 0x02", "##### ‸0x02", "expected the heading of a message on the level of REGISTER_USER"),
    "unknown direction": ("### Client to", "### ‸Friend to", "expected 'Client to Server Messages' or"),
    # Sections
    "no header": ("## Message Format", "## Format", "expected a section 'Message Format', and the document has none"),
    "no messages": ("## Message Types", "## Types", "expected a section 'Message Types', and the document has none"),
    "no errors": ("## Error Codes", "## Errors", "expected a section 'Error Codes', and the document has none"),
    "section twice": ("## Error Codes", "## Error Codes\n\n## ‸Error Codes", "expected one section 'Error Codes'"),
    # Errors
    "error without code": ("- 0x01: I", "- ‸one: I", "expected a code such as 0x01, found 'one: Invalid username'"),
    "error code too large": ("- 0x01", "- ‸0x1FF", "expected an error code from 0x01 to 0xFF, found '0x1FF'"),
    "error code zero": ("- 0x01", "- ‸0x00", "expected an error code from 0x01 to 0xFF, found '0x00'"),
    "error code twice": ("- 0x02", "- ‸0x01", "expected a new error, found 0x01: User already exists"),
    "error text twice": ("0x02: User already exists", "‸0x02: Invalid Username", "expected a new error, found 0x02"),
    "error behind a nested list": (
        "- 0x02: User already",
        "  - 0x09: Nested\n- ‸two: User",
        "expected a code such as 0x01",
    ),
    # The header
    "header of four": (
        HEADER,
        f"‸{HEADER[:-1]}][1 byte: More]",
        "expected a header of length, type and payload, found 4",
    ),
    "header without length": ("[4 bytes: Message Length]", "[‸4 bytes: Size]", "expected an integer field '… Length'"),
    "length of no integer": (
        "[4 bytes: Message Length]",
        "[‸3 bytes: Message Length]",
        "expected an integer field '… Length'",
    ),
    "wrong unit in the header": (
        "[4 bytes: Message L",
        "[4 ‸byte: Message L",
        "expected 'bytes' after 4, found 'byte'",
    ),
    "wide type": ("[1 byte: Message Type]", "[‸2 bytes: Message Type]", "expected a message type of 1 byte, found 2"),
    "values in the header": (
        "Message Type]",
        "Message Type] (0=none)",
        "expected an integer field '… Type' in the header",
    ),
    "note on the payload": ("[N bytes: Payload]", "[N bytes: Payload] (‸0=none)", "expected the end of the header"),
    "payload of known size": ("[N bytes: Payload]", "[‸9 bytes: Payload]", "expected a payload of N bytes"),
    "group in the header": (HEADER, f"‸For each user:\n  {HEADER}", "expected fields in brackets, found a group"),
}


def refusal(marked: str) -> tuple[DocumentError, Position | None]:
    """The error of a document, and where the mark in it says that it should be."""
    before, mark, _ = marked.partition("‸")
    with pytest.raises(DocumentError) as caught:
        read_document(marked.replace("‸", ""), "chat.md")
    lines = before.split("\n")
    return caught.value, Position(len(lines), len(lines[-1]) + 1) if mark else None


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_line_and_column(name: str) -> None:
    old, new, expected = WRONG[name]
    assert old in WHOLE

    error, position = refusal(WHOLE.replace(old, new, 1))

    assert expected in error.problem and position in (None, error.position), str(error)


@pytest.mark.parametrize("name", [name for name in WRONG if "‸" in WRONG[name][1]])
def test_line_breaks_of_windows_move_no_position(name: str) -> None:
    old, new, _ = WRONG[name]

    here, _ = refusal(WHOLE.replace(old, new, 1))
    there, _ = refusal(WHOLE.replace(old, new, 1).replace("\n", "\r\n"))

    assert (here.position, here.problem) == (there.position, there.problem)


#: The same for what only the normative document has.
WRONG_CLAUSES: dict[str, tuple[str, str, str]] = {
    "no level": ("**MUST** · server, client", "‸server, client", "expected '**'"),
    "unknown level": ("**MUST** · server, client", "**‸MAY** · server, client", "expected MUST or SHOULD"),
    "unknown role": ("**MUST** · server, client", "**MUST** · ‸relay", "expected 'server' or 'client'"),
    "unknown source": ("· *Message Format*", "· *Nowhere*", "expected the heading of a section of this document"),
    "no why": ("\nWhy: a reader that counts", "\n‸Because a reader", "expected a paragraph that starts with 'Why:'"),
    "family and id differ": ("#### FRAME-HEADER", "#### ‸REG-HEADER", "expected a new clause of the family FRAME"),
    "id twice": ("#### FRAME-LAYOUT", "#### ‸FRAME-HEADER", "expected a new clause of the family FRAME"),
    "id in small letters": ("#### FRAME-HEADER", "#### ‸FRAME-header", "expected a clause such as FRAME-WORD"),
    "family without title": ("### FRAME: the frame", "### FRAME‸", "expected ':', found the end of the"),
    "reference of no reading": ("Reference: `error`", "‸Reference: `neither`", "expected one of the readings of"),
    "open point twice": ("#### queued-delivery", "#### ‸unknown-recipient", "expected a new open point"),
}


@pytest.mark.parametrize("name", WRONG_CLAUSES)
def test_clauses_and_open_points_are_held_to_their_form(name: str) -> None:
    old, new, expected = WRONG_CLAUSES[name]
    assert old in PROTOCOL

    error, position = refusal(PROTOCOL.replace(old, new, 1))

    assert expected in error.problem and position in (None, error.position), str(error)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "\ufeff",
        "".join(map(chr, range(256))) * 20,
        "[" * 20_000,
        ">" * 20_000,
        "- " * 3_000,
        "*a " * 10_000,
        "#" * 50_000,
    ],
    ids=["empty", "blank", "bom", "binary", "brackets", "quotes", "lists", "stars", "hashes"],
)
def test_no_document_at_all_is_an_error_at_its_start(text: str) -> None:
    error, _ = refusal(text)

    assert str(error) == "chat.md:1:1: expected a section 'Message Format', and the document has none"


def test_a_long_wrong_line_is_shown_in_short() -> None:
    error, _ = refusal(WHOLE.replace("[32 bytes: P", "[" * 50_000, 1))

    assert len(str(error)) < 120


def test_long_prose_is_read_in_good_time() -> None:
    assert read_document(WHOLE + "\n\nprose" * 20_000).layouts == read_document(WHOLE).layouts
