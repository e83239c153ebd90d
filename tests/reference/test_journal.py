from __future__ import annotations

import json
import sys

import pytest
from tests.reference.conftest import Talk, prove, register

from cchatspec.reference.effects import Level
from cchatspec.reference.journal import Journal, escaped, structured
from cchatspec.spec import LoginUser, SendMessage


@pytest.mark.parametrize(
    ("name", "shown"),
    [(b"alice", "alice"), (b"a\nb", r"a\nb"), (b"\x1b[2J", r"\x1b[2J"), (b"\xff\0", r"\xff\x00"), (b"", "")],
)
def test_a_name_is_shown_in_printable_ascii(name: bytes, shown: str) -> None:
    assert escaped(name) == shown


def test_a_journal_without_a_sink_says_nothing() -> None:
    Journal().note(Level.WARNING, "nothing")


def test_events_below_the_level_are_passed_over() -> None:
    said: list[object] = []
    Journal(lambda *line, **_: said.append(line), Level.INFO).note(Level.DEBUG, "small")

    assert said == []


def test_empty_fields_are_left_out() -> None:
    said: list[object] = []
    journal = Journal(lambda level, event, **fields: said.append((level, event, fields)))
    journal.note(Level.INFO, "dropped", name=b"a\n", connection=3, detail="", waiting=0)

    assert said == [(20, "dropped", {"name": r"a\n", "connection": 3, "waiting": 0})]


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    structured("json", "info").note(Level.WARNING, "dropped", connection=3, name=b"x\n")
    line = json.loads(capsys.readouterr().err)

    assert {**line, "timestamp": None} == {
        "event": "dropped",
        "level": "warning",
        "connection": 3,
        "name": r"x\n",
        "timestamp": None,
    }


def test_lines_for_people_have_no_colours_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    structured("console", "info").note(Level.INFO, "started", address="127.0.0.1:4000")

    assert not sys.stderr.isatty() and "\x1b" not in capsys.readouterr().err


def test_no_value_begins_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    structured("console", "info").note(Level.INFO, "dropped", detail="gone\nwarning  all is lost", connection=3)
    (line,) = capsys.readouterr().err.splitlines()

    assert line.split(maxsplit=1)[1].split() == [
        "info",
        "dropped",
        r"detail='gone\nwarning",
        "all",
        "is",
        "lost'",
        "connection=3",
    ]


def test_nothing_secret_is_noted(talk: Talk) -> None:
    alice = talk.connect()
    request = register(b"alice")
    alice.send(request)
    challenge = alice.challenge(b"alice")
    wrong = LoginUser(b"alice", b"s" * 64)
    alice.send(wrong)
    proof = prove(b"alice", alice.challenge(b"alice"))
    alice.send(proof, SendMessage(b"alice", b"secret body"))
    alice.lose()

    said = repr(talk.notes).encode()
    assert [note.event for note in talk.notes] == ["registered", "proof refused", "logged in", "session ended"]
    secrets = (request.public_key, challenge, wrong.signature, proof.signature, b"secret body")
    assert not any(repr(secret)[2:-1].encode() in said for secret in secrets)
