"""Several runs side by side: the matrix of implementations and clauses, what changed, the open points, and the traces.

A trace leads from a clause to its cases and from there to verdicts. With many runs, verdicts are told by the numbers of the runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cchatspec.reports.html.conformance import RunView, clause_ids, family_of, verdict_of
from cchatspec.reports.html.words import MARKS, short_name
from cchatspec.reports.results import CaseResult, OpenPointResult
from cchatspec.reports.text import plain, words_of
from cchatspec.spec import CLAUSES, FAMILIES, OPEN_POINTS

_GRAVITY = list(MARKS)


@dataclass(frozen=True, slots=True)
class Cell:
    """One clause of one run in the matrix."""

    verdict: str
    anchor: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """A clause in all runs."""

    clause: str
    level: str
    text: str
    cells: tuple[Cell, ...]
    verdicts: str


@dataclass(frozen=True, slots=True)
class Told:
    """A verdict and the runs that have it; `runs` is empty if all have."""

    verdict: str
    runs: tuple[RunView, ...]


@dataclass(frozen=True, slots=True)
class CaseTrace:
    """A case with its verdicts; `anchor` is where its failure is told, if a page of one run tells it."""

    id: str
    title: str
    told: tuple[Told, ...]
    anchor: str | None

    @property
    def verdicts(self) -> str:
        """The verdicts that it has anywhere."""
        return " ".join(told.verdict for told in self.told)


@dataclass(frozen=True, slots=True)
class ClauseTrace:
    """A clause with its cases; `untestable` says why it has none."""

    id: str
    level: str
    text: str
    why: str
    sources: str
    untestable: str
    told: tuple[Told, ...]
    cases: tuple[CaseTrace, ...]
    own_address: bool

    @property
    def verdicts(self) -> str:
        """The verdicts that it has anywhere."""
        return " ".join(told.verdict for told in self.told)


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a clause or a case from one run to the next."""

    id: str
    before: str
    after: str
    anchor: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """All that changed from one run of a target to its next."""

    older: RunView
    newer: RunView
    clauses: tuple[Change, ...]
    cases: tuple[Change, ...]
    points: tuple[Change, ...]
    worse: int
    better: int
    gone: int
    added: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A reading of an open point: whose it is."""

    value: str
    text: str
    reference: bool
    runs: tuple[RunView, ...]
    declared: tuple[RunView, ...]


@dataclass(frozen=True, slots=True)
class PointRow:
    """An open point with its readings, those that no document names included; `unseen` lists the runs that did not show one."""

    id: str
    text: str
    choices: tuple[Choice, ...]
    unseen: tuple[RunView, ...]
    split: bool


def matrix(runs: Sequence[RunView]) -> list[tuple[str, str, list[Row]]]:
    """The clauses that any run judged, by family."""
    judged = [{clause.id: clause for clause in run.results.clauses} for run in runs]
    families: dict[str, list[Row]] = {}
    for clause in clause_ids(run.results for run in runs):
        found = [mine.get(clause) for mine in judged]
        if not any(found):
            continue
        first = next(one for one in found if one)
        cells = tuple(
            Cell(verdict_of(clause, one), run.anchors.get(clause)) for run, one in zip(runs, found, strict=True)
        )
        verdicts = " ".join(dict.fromkeys(cell.verdict for cell in cells))
        families.setdefault(family_of(clause), []).append(
            Row(plain(clause), first.level, words_of(clause, first)[0], cells, verdicts)
        )
    return [(short_name(family), FAMILIES.get(family, ""), rows) for family, rows in families.items()]


def traces(runs: Sequence[RunView]) -> list[tuple[str, str, list[ClauseTrace]]]:
    """Every clause with its cases and verdicts, by family; the open points' cases are told with the open points."""
    cases: dict[str, dict[str, list[CaseResult | None]]] = {}
    for index, run in enumerate(runs):
        for case in run.results.cases:
            for clause in case.clauses if case.level != "OPEN" else ():
                row = cases.setdefault(clause, {}).setdefault(case.id, [None] * len(runs))
                row[index] = case
    families: dict[str, list[ClauseTrace]] = {}
    for clause in clause_ids(run.results for run in runs):
        families.setdefault(family_of(clause), []).append(_clause_trace(clause, cases.get(clause, {}), runs))
    return [(short_name(family), FAMILIES.get(family, ""), listed) for family, listed in families.items()]


