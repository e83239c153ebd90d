"""The answer in one line, for runs and campaigns."""

from __future__ import annotations

import msgspec
import pytest
from tests.reports.samples import EACH, FINDING, campaign, case, results

from cchatspec.reports.digest import Outcome, Report, by_family, entries, headline, problems
from cchatspec.reports.results import Results, changed, exit_status

GOOD, FAILED = case("REG-OK", "pass"), case("REG-KEY", "fail")
WARNED, DOUBTFUL = case("LOGIN-BURN", "warn", level="SHOULD"), case("REG-KEY", "inconclusive")


def also(report: Results, **values: object) -> Results:
    return msgspec.structs.replace(report, **values)


RUNS: dict[str, tuple[Results, Outcome, Outcome]] = {
    "all pass": (results(GOOD), "good", "good"),
    "a MUST": (results(GOOD, FAILED), "bad", "bad"),
    "a SHOULD": (results(GOOD, WARNED), "warned", "bad"),
    "undecided": (results(GOOD, DOUBTFUL), "warned", "bad"),
    "nothing decided": (results(DOUBTFUL), "unknown", "bad"),
    "no case": (results(), "unknown", "unknown"),
    "known": (results(GOOD, changed(FAILED, known="so")), "good", "good"),
    "unfinished": (results(GOOD, complete=False), "warned", "bad"),
    "baseline": (also(results(GOOD), baseline=["it is old"]), "bad", "bad"),
    "broken suite": (also(results(GOOD), broken=["oh"]), "unknown", "bad"),
}


@pytest.mark.parametrize(("run", "mild", "strict"), RUNS.values(), ids=RUNS.keys())
def test_the_outcome_of_a_run(run: Results, mild: Outcome, strict: Outcome) -> None:
    assert (headline(run).outcome, headline(run, strict=True).outcome) == (mild, strict)


@pytest.mark.parametrize("run", [run for run, _, _ in RUNS.values()], ids=RUNS.keys())
@pytest.mark.parametrize("strict", [False, True])
def test_the_outcome_is_good_or_warned_exactly_if_the_exit_status_is_0(run: Results, strict: bool) -> None:
    assert (headline(run, strict=strict).outcome in ("good", "warned")) is (exit_status(run, strict=strict) == 0)


@pytest.mark.parametrize(
    ("report", "outcome"),
    [
        (campaign(FINDING), "bad"),
        (campaign(), "good"),
        (campaign(complete=False), "warned"),
        (campaign(executions=0), "unknown"),
        (campaign(hollow="refused"), "unknown"),
        (campaign(FINDING, hollow="refused"), "bad"),
    ],
    ids=["found", "clean", "unfinished", "nothing done", "hollow", "found in a hollow one"],
)
def test_the_outcome_of_a_campaign(report: Report, outcome: Outcome) -> None:
    assert headline(report).outcome == outcome


def test_open_points_are_a_family_of_their_own_and_no_clauses() -> None:
    run = results(GOOD, case("queued-delivery", "pass", level="OPEN"))

    assert (list(by_family(entries(run))), headline(run).short) == (["REG", "OPEN"], "1/1 clauses")


@pytest.mark.parametrize("report", [results(*EACH), campaign(FINDING)], ids=["run", "campaign"])
def test_the_keys_of_entries_are_unique(report: Report) -> None:
    keys = [entry.key for entry in entries(report)]

    assert len(keys) == len(set(keys))


def test_a_good_run_has_no_problem() -> None:
    assert problems(results(GOOD)) == []


def test_what_is_wrong_with_a_run_as_a_whole_is_listed() -> None:
    run = also(results(DOUBTFUL, complete=False), broken=["oh"], baseline=["it is old"])

    assert problems(run) == [
        "The suite itself broke: oh",
        "The baseline is wrong: it is old",
        "No case could be decided.",
        "The run was not finished.",
    ]
