"""The results model: what `results.json` holds, how it is written and read, and which exit status it means.

The JSON is stable (`cchatspec-results/1`); its schema is shipped as `results.schema.json` and generated from these classes. It is
the only source of every other form of report.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec

from cchatspec.reports.files import write_whole
from cchatspec.spec import CLAUSES

SCHEMA: Literal["cchatspec-results/1"] = "cchatspec-results/1"

Verdict = Literal["pass", "fail", "warn", "inconclusive", "skip"]
LevelName = Literal["MUST", "SHOULD", "OPEN"]
Part = Literal["registration", "login", "stimulus", "fence"]

#: The verdicts from the one that decides for a clause to the one that yields to all others.
_WEIGHT: dict[Verdict, int] = {"fail": 0, "warn": 1, "inconclusive": 2, "pass": 3, "skip": 4}


class ResultsError(ValueError):
    """A file is no results file; the text says why."""


class Tool(msgspec.Struct, frozen=True):
    """What made the results."""

    name: str
    version: str


class TargetInfo(msgspec.Struct, frozen=True):
    """What was judged; `launch` is the command if it was started for the run."""

    name: str
    address: str
    launch: str | None = None


class WireLine(msgspec.Struct, frozen=True):
    """One line of a case's wire log.

    `ms` since the case began; `connection` counts from 1; `hex` holds at most the first 512 of `size` bytes. `part` says which
    lines lead to the question (`registration`, `login`), which are the `stimulus`, and which the `fence` behind it.
    """

    ms: float
    connection: int
    direction: Literal["sent", "received", "event"]
    text: str
    size: int = 0
    hex: str = ""
    part: Part | None = None


class Stimulus(msgspec.Struct, frozen=True):
    """The last thing that the case sent before what came.

    `text` says it in words; `dump` is a hexdump of at most 80 columns with the offset, name and value of each field; `hex`
    holds at most the first 512 of `size` bytes.
    """

    connection: int
    text: str
    size: int
    hex: str
    dump: list[str]


class CaseResult(msgspec.Struct, frozen=True):
    """The verdict on one case and what it rests on; the log is kept for what did not pass.

    `known` is the reason by which the baseline knows the failure. `runs` counts the verdicts if the case ran more than once; more
    than one verdict in it means that the case is flaky.
    """

    id: str
    title: str
    clauses: list[str]
    level: LevelName
    verdict: Verdict
    reason: str | None
    blocked_by: str | None
    duration_s: float
    replay: str
    expected: str | None = None
    came: str | None = None
    wire: list[WireLine] = []
    sent: Stimulus | None = None
    known: str | None = None
    runs: dict[Verdict, int] = {}

    @property
    def broken(self) -> bool:
        """Whether the case shows a clause to be broken, a MUST or a SHOULD."""
        return self.verdict in ("fail", "warn")

    @property
    def flaky(self) -> bool:
        """Whether the verdicts of repeated runs differ."""
        return len(self.runs) > 1


class ClauseResult(msgspec.Struct, frozen=True):
    """The verdict on one clause: the gravest of its cases'; with its sentence and why it matters."""

    id: str
    level: LevelName
    verdict: Verdict
    cases: list[str]
    text: str = ""
    why: str = ""


class OpenPointResult(msgspec.Struct, frozen=True):
    """What the target chose where the protocol leaves a choice, and what its profile declared."""

    observed: str | None
    declared: str | None = None


class Summary(msgspec.Struct, frozen=True):
    """The number of cases with each verdict; `known` of those that fail or warn are in the baseline."""

    passed: int = msgspec.field(name="pass", default=0)
    fail: int = 0
    warn: int = 0
    inconclusive: int = 0
    skip: int = 0
    known: int = 0
    flaky: int = 0


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """One conformance run; `complete` is false if it was interrupted or broke, and then it holds what was known.

    `baseline` says what is wrong with the baseline's entries, and `broken` what went wrong in the suite itself.
    """

    schema: Literal["cchatspec-results/1"] = SCHEMA
    kind: Literal["conformance"] = "conformance"
    tool: Tool
    target: TargetInfo
    started: str
    duration_s: float
    complete: bool = True
    broken: list[str] = []
    notes: list[str] = []
    baseline: list[str] = []
    summary: Summary
    open_points: dict[str, OpenPointResult]
    cases: list[CaseResult]
    clauses: list[ClauseResult]


