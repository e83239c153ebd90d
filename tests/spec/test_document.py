"""What a document says, and the documents that say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cchatspec.spec.document import load_document, protocol_path, read_document
from cchatspec.spec.model import Direction, Document, Group, PrefixedBytes, UInt
from cchatspec.spec.notation import DocumentError, Position

WHOLE = (Path(__file__).parent / "fixtures" / "whole.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def protocol() -> Document:
    return load_document(str(protocol_path()))


def canonical(text: str) -> str:
    return json.dumps(read_document(text).layouts.to_json())


def test_the_protocol_and_a_document_of_layouts_alone_say_the_same(protocol: Document) -> None:
    assert canonical(WHOLE) == json.dumps(protocol.layouts.to_json())


def test_a_document_needs_no_clauses() -> None:
    document = read_document(WHOLE)

    assert (document.families, document.clauses, document.open_points) == ((), (), ())


@pytest.mark.parametrize(
    "other",
    [
        WHOLE.replace("\n", "\r\n"),
        WHOLE.replace("\n", "\r"),
        "\ufeff" + WHOLE,
        WHOLE.replace("Public Key]\n", "Public Key] \t \n"),
        WHOLE.replace("For each user:\n  ", "For each user:\n\t"),
        re.sub(r"```\n(.*?\n)```", r"~~~ text\n\1~~~", WHOLE, flags=re.DOTALL),
        WHOLE.replace("## Message Format\n", "Message Format\n---\n"),
        WHOLE.replace("[4 bytes: Timestamp]\n", "[4 bytes: Timestamp]"),
        WHOLE.replace("Payload:\n[1", "Payload:\n\n[1"),
        WHOLE.replace("Nothing but", "\x0c\x1c\x85\u2028Nothing but"),
    ],
    ids=["crlf", "cr", "bom", "trailing space", "tab", "tildes", "setext", "one line", "blank line", "odd line breaks"],
)
def test_what_means_nothing_in_markdown_changes_nothing(other: str) -> None:
    assert canonical(other) == canonical(WHOLE)


def test_a_length_field_and_its_bytes_are_one_field(protocol: Document) -> None:
    register = protocol.layouts.messages[0]

    assert register.fields[0] == PrefixedBytes("username", "Username", "username_length", 1)


def test_a_condition_names_the_value_that_it_waits_for(protocol: Document) -> None:
    response = next(m for m in protocol.layouts.messages if m.name == "LOGIN_RESPONSE")

    assert response.fields[1].condition is not None
    assert (response.fields[1].condition.field, response.fields[1].condition.value) == ("success", 1)


def test_a_count_and_its_entries_are_one_group(protocol: Document) -> None:
    users = next(m for m in protocol.layouts.messages if m.name == "USER_LIST_RESPONSE")

    assert [type(field) for field in users.fields] == [Group]


def test_named_values_are_in_order(protocol: Document) -> None:
    status = next(m for m in protocol.layouts.messages if m.name == "SET_STATUS").fields[0]

    assert isinstance(status, UInt) and status.values == ((0, "offline"), (1, "online"), (2, "away"))


def test_the_direction_is_that_of_the_heading_above(protocol: Document) -> None:
    directions = {message.code: message.direction for message in protocol.layouts.messages}

    assert {code for code, sender in directions.items() if sender is Direction.SERVER_TO_CLIENT} == set(
        range(0x81, 0x89)
    )


def test_clause_ids_are_a_family_and_a_word(protocol: Document) -> None:
    assert [clause.id for clause in protocol.clauses if not re.fullmatch(r"[A-Z]+-[A-Z]+", clause.id)] == []


def test_clause_ids_are_unique(protocol: Document) -> None:
    ids = [clause.id for clause in protocol.clauses] + [point.id for point in protocol.open_points]

    assert len(ids) == len(set(ids))


def test_every_family_has_clauses(protocol: Document) -> None:
    assert {family.id for family in protocol.families} == {clause.family for clause in protocol.clauses}


def test_every_source_is_a_heading(protocol: Document) -> None:
    headings = set(re.findall(r"^#+ (.+)$", protocol_path().read_text(encoding="utf-8"), re.MULTILINE))
    sources = {source for clause in protocol.clauses for source in clause.sources}
    sources |= {source for point in protocol.open_points for source in point.sources}

    assert sources - headings == set()


def test_every_open_point_has_two_readings_or_more_and_the_reference_takes_one(protocol: Document) -> None:
    for point in protocol.open_points:
        values = [reading.value for reading in point.readings]
        assert len(set(values)) == len(values) >= 2 and point.reference in values, point.id


def test_a_file_that_is_not_utf_8_is_refused_at_its_first_wrong_byte(tmp_path: Path) -> None:
    path = tmp_path / "latin.md"
    path.write_bytes("# Größe\n\nmüde".encode() + b"\xff")

    with pytest.raises(DocumentError, match="expected UTF-8 text, found the byte 0xff") as caught:
        load_document(str(path))

    assert caught.value.position == Position(3, 5)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="expected a file to read, No such file") as caught:
        load_document(str(tmp_path / "none.md"))

    assert caught.value.source == str(tmp_path / "none.md")
