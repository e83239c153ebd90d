"""Running the cases: pytest collects and calls them, and this plugin turns what happened into verdicts.

What a verdict rests on: a comparison that held is a `pass`; one that did not is a `fail` or, for a SHOULD, a `warn`; a case that
was barred from its question is `inconclusive` and names the clause that barred it. After every case the target must still serve.
Anything else that goes wrong in here is a fault of the suite, and is reported as one.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from time import monotonic
from typing import Any

import pytest

from cchatspec.conformance import fixtures
from cchatspec.conformance.catalogue import (
    Case,
    QuietReporter,
    all_cases,
    case_of,
    in_order,
    pytest_alone,
    pytest_arguments,
)
from cchatspec.conformance.describe import describe, describe_wire
from cchatspec.conformance.harness.outcomes import Blocked, NotApplicable, RateLimited, Unreadable
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.harness.wirelog import WireEntry, WireLog
from cchatspec.reports.results import (
    CaseResult,
    LevelName,
    OpenPointResult,
    Results,
    TargetInfo,
    Tool,
    Verdict,
    WireLine,
    judge_clauses,
    summarise,
)
from cchatspec.spec import CLAUSES, OPEN_POINTS

_HEX_LIMIT = 512
_RATE_ADVICE = "the target answered ERROR 06 to a few requests; raise its rate limit for the suite to get further"

#: Told of each case as it starts, and of each verdict.
Progress = Callable[[str, CaseResult | None], None]


@dataclass
class _Attempt:
    """One run of one case: what it compared, and what stopped it."""

    case: Case
    log: WireLog = field(default_factory=WireLog)
    started: float = field(default_factory=monotonic)
    came: object = None
    expected: object = None
    compared: bool = False
    problem: BaseException | None = None
    phase: str = ""


@dataclass(frozen=True, slots=True)
class _Judgement:
    verdict: Verdict
    reason: str | None = None
    blocked_by: str | None = None
    broken: bool = False


class Suite(QuietReporter):
    """The pytest plugin of one run against one target."""

    def __init__(self, target: Target, chosen: set[str], replay: str, progress: Progress) -> None:
        self.target = target
        self.results: list[CaseResult] = []
        self.broken: list[str] = []
        self.observed: dict[str, str] = {}
        self._chosen = chosen
        self._replay = replay
        self._progress = progress
        self._attempt: _Attempt | None = None

    # Collection

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:  # noqa: D102
        super().pytest_configure(config)
        config.stash[fixtures.TARGET] = self.target
        config.stash[fixtures.OBSERVED] = self.observed

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:  # noqa: D102
        functions = [item for item in items if isinstance(item, pytest.Function)]
        items[:] = [item for item in in_order(functions) if case_of(item).id in self._chosen]

    # One case

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Function) -> Generator[None, Any, Any]:  # noqa: D102
        self._attempt = attempt = _Attempt(case_of(item))
        item.stash[fixtures.LOG] = attempt.log
        self.target.case = attempt.case.id
        self._progress(attempt.case.id, None)
        outcome = yield
        self._finish(attempt)
        return outcome

    def pytest_assertrepr_compare(self, left: object, right: object) -> None:
        """Keep both sides of the comparison that did not hold."""
        if self._attempt is not None:
            self._attempt.came, self._attempt.expected, self._attempt.compared = left, right, True

    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """Keep the first thing that stopped the case."""
        if self._attempt is not None and call.excinfo is not None and self._attempt.problem is None:
            self._attempt.problem, self._attempt.phase = call.excinfo.value, call.when

    def _finish(self, attempt: _Attempt) -> None:
        judgement = _judge(attempt)
        if judgement.broken:
            self.broken.append(f"{attempt.case.id}: {judgement.reason}")
        if attempt.log.entries and not self.target.still_serves():
            judgement = self._after_death(attempt, judgement)
        self._add(_result(attempt, judgement, self._replay))

    def _after_death(self, attempt: _Attempt, judgement: _Judgement) -> _Judgement:
        """A crash never passes: the case after which the target was gone is ROBUST-ALIVE's finding, whatever it saw."""
        how = self.target.bury(attempt.case.id)
        if judgement.verdict in ("fail", "warn"):
            return _Judgement(judgement.verdict, f"{judgement.reason}; and then {how}")
        return _Judgement("inconclusive", f"after this case the target no longer served: {how}", "ROBUST-ALIVE")

    def _add(self, result: CaseResult) -> None:
        self.results.append(result)
        self._progress(result.id, result)

    # The end

    def add_what_no_case_reported(self) -> None:
        """Report what is broken and failed in no case of its own: foundations, and what was met on the way to other cases."""
        for found in self.target.broken_foundations:
            if not self._failed(found.clause) and not _unreadable(found.came):
                log = WireLog()
                log.entries.extend(found.log)
                case = _root_case(found.clause)
                attempt = _Attempt(case, log, came=found.came, expected=found.expected, compared=True)
                self._add(_result(attempt, _Judgement(_failure(case.level), _compared(attempt)), self._replay))
        for met_in, deviation in self.target.deviations:
            if not self._failed(deviation.clause):
                self._add_seen(deviation.clause, met_in, deviation.reason, deviation.data)
        if self.target.deaths:
            met_in, how = self.target.deaths[0]
            others = len(self.target.deaths) - 1
            more = f" (and after {others} other case{'s' * (others > 1)})" if others else ""
            self._add_seen("ROBUST-ALIVE", met_in, how + more, b"")

    def _failed(self, clause: str) -> bool:
        return any(clause in result.clauses and result.verdict in ("fail", "warn") for result in self.results)

    def _add_seen(self, clause: str, met_in: str, reason: str, data: bytes) -> None:
        """A result for what was seen on the way: its case is named after the one in which it was seen."""
        level = CLAUSES[clause].level.value
        case = Case(f"{clause}/seen-in-{met_in.replace('/', '-')}", f"seen in {met_in}", (clause,), level)  # type: ignore[arg-type]
        if any(result.id == case.id for result in self.results):
            return
        log = WireLog()
        if data:
            log.received(1, data)
        replay = f"{self._replay} --select '{met_in}'"
        result = _result(_Attempt(case, log), _Judgement(_failure(case.level), f"in {met_in}: {reason}"), self._replay)
        self._add(_with_replay(result, replay))