def _clause_trace(clause: str, cases: dict[str, list[CaseResult | None]], runs: Sequence[RunView]) -> ClauseTrace:
    known = CLAUSES.get(clause)
    judged = [next((one for one in run.results.clauses if one.id == clause), None) for run in runs]
    first = next((one for one in judged if one), None)
    told = _told([verdict_of(clause, one) for one in judged], runs)
    traced = tuple(_case_trace(case, clause, found, runs) for case, found in cases.items())
    text, why = words_of(clause, first)
    level = first.level if first else known.level.value if known else ""
    sources = "; ".join(known.sources) if known else ""
    untestable = known.untestable or "" if known else ""
    alone = len(runs) == 1 and clause in runs[0].anchors
    return ClauseTrace(plain(clause), level, text, why, sources, untestable, told, traced, not alone)


def _case_trace(case: str, clause: str, found: list[CaseResult | None], runs: Sequence[RunView]) -> CaseTrace:
    title = next(one.title for one in found if one)
    mine = next(one for one in found if one)
    told = _told([one.verdict if one else "unrun" for one in found], runs)
    elsewhere = (len(runs) == 1 and mine.broken) or mine.clauses[0] != clause
    return CaseTrace(plain(case), title, told, plain(case) if elsewhere else None)


def _told(verdicts: list[str], runs: Sequence[RunView]) -> tuple[Told, ...]:
    by_verdict: dict[str, list[RunView]] = {}
    for verdict, run in zip(verdicts, runs, strict=True):
        by_verdict.setdefault(verdict, []).append(run)
    if len(by_verdict) == 1:
        return (Told(next(iter(by_verdict)), ()),)
    ordered = sorted(by_verdict.items(), key=lambda item: _GRAVITY.index(item[0]))
    return tuple(Told(verdict, tuple(mine)) for verdict, mine in ordered)


def changes(runs: Sequence[RunView]) -> list[Changes]:
    """What changed from each run of a target to its next one."""
    by_target: dict[str, list[RunView]] = {}
    for run in runs:
        by_target.setdefault(run.results.target.name, []).append(run)
    ordered = [sorted(mine, key=lambda run: run.results.started) for mine in by_target.values()]
    return [_changes(older, newer) for mine in ordered for older, newer in pairwise(mine)]


def _changes(older: RunView, newer: RunView) -> Changes:
    before = {case.id: case.verdict for case in older.results.cases}
    after = {case.id: case.verdict for case in newer.results.cases}
    broken = {case.id: newer.prefix + plain(case.id) for case in newer.results.cases if case.broken}
    cases = list(_differing(before, after, broken))
    clauses = _differing(
        {one.id: one.verdict for one in older.results.clauses},
        {one.id: one.verdict for one in newer.results.clauses},
        newer.anchors,
    )
    points = _differing(_observed(older), _observed(newer), {})
    worse = sum(_is_worse(change) for change in cases)
    return Changes(
        older,
        newer,
        tuple(clauses),
        tuple(cases),
        tuple(points),
        worse,
        len(cases) - worse,
        len(before.keys() - after.keys()),
        len(after.keys() - before.keys()),
    )


def _observed(run: RunView) -> dict[str, str]:
    return {point: found.observed or "not seen" for point, found in run.results.open_points.items()}


def _is_worse(change: Change) -> bool:
    return _GRAVITY.index(change.after) < _GRAVITY.index(change.before)


def _differing(before: Mapping[str, str], after: Mapping[str, str], anchors: dict[str, str]) -> Iterator[Change]:
    """What both have and what differs, with what became worst first."""
    ranks = {verdict: number for number, verdict in enumerate(_GRAVITY)}
    both = [name for name in after if name in before and before[name] != after[name]]
    for name in sorted(both, key=lambda name: ranks.get(after[name], 0)):
        yield Change(plain(name), before[name], after[name], anchors.get(name))


def points(runs: Sequence[RunView]) -> list[PointRow]:
    """The open points that any run looked at."""
    names = {point: None for run in runs for point in run.results.open_points}
    known = [point for point in OPEN_POINTS if point in names]
    return [_point(point, runs) for point in [*known, *(name for name in names if name not in OPEN_POINTS)]]


def _point(name: str, runs: Sequence[RunView]) -> PointRow:
    known = OPEN_POINTS.get(name)
    found = [(run, run.results.open_points.get(name, OpenPointResult(None))) for run in runs]
    readings = {reading.value: reading.text for reading in known.readings} if known else {}
    for _, one in found:
        for value in (one.observed, one.declared):
            if value is not None:
                readings.setdefault(value, "")
    choices = tuple(
        Choice(
            plain(value),
            text,
            bool(known and value == known.reference),
            tuple(run for run, one in found if one.observed == value),
            tuple(run for run, one in found if one.declared == value and one.observed != value),
        )
        for value, text in readings.items()
    )
    unseen = tuple(run for run, one in found if one.observed is None)
    split = sum(bool(choice.runs) for choice in choices) > 1
    return PointRow(plain(name), known.text if known else "", choices, unseen, split)
