"""What is known of a run at any moment: it takes the events, from one process or from several, and makes the results of them.

The results are written as they come, but no more often than costs little, and each time whole: a file that was left behind by a
suite that was killed is valid and says that it is not complete.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from time import monotonic

from cchatspec.conformance.catalogue import all_cases
from cchatspec.conformance.events import Ended, Event, Finished, Opened
from cchatspec.conformance.harness.pcap import PcapWriter
from cchatspec.conformance.notes import notes_on
from cchatspec.conformance.profile import Profile
from cchatspec.reports.baseline import Baseline, compare
from cchatspec.reports.results import (
    CaseResult,
    LevelName,
    OpenPointResult,
    Results,
    TargetInfo,
    Tool,
    Verdict,
    changed,
    gravest,
    judge_clauses,
    summarise,
    write_results,
)
from cchatspec.spec import CLAUSES, OPEN_POINTS

#: The least time between two writes, in seconds, and what share of the time writing may take.
_WRITE_EVERY_S = 0.5
_WRITING_SHARE = 0.05


@dataclass
class Recorder:
    """Takes the events of a run.

    Attributes:
        name: what the reports call the target.
        path: where the results are written as they come; None to keep them here.
        turns: how often a run over cases must end before all is done: the number of workers times that of repeats.
        fail_fast: which verdicts stop the run.
    """

    name: str
    path: Path | None = None
    turns: int = 1
    fail_fast: frozenset[Verdict] = frozenset()
    baseline: Baseline = field(default_factory=Baseline)
    profile: Profile = field(default_factory=Profile)
    pcap: PcapWriter | None = None
    stopped: bool = False
    broken: list[str] = field(default_factory=list)
    _runs: dict[str, list[CaseResult]] = field(default_factory=dict)
    _leftovers: list[CaseResult] = field(default_factory=list)
    _readings: dict[str, list[str]] = field(default_factory=dict)
    _answers: Counter[str] = field(default_factory=Counter)
    _advice: list[str] = field(default_factory=list)
    _target: Opened | None = None
    _restarts: int = 0
    _finished_turns: int = 0
    _started: datetime = field(default_factory=lambda: datetime.now(UTC))
    _begun: float = field(default_factory=monotonic)
    _next_write: float = 0.0

    def take(self, event: Event) -> bool:
        """Take an event in, and say whether the run shall stop."""
        match event:
            case Opened():
                self._target = self._target or event
            case Finished():
                self._take_case(event)
            case Ended():
                self._take_end(event)
        if monotonic() >= self._next_write:
            self._write()
        return self.stopped

    def _take_case(self, event: Finished) -> None:
        result = event.result
        self._runs.setdefault(result.id, []).append(result)
        self._answers.update(event.answers)
        if self.pcap is not None:
            self.pcap.add(event.result.id, event.began, (event.host, event.port), event.entries)
        if result.verdict in self.fail_fast and self.baseline.reason_for(result, date.today()) is None:
            self.stopped = True

    def _take_end(self, event: Ended) -> None:
        self._leftovers += event.leftovers
        for point, reading in event.observed.items():
            self._readings.setdefault(point, []).append(reading)
        self.broken += event.broken
        self._advice += [advice for advice in event.advice if advice not in self._advice]
        self._restarts += event.restarts
        self._finished_turns += event.complete

    def _write(self) -> None:
        if self.path is None or (self.path.exists() and not self.path.is_file()):
            return
        begun = monotonic()
        write_results(self.results(), self.path)
        done = monotonic()
        self._next_write = done + max(_WRITE_EVERY_S, (done - begun) / _WRITING_SHARE)

    @property
    def complete(self) -> bool:
        """Whether every case that was chosen has its verdict."""
        return self._finished_turns == self.turns

    def results(self) -> Results:
        """All that is known so far."""
        cases, problems = compare(self.baseline, self._cases(), self._suite(), date.today(), whole=self.complete)
        levels: dict[str, LevelName] = {clause.id: clause.level.value for clause in CLAUSES.values()}
        return Results(
            tool=Tool("cchatspec", version("cchatspec")),
            target=TargetInfo(self.name, *self._where()),
            started=self._started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            duration_s=round(monotonic() - self._begun, 3),
            complete=self.complete,
            broken=self.broken,
            notes=[*notes_on(cases, self._answers, self._restarts), *self._own_notes()],
            baseline=problems,
            summary=summarise(cases),
            open_points={point: self._open_point(point) for point in OPEN_POINTS},
            cases=cases,
            clauses=judge_clauses(cases, levels),
        )

    def _cases(self) -> list[CaseResult]:
        """One result for each case in the order of the suite, and behind them what is broken in no case of its own."""
        order = {case.id: number for number, case in enumerate(all_cases())}
        found = [merged(runs) for _, runs in sorted(self._runs.items(), key=lambda item: order[item[0]])]
        ids = {result.id for result in found}
        failed = {clause for result in found if result.broken for clause in result.clauses}
        for left in self._leftovers:
            clause = left.clauses[0]
            if left.id not in ids and (clause not in failed or clause == "ROBUST-ALIVE"):
                found.append(left)
                ids.add(left.id)
                failed.add(clause)
        return found

    def _where(self) -> tuple[str, str | None]:
        """The target's address and the command that started it."""
        return (f"{self._target.host}:{self._target.port}", self._target.launch) if self._target else ("", None)

    def _suite(self) -> dict[str, tuple[str, ...]]:
        return {case.id: case.clauses for case in all_cases()}

    def _own_notes(self) -> list[str]:
        notes = [
            f"The readings of {point} differ: {', '.join(sorted(set(readings)))}."
            for point, readings in self._readings.items()
            if len(set(readings)) > 1
        ]
        notes += self._advice
        return [*notes, "Stopped at the first failure (--fail-fast)."] if self.stopped else notes

    def _open_point(self, point: str) -> OpenPointResult:
        observed = self._readings.get(point)
        return OpenPointResult(observed[0] if observed else None, self.profile.open_points.get(point))


def merged(runs: list[CaseResult]) -> CaseResult:
    """One result for the runs of one case: a verdict that differs is flaky, and undecided unless a run broke a MUST."""
    if len(runs) == 1:
        return runs[0]
    counts: dict[Verdict, int] = dict(Counter(run.verdict for run in runs))
    verdict = gravest(counts)
    shown = next(run for run in runs if run.verdict == verdict)
    if len(counts) == 1:
        return changed(shown, runs=counts)
    words = ", ".join(f"{found} in {count}" for found, count in counts.items())
    reason = f"flaky: of {len(runs)} runs {words}" + (f"; {shown.reason}" if shown.reason else "")
    return changed(shown, verdict="fail" if verdict == "fail" else "inconclusive", reason=reason, runs=counts)