def _with_replay(result: CaseResult, replay: str) -> CaseResult:
    values = {name: getattr(result, name) for name in result.__struct_fields__}
    return CaseResult(**{**values, "replay": replay})


def _root_case(clause: str) -> Case:
    """The case that reports a foundation."""
    return next(case for case in all_cases() if clause in case.clauses and case.is_foundation)


def _failure(level: LevelName) -> Verdict:
    """What a comparison that did not hold means at a level. An open point cannot fail."""
    return {"MUST": "fail", "SHOULD": "warn", "OPEN": "inconclusive"}[level]  # type: ignore[return-value]


def _judge(attempt: _Attempt) -> _Judgement:
    match attempt.problem:
        case None:
            return _Judgement("pass")
        case Blocked(clause=clause, reason=reason):
            return _Judgement("inconclusive", reason, clause)
        case RateLimited():
            return _Judgement("inconclusive", _RATE_ADVICE, "RATE-LIMIT")
        case NotApplicable() | pytest.skip.Exception():
            return _Judgement("skip", str(attempt.problem))
        case AssertionError() if attempt.phase == "call":
            return _judge_comparison(attempt)
        case _:
            assert attempt.problem is not None
            where = traceback.format_exception(attempt.problem)[-3:]
            return _Judgement("inconclusive", " ".join("".join(where).split()), broken=True)


def _judge_comparison(attempt: _Attempt) -> _Judgement:
    unreadable = _unreadable(attempt.came)
    if unreadable is not None and unreadable.clause not in attempt.case.clauses:
        return _Judgement("inconclusive", f"the reply cannot be read: {unreadable.reason}", unreadable.clause)
    if not attempt.compared:
        return _Judgement("inconclusive", f"the case asserted no comparison: {attempt.problem}", broken=True)
    return _Judgement(_failure(attempt.case.level), _compared(attempt))


def _compared(attempt: _Attempt) -> str:
    return f"came: {describe(attempt.came)}; right would be: {describe(attempt.expected)}"


def _unreadable(came: object) -> Unreadable | None:
    for reply in came if isinstance(came, list) else [came]:
        if isinstance(reply, Unreadable):
            return reply
    return None


def _result(attempt: _Attempt, judgement: _Judgement, replay: str) -> CaseResult:
    case = attempt.case
    shown = judgement.verdict in ("fail", "warn", "inconclusive")
    compared = attempt.compared and judgement.verdict in ("fail", "warn")
    return CaseResult(
        id=case.id,
        title=case.title,
        clauses=list(case.clauses),
        level=case.level,
        verdict=judgement.verdict,
        reason=judgement.reason,
        blocked_by=judgement.blocked_by,
        duration_s=round(monotonic() - attempt.started, 4),
        replay=f"{replay} --select {case.id}",
        expected=describe(attempt.expected) if compared else None,
        came=describe(attempt.came) if compared else None,
        wire=[_wire_line(entry) for entry in attempt.log.entries] if shown else [],
    )


def _wire_line(entry: WireEntry) -> WireLine:
    text = entry.text
    if entry.data:
        text = f"{describe_wire(entry.data)} ({text})" if text else describe_wire(entry.data)
    return WireLine(
        round(entry.ms, 2), entry.connection, entry.direction, text, len(entry.data), entry.data[:_HEX_LIMIT].hex()
    )


def run_suite(target: Target, chosen: set[str], name: str, replay: str, progress: Progress) -> Results:
    """Run the chosen cases against a target and give back the results, also if the run is interrupted.

    Args:
        target: what is judged.
        chosen: the ids of the cases.
        name: what the reports call the target.
        replay: the command line that runs this target again, without a selection.
        progress: told of each case as it starts and ends.
    """
    started, begun = datetime.now(UTC), monotonic()
    suite = Suite(target, chosen, replay, progress)
    with pytest_alone():
        status = pytest.main(pytest_arguments(), plugins=[suite, fixtures])
    interrupted = status == pytest.ExitCode.INTERRUPTED
    if not interrupted:
        suite.add_what_no_case_reported()
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):
        suite.broken.append(f"pytest ended with {pytest.ExitCode(status).name}")
    levels: dict[str, LevelName] = {clause.id: clause.level.value for clause in CLAUSES.values()}
    return Results(
        tool=Tool("cchatspec", version("cchatspec")),
        target=TargetInfo(name, f"{target.host}:{target.port}", target.launcher.command if target.launcher else None),
        started=started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        duration_s=round(monotonic() - begun, 3),
        complete=not interrupted,
        broken=suite.broken,
        notes=_notes(target, suite.results),
        summary=summarise(suite.results),
        open_points={point: OpenPointResult(suite.observed.get(point)) for point in OPEN_POINTS},
        cases=suite.results,
        clauses=judge_clauses(suite.results, levels),
    )


def _notes(target: Target, results: list[CaseResult]) -> list[str]:
    notes = []
    if target.launcher is not None and target.launcher.restarts:
        notes.append(f"The target died and was started again {target.launcher.restarts} times.")
    if any(result.blocked_by == "RATE-LIMIT" for result in results):
        notes.append("Some cases ran into the target's rate limit. Raise it to have them decided.")
    return notes
