"""Baselines: what is known, what is no longer true, and the file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from cchatspec.reports.baseline import Baseline, BaselineError, Entry, baseline_text, compare, read_baseline
from cchatspec.reports.results import CaseResult, Results, TargetInfo, Tool, Verdict, exit_status, summarise

TODAY = date(2026, 6, 1)
SUITE = {"REG-OK/a": ("REG-OK",), "REG-OK/b": ("REG-OK",), "SEND-ID/c": ("SEND-ID", "SEND-ACK")}


def case(name: str, verdict: Verdict) -> CaseResult:
    return CaseResult(name, "x", list(SUITE.get(name, ("REG-OK",))), "MUST", verdict, "why", None, 0.0, "")


def known(glob: str, *, by_clause: bool = False, expires: date | None = None) -> Baseline:
    return Baseline((Entry(glob, by_clause, "ticket 7", expires),))


@pytest.mark.parametrize(
    ("baseline", "knows"),
    [
        (known("REG-OK/a"), True),
        (known("reg-ok/*"), True),
        (known("REG-*", by_clause=True), True),
        (known("REG-OK/a", expires=TODAY), True),
        (known("REG-OK/a", expires=date(2026, 5, 31)), False),
        (known("REG-OK/b"), False),
        (known("REG-OK/a", by_clause=True), False),
    ],
    ids=["case", "glob", "clause", "last-day", "expired", "other", "case-as-clause"],
)
def test_what_an_entry_knows(baseline: Baseline, knows: bool) -> None:
    (marked,), _ = compare(baseline, [case("REG-OK/a", "fail")], SUITE, TODAY, whole=True)

    assert marked.known == ("ticket 7" if knows else None)


def test_a_case_is_known_by_any_of_its_clauses() -> None:
    (marked,), _ = compare(known("SEND-ACK", by_clause=True), [case("SEND-ID/c", "fail")], SUITE, TODAY, whole=True)

    assert marked.known == "ticket 7"


@pytest.mark.parametrize(
    ("baseline", "verdicts", "whole", "problem"),
    [
        (known("REG-OK/*"), ["pass", "pass"], True, "passes again"),
        (known("REG-OK/*"), ["pass", "skip"], True, "passes again"),
        (known("REG-OK/*"), ["pass", "fail"], True, ""),
        (known("REG-OK/*"), ["pass", "inconclusive"], True, ""),
        (known("REG-OK/*"), ["skip", "skip"], True, ""),
        (known("REG-OK/*"), ["pass", "pass"], False, ""),
        (known("*"), ["pass", "pass"], True, ""),
        (known("REG-OX/a"), ["pass", "pass"], False, "did you mean REG-OK/a?"),
        (known("REG-OK/a", expires=date(2020, 1, 1)), ["fail", "fail"], True, "expired on 2020-01-01"),
    ],
    ids=["passes", "or-skips", "fails", "undecided", "skips", "unfinished", "not-all-run", "nothing", "expired"],
)
def test_what_is_wrong_with_an_entry(baseline: Baseline, verdicts: list[Verdict], whole: bool, problem: str) -> None:
    cases = [case(name, verdict) for name, verdict in zip(("REG-OK/a", "REG-OK/b"), verdicts, strict=True)]
    _, problems = compare(baseline, cases, SUITE, TODAY, whole=whole)

    assert (bool(problems), problem in " ".join(problems)) == (bool(problem), True)


@pytest.mark.parametrize(
    ("baseline", "problems", "status"),
    [(known("REG-OK/a"), [], 0), (Baseline(), [], 1), (known("REG-OK/a"), ["it passes again"], 1)],
    ids=["known", "unknown", "wrong"],
)
def test_exit_status_with_a_baseline(baseline: Baseline, problems: list[str], status: int) -> None:
    cases, _ = compare(baseline, [case("REG-OK/a", "fail")], SUITE, TODAY, whole=True)
    run = Results(
        tool=Tool("cchatspec", "0"),
        target=TargetInfo("x", "127.0.0.1:1"),
        started="2026-01-01T00:00:00Z",
        duration_s=0.0,
        baseline=problems,
        summary=summarise(cases),
        open_points={},
        cases=cases,
        clauses=[],
    )

    assert exit_status(run) == status


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    failed = [case("REG-OK/a", "fail"), case("SEND-ID/seen-in-x", "warn"), case("REG-OK/b", "pass")]
    (tmp_path / "b.toml").write_text(baseline_text(failed, Baseline(), TODAY), encoding="utf-8")

    assert read_baseline(tmp_path / "b.toml").entries == (
        Entry("REG-OK/a", by_clause=False, reason="why"),
        Entry("REG-OK", by_clause=True, reason="why"),
    )


def test_entries_that_still_hold_are_kept_and_others_are_not(tmp_path: Path) -> None:
    before = Baseline((*known("REG-OK/a", expires=date(2027, 1, 1)).entries, *known("REG-OK/b").entries))
    (tmp_path / "b.toml").write_text(baseline_text([case("REG-OK/a", "fail")], before, TODAY), encoding="utf-8")

    assert read_baseline(tmp_path / "b.toml").entries == before.entries[:1]


@pytest.mark.parametrize("text", ['a "quote"', "back\\slash", "\x1b\x7f\x00", "ü \u2028 😀"])
def test_any_reason_survives_writing(tmp_path: Path, text: str) -> None:
    before = Baseline((Entry("REG-OK/a", by_clause=False, reason=text),))
    (tmp_path / "b.toml").write_text(baseline_text([case("REG-OK/a", "fail")], before, TODAY), encoding="utf-8")

    assert read_baseline(tmp_path / "b.toml") == before


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("x", "is no TOML"),
        ("", "expected schema"),
        ("schema = 1", "expected schema"),
        ("#[[unknown]]\nother = 1", "found 'other'"),
        ("known = 3", "found 'known'"),
        ("known = [3]", "expected a table"),
        ('[[known]]\ncase = "x"\nreson = "y"', "found 'reson'"),
        ('[[known]]\nreason = "y"', "either a clause or a case"),
        ('[[known]]\ncase = "x"\nclause = "x"\nreason = "y"', "either a clause or a case"),
        ('[[known]]\ncase = "x"', "a glob and a reason"),
        ('[[known]]\ncase = "x"\nreason = " "', "a glob and a reason"),
        ('[[known]]\ncase = "x"\nreason = "y"\nexpires = "soon"', "expected a date"),
        ('[[known]]\ncase = "x"\nreason = "y"\nexpires = 2026-01-01T00:00:00', "expected a date"),
    ],
)
def test_a_file_that_is_no_baseline_is_said_so(tmp_path: Path, text: str, word: str) -> None:
    head = "" if word in ("is no TOML", "expected schema") else 'schema = "cchatspec-baseline/1"\n'
    (tmp_path / "b.toml").write_text(head + text, encoding="utf-8")

    with pytest.raises(BaselineError, match=word):
        read_baseline(tmp_path / "b.toml")