def changed(result: CaseResult, **values: Any) -> CaseResult:
    """The result with some of its fields replaced."""
    return msgspec.structs.replace(result, **values)


def summarise(cases: Iterable[CaseResult]) -> Summary:
    """Count the verdicts."""
    listed = list(cases)
    counts = dict.fromkeys(_WEIGHT, 0)
    for case in listed:
        counts[case.verdict] += 1
    return Summary(
        counts["pass"],
        counts["fail"],
        counts["warn"],
        counts["inconclusive"],
        counts["skip"],
        known=sum(case.known is not None for case in listed),
        flaky=sum(case.flaky for case in listed),
    )


def judge_clauses(cases: list[CaseResult], levels: dict[str, LevelName]) -> list[ClauseResult]:
    """The verdict on every clause that has a case, in the order of `levels`."""
    mine: dict[str, list[CaseResult]] = {}
    for case in cases:
        for clause in case.clauses:
            mine.setdefault(clause, []).append(case)
    return [_judge_clause(clause, level, mine[clause]) for clause, level in levels.items() if clause in mine]


def _judge_clause(clause: str, level: LevelName, cases: list[CaseResult]) -> ClauseResult:
    verdict = gravest(case.verdict for case in cases)
    known = CLAUSES.get(clause)
    text, why = (known.text, known.why) if known else ("", "")
    return ClauseResult(clause, level, verdict, [case.id for case in cases], text, why)


def gravest(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict that decides over the others."""
    return min(verdicts, key=_WEIGHT.__getitem__)


def exit_status(results: Results, *, strict: bool = False) -> int:
    """What the run means to a script.

    0 no MUST is broken; 1 one is, or no case could be decided, or an entry of the baseline is wrong, or with `strict` a SHOULD is
    broken or a case undecided; 3 the suite itself broke. A failure that the baseline knows does not count.
    """
    count = results.summary
    if results.broken:
        return 3
    if results.baseline or any(case.verdict == "fail" and case.known is None for case in results.cases):
        return 1
    if not (count.passed or count.warn or count.fail):
        return 1
    undecided = count.inconclusive or not results.complete
    warned = any(case.verdict == "warn" and case.known is None for case in results.cases)
    return 1 if strict and (warned or undecided) else 0


def write_results(results: msgspec.Struct, path: Path) -> None:
    """Write the JSON, whole or not at all; what is no regular file, such as a pipe or `/dev/null`, is written to as it is.

    Raises:
        OSError: the file cannot be written.
    """
    write_whole(path, msgspec.json.format(_encoded(results), indent=2) + b"\n")


def _encoded(results: msgspec.Struct) -> bytes:
    """The JSON; halves of surrogate pairs, which stand for arguments that are no UTF-8, are escaped."""
    try:
        return msgspec.json.encode(results)
    except UnicodeEncodeError:
        return msgspec.json.encode(_whole(msgspec.to_builtins(results)))


def _whole(value: Any) -> Any:
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case list():
            return [_whole(item) for item in value]
        case dict():
            return {_whole(key): _whole(item) for key, item in value.items()}
        case _:
            return value


def read_results(path: Path) -> Results:
    """Read a results file.

    Raises:
        ResultsError: it is no results file of this version, or is cut off.
        OSError: it cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Results)
    except msgspec.ValidationError as problem:
        raise ResultsError(f"{path} is no {SCHEMA} file: {problem}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ResultsError(f"{path} is no JSON, or is cut off: {problem}") from None


def schema_path() -> Path:
    """Where the shipped schema is."""
    return Path(__file__).with_name("results.schema.json")
