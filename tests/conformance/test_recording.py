"""What is made of the events of a run: repeated verdicts, leftovers, notes, and the file that is written meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from cchatspec.conformance.catalogue import all_cases
from cchatspec.conformance.events import Ended, Finished, Opened, answers
from cchatspec.conformance.harness.wirelog import WireEntry
from cchatspec.conformance.notes import notes_on
from cchatspec.conformance.recording import Recorder, merged
from cchatspec.reports.baseline import Baseline, Entry
from cchatspec.reports.results import CaseResult, Verdict, read_results
from cchatspec.spec import Error, build

FIRST, SECOND = (
    next(case.id for case in all_cases() if clause in case.clauses) for clause in ("REG-OK", "LOGIN-PROOF")
)
OPENED = Opened("127.0.0.1", 4000, None)


def result(verdict: Verdict, case: str = FIRST, blocked_by: str | None = None) -> CaseResult:
    return CaseResult(case, "x", [case.partition("/")[0]], "MUST", verdict, "why", blocked_by, 0.0, "cchatspec run")


FAMILIES = [result("pass", case) for case in ("REG-OK/x", "LOGIN-PROOF/x", "SEND-ACK/x")]


def finished(verdict: Verdict, case: str = FIRST) -> Finished:
    return Finished(result(verdict, case), 0.0, "127.0.0.1", 4000)


def ended(*leftovers: CaseResult, complete: bool = True, reading: str = "poll") -> Ended:
    return Ended(list(leftovers), {"queued-delivery": reading}, [], complete, 0)


@pytest.mark.parametrize(
    ("verdicts", "verdict", "reason"),
    [
        (["pass", "pass"], "pass", "why"),
        (["pass", "fail", "pass"], "fail", "flaky: of 3 runs pass in 2, fail in 1; why"),
        (["warn", "pass"], "inconclusive", "flaky: of 2 runs warn in 1, pass in 1; why"),
        (["inconclusive", "pass"], "inconclusive", "flaky: of 2 runs inconclusive in 1, pass in 1; why"),
    ],
    ids=["steady", "fail", "warn", "undecided"],
)
def test_repeated_verdicts(verdicts: list[Verdict], verdict: Verdict, reason: str) -> None:
    found = merged([result(one) for one in verdicts])

    assert (found.verdict, found.reason, found.flaky) == (verdict, reason, len(set(verdicts)) > 1)


def test_cases_stand_in_the_order_of_the_suite_whatever_came_first() -> None:
    recorder = Recorder("x")
    for event in (OPENED, finished("pass", SECOND), finished("pass", FIRST), ended()):
        recorder.take(event)

    assert [case.id for case in recorder.results().cases] == [FIRST, SECOND]


def test_the_file_is_there_and_incomplete_from_the_start(tmp_path: Path) -> None:
    recorder = Recorder("x", tmp_path / "r.json")
    recorder.take(OPENED)

    assert (read_results(tmp_path / "r.json").complete, read_results(tmp_path / "r.json").cases) == (False, [])


def test_a_run_is_complete_when_every_turn_has_ended() -> None:
    recorder = Recorder("x", turns=2)
    seen = []
    for event in (OPENED, ended(), ended()):
        recorder.take(event)
        seen.append(recorder.results().complete)

    assert seen == [False, False, True]


def test_a_clause_that_failed_by_its_case_is_not_reported_again() -> None:
    recorder = Recorder("x")
    for event in (OPENED, finished("fail", FIRST), ended(result("fail", "REG-OK/seen-in-x"), result("fail", SECOND))):
        recorder.take(event)

    assert [case.id for case in recorder.results().cases] == [FIRST, SECOND]


def test_readings_that_differ_between_turns_are_noted() -> None:
    recorder = Recorder("x", turns=2)
    for event in (OPENED, ended(reading="poll"), ended(reading="login")):
        recorder.take(event)

    assert "The readings of queued-delivery differ: login, poll." in recorder.results().notes


def test_a_failure_stops_a_run_that_fails_fast() -> None:
    recorder = Recorder("x", fail_fast=frozenset({"fail"}))

    assert [recorder.take(finished("pass", SECOND)), recorder.take(finished("fail"))] == [False, True]


def test_a_known_failure_stops_nothing() -> None:
    known = Baseline((Entry("REG-*", by_clause=True, reason="ticket 7"),))
    recorder = Recorder("x", fail_fast=frozenset({"fail"}), baseline=known)

    assert recorder.take(finished("fail")) is False


@pytest.mark.parametrize(
    ("cases", "came", "note"),
    [
        ([result("inconclusive", blocked_by="LOGIN-PROOF")] * 9 + [result("fail")], {}, "never got past login."),
        ([result("inconclusive", blocked_by="LIST-ALL")] * 9 + [result("fail")], {}, "no list of users can be had."),
        ([result("skip")] * 9 + [result("pass")], {}, "90 % of the cases (9 of 10) do not apply"),
        (FAMILIES, {"ERROR 05": 9}, "The target answered nothing but ERROR 05."),
        (FAMILIES, {}, "The target answered nothing."),
        ([result("inconclusive", blocked_by="RATE-LIMIT")], {}, "Raise it to have them decided."),
    ],
    ids=["login", "foundation", "skipped", "one-answer", "no-answer", "rate"],
)
def test_a_run_that_says_less_than_it_seems_is_noted(cases: list[CaseResult], came: dict[str, int], note: str) -> None:
    assert note in " ".join(notes_on(cases, came, 0))


@pytest.mark.parametrize("cases", [FAMILIES, [result("pass")] * 9], ids=["all", "one-family"])
def test_a_run_that_says_all_has_no_notes(cases: list[CaseResult]) -> None:
    came = {"ERROR 05": 1, "MESSAGE_ACK": 2} if cases is FAMILIES else {"REGISTER_RESPONSE": 9}

    assert notes_on(cases, came, 0) == []


def test_answers_are_counted_by_kind() -> None:
    frames = [build(Error(5, b"x")), build(Error(4, b"")), build(Error(5, b"")), b"\0\0\0\0\x99", b"\0"]
    entries = [WireEntry(0.0, 1, "received", frame) for frame in frames]

    assert answers(entries) == {"ERROR 05": 2, "ERROR 04": 1, "frames of unknown type": 1}
