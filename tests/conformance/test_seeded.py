"""The seeded faults, their matrix, and a look at the server itself. `nox -s kill` runs the suite against all of them."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.conformance.conftest import Judge

from cchatspec.spec import CLAUSES, OPEN_POINTS
from faults import FAULTS, KNOWN_SURVIVORS
from matrix import MATRIX, PAGE, page, read_matrix
from options import POINTS

SEEDED = Path(__file__).parents[2] / "conformance" / "seeded"
SOURCES = {path.name: path.read_text(encoding="utf-8") for path in SEEDED.glob("*.py")}
TESTABLE = {clause.id for clause in CLAUSES.values() if not clause.untestable}


def launch(*arguments: str) -> tuple[str, str]:
    """The options that launch the server."""
    command = [sys.executable, str(SEEDED / "server.py"), "{port}", "--store", "{tmp}/store", *arguments]
    return "--launch", " ".join(command)


def test_every_clause_that_can_be_tested_has_a_fault_and_every_fault_a_clause() -> None:
    assert {fault.clause for fault in FAULTS.values()} == TESTABLE


def test_there_are_more_than_a_hundred_faults() -> None:
    assert len(FAULTS) > 100


def test_most_clauses_have_several_faults() -> None:
    count = Counter(fault.clause for fault in FAULTS.values())

    assert sum(number >= 2 for number in count.values()) > len(count) / 2


def test_the_server_asks_for_each_fault() -> None:
    asked = {name for text in SOURCES.values() for name in re.findall(r'"([a-z0-9-]+)"', text)}

    assert set(FAULTS) - asked == set()


def test_the_server_asks_for_no_fault_that_there_is_not() -> None:
    asked = {name for text in SOURCES.values() for name in re.findall(r'\bfault\("([^"]+)"\)', text)}

    assert asked - set(FAULTS) == set()


def test_the_server_shares_no_code_with_the_suite() -> None:
    importing = re.compile(r"^\s*(import|from) cchatspec", re.MULTILINE)

    assert [name for name, text in SOURCES.items() if importing.search(text)] == []


def test_the_server_has_every_reading_of_every_open_point() -> None:
    assert {point: set(readings) for point, readings in POINTS.items()} == {
        point.id: {reading.value for reading in point.readings} for point in OPEN_POINTS.values()
    }


def test_the_matrix_has_exactly_the_faults_there_are() -> None:
    assert list(read_matrix()["faults"]) == list(FAULTS)


def test_the_matrix_names_the_clauses_that_the_faults_break() -> None:
    kept = read_matrix()["faults"]

    assert {name: entry["clause"] for name, entry in kept.items()} == {name: FAULTS[name].clause for name in FAULTS}


def test_nothing_survives_but_what_is_known_to() -> None:
    kept = read_matrix()["faults"]

    assert {name for name, entry in kept.items() if not entry["killed"]} == set(KNOWN_SURVIVORS)


def test_the_right_server_is_accused_of_nothing() -> None:
    kept = read_matrix()["right"]

    assert {label for label, entry in kept.items() if entry["accused"] or "problem" in entry} == set()


def test_the_right_server_was_run_under_every_reading() -> None:
    run = {word for entry in read_matrix()["right"].values() for word in entry["server"]}

    assert {f"{point}={reading}" for point, readings in POINTS.items() for reading in readings} <= run


def test_the_page_is_made_from_the_matrix() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(json.loads(MATRIX.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", ["key-is-replaced", "scalar-is-reduced"])
def test_a_fault_is_found_by_its_clause(judge: Judge, name: str) -> None:
    clause = FAULTS[name].clause
    verdict = judge(*launch("--fault", name), "--select", clause)

    assert verdict.clauses("fail") == {clause}


@pytest.mark.parametrize("name", ["one-read-one-frame", "rest-waits-for-more"])
def test_who_answers_one_request_at_a_time_is_judged_by_requests_that_come_one_at_a_time(
    judge: Judge, name: str
) -> None:
    verdict = judge(*launch("--fault", name), "--select", "FRAME-ORDER", "--select", "SEND-*", "--select", "QUEUE-*")

    assert verdict.clauses("fail") | verdict.clauses("warn") == {"FRAME-SEGMENT"}


def test_the_right_server_passes_a_family_under_other_readings(judge: Judge) -> None:
    points = ["queued-delivery=login", "second-session=both", "after-malformed=closes", "name-alphabet=portable"]
    words = [word for point in points for word in ("--point", point)]
    verdict = judge(*launch(*words, "--close", "rst"), "--select", "QUEUE-*")

    assert verdict.ids("fail", "warn", "inconclusive") == []


def test_a_server_that_turns_connections_away_beyond_a_few_is_right(judge: Judge) -> None:
    verdict = judge(*launch("--connections", "40"), "--select", "ROBUST-CROWD", "--select", "OPEN/connection-limit")

    assert (
        verdict.ids("fail", "warn", "inconclusive"),
        verdict.results["open_points"]["connection-limit"]["observed"],
    ) == ([], "limited")


@pytest.mark.parametrize(
    ("delivery", "invisible", "observed"),
    [("poll", "pushed", "poll"), ("login", "pushed", "login"), ("both", "queued", "both"), ("poll", "queued", "poll")],
)
def test_when_queued_messages_come_is_observed(judge: Judge, delivery: str, invisible: str, observed: str) -> None:
    points = ["--point", f"queued-delivery={delivery}", "--point", f"invisible={invisible}"]
    verdict = judge(*launch(*points), "--select", "OPEN/queued-delivery")

    assert verdict.results["open_points"]["queued-delivery"]["observed"] == observed


def test_a_registration_that_is_refused_later_fails_nothing(judge: Judge) -> None:
    verdict = judge(*launch("--users", "30"), "--select", "KEY-*")

    assert (verdict.ids("fail", "warn"), len(verdict.ids("inconclusive")) < 5) == ([], True)


def test_a_limit_on_users_is_found_and_all_cases_are_judged_between_restarts(judge: Judge) -> None:
    verdict = judge(*launch("--users", "60"), "--select", "REG", "--select", "LOGIN", "--select", "OPEN")

    assert (verdict.status, verdict.ids("fail", "warn"), len(verdict.ids("inconclusive")) < 5) == (0, [], True)


def test_names_that_are_too_short_are_failed_at_their_clause_and_the_rest_is_judged(judge: Judge) -> None:
    verdict = judge(*launch("--fault", "names-to-20"), "--select", "REG", "--select", "SEND", "--select", "KEY")

    assert (verdict.clauses("fail"), verdict.blockers()) == ({"REG-PORTABLE"}, {"REG-PORTABLE"})
