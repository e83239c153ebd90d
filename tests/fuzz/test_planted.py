"""The planted server is right without a bug, and each bug shows in a conversation that a person wrote for it.

Every conversation gives back what came in words. The same conversation is held with the server that has the bug and with the
one that has none.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from tests.fuzz.planted_talks import TALKS
from tests.fuzz.talk import SERVER, Town

from bugs import BUGS
from cchatspec.spec import OPEN_POINTS
from choices import POINTS
from proof_page import page
from proving import PAGE, read_proof, read_speed, readings

SOURCES = {path.name: path.read_text(encoding="utf-8") for path in SERVER.parent.glob("*.py")}
NAMES = [bug.name for bug in BUGS]


@pytest.fixture
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    """A server started with these arguments."""
    made = Town(*request.param)
    yield made
    made.close()


def test_every_bug_has_a_conversation() -> None:
    assert list(TALKS) == NAMES


def test_there_are_more_than_thirty_bugs() -> None:
    assert len(set(NAMES)) > 30


def test_the_server_asks_for_each_bug_once() -> None:
    asked = [name for text in SOURCES.values() for name in re.findall(r'\bhas\("([^"]+)"\)', text)]

    assert set(asked) == set(NAMES)


def test_the_server_shares_no_code_with_the_rest() -> None:
    importing = re.compile(r"^\s*(import|from) cchatspec", re.MULTILINE)

    assert [
        name for name in ("loop.py", "links.py", "wording.py", "people.py") if importing.search(SOURCES[name])
    ] == []


def test_the_server_has_every_reading_of_every_open_point() -> None:
    assert {point: set(readings) for point, readings in POINTS.items()} == {
        point.id: {reading.value for reading in point.readings} for point in OPEN_POINTS.values()
    }


def test_the_list_is_json() -> None:
    told = subprocess.run([sys.executable, str(SERVER), "--list"], capture_output=True, check=True).stdout

    assert [bug["name"] for bug in json.loads(told)] == NAMES


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bug", "none"], "there is no bug 'none'"),
        (["--point", "logout=never"], "no open point has the reading 'logout=never'"),
        (["port"], "expected a number, found 'port'"),
        (["--rate"], "--rate needs a value"),
    ],
)
def test_wrong_usage_is_told_in_one_line(arguments: list[str], words: str) -> None:
    done = subprocess.run([sys.executable, str(SERVER), *arguments], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr.count("\n"), words in done.stderr) == (2, 1, True)


def test_the_page_is_made_from_what_was_seen() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(read_proof(), BUGS, read_speed())


def test_only_bugs_that_there_are_were_tried() -> None:
    assert set(read_proof()["bugs"]) <= set(NAMES)


def test_every_reading_was_tried_and_nothing_found() -> None:
    right = read_proof()["right"]

    assert {name: right[name]["findings"] for name in right} == {name: [] for name in readings()}


Talk = Callable[[Town], object]


@pytest.mark.parametrize("town", [()], ids=[""], indirect=True)
def test_without_a_bug_every_conversation_goes_right(town: Town) -> None:
    assert {name: talk(town) for name, (talk, _, _) in TALKS.items()} == {
        name: right for name, (_, right, _) in TALKS.items()
    }


@pytest.mark.parametrize(
    ("town", "talk", "wrong"),
    [(("--bug", name), talk, wrong) for name, (talk, _, wrong) in TALKS.items()],
    ids=list(TALKS),
    indirect=["town"],
)
def test_a_bug_shows(town: Town, talk: Talk, wrong: object) -> None:
    assert talk(town) == wrong
