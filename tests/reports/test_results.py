"""The results model: files, schema, exit statuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from cchatspec.reports.results import (
    CaseResult,
    LevelName,
    Results,
    ResultsError,
    TargetInfo,
    Tool,
    Verdict,
    exit_status,
    judge_clauses,
    read_results,
    schema_path,
    summarise,
    write_results,
)
from cchatspec.reports.schema import schema_text

#: The example of the contract that other programs rely on.
CONTRACT: dict[str, Any] = {
    "schema": "cchatspec-results/1",
    "kind": "conformance",
    "tool": {"name": "cchatspec", "version": "0"},
    "target": {"name": "x", "address": "127.0.0.1:4000", "launch": None},
    "started": "2026-01-01T00:00:00Z",
    "duration_s": 1.9,
    "summary": {"pass": 0, "fail": 0, "warn": 1, "inconclusive": 0, "skip": 0},
    "open_points": {"queued-delivery": {"observed": "poll", "declared": None}},
    "cases": [
        {
            "id": "LOGIN-BURN/old-challenge",
            "title": "…",
            "clauses": ["LOGIN-BURN"],
            "level": "SHOULD",
            "verdict": "warn",
            "reason": "…",
            "blocked_by": None,
            "duration_s": 0.004,
            "replay": "cchatspec run … --select LOGIN-BURN/old-challenge",
        }
    ],
    "clauses": [{"id": "LOGIN-BURN", "level": "SHOULD", "verdict": "warn", "cases": ["LOGIN-BURN/old-challenge"]}],
}


def case(verdict: Verdict, clause: str = "REG-OK", level: LevelName = "MUST") -> CaseResult:
    return CaseResult(f"{clause}/x", "x", [clause], level, verdict, None, None, 0.0, "cchatspec run")


def results(*cases: CaseResult, complete: bool = True, broken: list[str] | None = None) -> Results:
    return Results(
        tool=Tool("cchatspec", "0"),
        target=TargetInfo("x", "127.0.0.1:1"),
        started="2026-01-01T00:00:00Z",
        duration_s=0.0,
        complete=complete,
        broken=broken or [],
        summary=summarise(cases),
        open_points={},
        cases=list(cases),
        clauses=[],
    )


def test_the_contracts_example_is_valid_by_the_shipped_schema() -> None:
    jsonschema.validate(CONTRACT, json.loads(schema_path().read_text(encoding="utf-8")))


def test_the_contracts_example_is_read() -> None:
    assert msgspec.json.decode(json.dumps(CONTRACT), type=Results).cases[0].verdict == "warn"


def test_what_is_written_has_every_key_of_the_contract(tmp_path: Path) -> None:
    write_results(results(case("pass")), tmp_path / "r.json")
    written = json.loads((tmp_path / "r.json").read_text())

    assert (CONTRACT.keys() - written.keys(), CONTRACT["cases"][0].keys() - written["cases"][0].keys()) == (
        set(),
        set(),
    )


def test_what_is_written_is_valid_by_the_shipped_schema(tmp_path: Path) -> None:
    write_results(results(case("fail"), case("skip")), tmp_path / "r.json")

    jsonschema.validate(
        json.loads((tmp_path / "r.json").read_text()), json.loads(schema_path().read_text(encoding="utf-8"))
    )


def test_the_shipped_schema_is_fresh() -> None:
    assert schema_path().read_text(encoding="utf-8") == schema_text(), "run: python -m cchatspec.reports.schema"


def test_reading_gives_back_what_was_written(tmp_path: Path) -> None:
    write_results(results(case("warn", level="SHOULD")), tmp_path / "r.json")

    assert read_results(tmp_path / "r.json") == results(case("warn", level="SHOULD"))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "cut off"),
        ('{"schema": "cchatspec-results/1"', "cut off"),
        ("[]", "no cchatspec-results/1 file"),
        ('{"schema": "cchatspec-results/9"}', "no cchatspec-results/1 file"),
        ("\xff", "no JSON"),
    ],
    ids=["empty", "truncated", "foreign", "newer", "binary"],
)
def test_a_file_that_is_no_results_file_is_said_so(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "r.json").write_bytes(text.encode("latin-1"))

    with pytest.raises(ResultsError, match=word):
        read_results(tmp_path / "r.json")


@pytest.mark.parametrize(
    ("verdicts", "status", "strict"),
    [
        (["pass", "pass"], 0, 0),
        (["pass", "skip"], 0, 0),
        (["pass", "warn"], 0, 1),
        (["pass", "inconclusive"], 0, 1),
        (["pass", "fail"], 1, 1),
        (["inconclusive", "inconclusive"], 1, 1),
        (["skip"], 1, 1),
        ([], 1, 1),
    ],
    ids=str,
)
def test_exit_status(verdicts: list[Verdict], status: int, strict: int) -> None:
    run = results(*(case(verdict) for verdict in verdicts))

    assert (exit_status(run), exit_status(run, strict=True)) == (status, strict)


def test_a_broken_suite_is_3() -> None:
    assert exit_status(results(case("pass"), broken=["it broke"])) == 3


def test_a_clause_has_the_gravest_verdict_of_its_cases() -> None:
    judged = judge_clauses([case("pass"), case("fail"), case("inconclusive")], {"REG-OK": "MUST"})

    assert [clause.verdict for clause in judged] == ["fail"]
