"""One conformance run as the page shows it: the answer, the map of clauses, the failures, and what was not decided.

Here is decided what is shown and in which order; how it looks is in the templates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from cchatspec.reports.html.frames import BytesView, bytes_view
from cchatspec.reports.html.sequence import Diagram, diagram
from cchatspec.reports.html.words import answer, label, listed, plural, short_name, unknown_broken, verb
from cchatspec.reports.results import CaseResult, ClauseResult, Results, WireLine
from cchatspec.reports.text import plain, words_of
from cchatspec.spec import CLAUSES, FAMILIES

_ORDER = ("fail", "warn", "inconclusive", "pass", "skip")
_RANK = {clause: number for number, clause in enumerate(CLAUSES)}
_REPLY_PIECES = 2
_FENCE_REPLY = "83"


@dataclass(frozen=True, slots=True)
class Tile:
    """A clause on the map; `verdict` is one of `words.MARKS`."""

    id: str
    short: str
    verdict: str
    counts: str
    title: str
    anchor: str | None
    level: str


@dataclass(frozen=True, slots=True)
class Detail:
    """A case that did not pass, with what it rests on."""

    case: CaseResult
    anchor: str
    sent: BytesView | None
    replies: tuple[tuple[str, BytesView], ...]
    diagram: Diagram | None


@dataclass(frozen=True, slots=True)
class Group:
    """The failures of one clause, with its sentence and why it matters."""

    clause: str
    anchor: str
    level: str
    family: str
    verdict: str
    text: str
    why: str
    cases: tuple[Detail, ...]


@dataclass(frozen=True, slots=True)
class Blocked:
    """Cases that were not decided for one reason."""

    by: str | None
    by_anchor: str | None
    reason: str
    cases: tuple[CaseResult, ...]


@dataclass(frozen=True, slots=True)
class RunView:
    """All that is shown of one run; `number` counts the reports of a page from 1."""

    number: int
    prefix: str
    results: Results
    label: str
    answer: str
    verdict: str
    second: str
    counts: tuple[tuple[str, int], ...]
    map: tuple[tuple[str, str, tuple[Tile, ...]], ...]
    groups: tuple[Group, ...]
    blocked: tuple[Blocked, ...]
    skipped: tuple[CaseResult, ...]
    anchors: dict[str, str]


def run_view(results: Results, number: int, *, alone: bool) -> RunView:
    """One run; if it is `alone`, its failures have the plain addresses."""
    prefix = "" if alone else f"{number}:"
    broken = [case for case in results.cases if case.broken]
    groups = tuple(_groups(results, broken, prefix))
    anchors = {group.clause: group.anchor for group in groups}
    sentence, verdict = answer(results)
    tallied = Counter(case.verdict for case in results.cases)
    return RunView(
        number,
        prefix,
        results,
        label(results),
        sentence,
        verdict,
        _second(results, verdict),
        tuple((verdict, tallied[verdict]) for verdict in _ORDER if tallied[verdict]),  # type: ignore[index]
        tuple(_map(results, anchors)),
        groups,
        tuple(_blocked(results, anchors)),
        tuple(case for case in results.cases if case.verdict == "skip"),
        anchors,
    )


def _second(results: Results, verdict: str) -> str:
    """What else must be said at the top: the SHOULDs, and where to start, which is where most other cases wait."""
    said = []
    unmet = unknown_broken(results, "warn")
    if unmet and verdict == "fail":
        said.append(f"{plural(len(unmet), 'SHOULD')} {verb(len(unmet))} not met either: {listed(unmet)}.")
    broken = {clause.id for clause in results.clauses if clause.verdict in ("fail", "warn")}
    blocked = (case.blocked_by for case in results.cases if case.verdict == "inconclusive")
    if waiting := Counter(clause for clause in blocked if clause in broken).most_common(1):
        clause, number = waiting[0]
        said.append(
            f"Start with {short_name(str(clause))}: {plural(number, 'other case')} {verb(number, 'waits', 'wait')} for it."
        )
    return " ".join(said)


def rank(clause: str) -> int:
    """The place of a clause in the document; what it does not have comes last."""
    return _RANK.get(clause, len(_RANK))


def family_of(clause: str) -> str:
    """The family that a clause's id names."""
    return clause.partition("-")[0]


def clause_ids(runs: Iterable[Results]) -> list[str]:
    """The clauses of the protocol, and those that runs of another version have besides."""
    foreign = {clause.id: None for run in runs for clause in run.clauses if clause.id not in CLAUSES}
    return [*CLAUSES, *(clause for clause in foreign if clause)]


def _groups(results: Results, broken: list[CaseResult], prefix: str) -> Iterator[Group]:
    judged = {clause.id: clause for clause in results.clauses}
    mine: dict[str, list[CaseResult]] = {}
    for case in broken:
        mine.setdefault(case.clauses[0], []).append(case)
    for clause, cases in sorted(mine.items(), key=lambda item: _gravity(item[0], item[1])):
        text, why = words_of(clause, judged.get(clause))
        verdict = "fail" if any(case.verdict == "fail" for case in cases) else "warn"
        details = tuple(_detail(case, prefix) for case in sorted(cases, key=lambda case: case.known is not None))
        yield Group(clause, prefix + plain(clause), cases[0].level, family_of(clause), verdict, text, why, details)


def _gravity(clause: str, cases: list[CaseResult]) -> tuple[bool, bool, int]:
    """What nobody knew comes first, then what broke a MUST, then the order of the document."""
    known = all(case.known is not None for case in cases)
    return known, all(case.verdict != "fail" for case in cases), rank(clause)


def _detail(case: CaseResult, prefix: str) -> Detail:
    sent = _frames(case.sent.hex, case.sent.size) if case.sent else None
    return Detail(case, prefix + plain(case.id), sent, tuple(replies_of(case.wire)), diagram(case.wire))


@cache
def _frames(text: str, size: int) -> BytesView | None:
    return bytes_view(text, size)


def replies_of(wire: list[WireLine]) -> Iterator[tuple[str, BytesView]]:
    """What was received after the stimulus, without the reply to a fence."""
    start = max((at for at, line in enumerate(wire) if line.part == "stimulus"), default=len(wire))
    fenced = Counter(line.connection for line in wire[start:] if line.part == "fence")
    received = [line for line in wire[start:] if line.direction == "received" and line.hex]
    shown = 0
    for line in received:
        if fenced[line.connection] and line.hex[8:10] == _FENCE_REPLY:
            fenced[line.connection] -= 1
            continue
        view = _frames(line.hex, line.size)
        if view is not None and shown < _REPLY_PIECES:
            shown += 1
            yield f"#{line.connection} {plain(line.text)}", view


def _map(results: Results, anchors: dict[str, str]) -> Iterator[tuple[str, str, tuple[Tile, ...]]]:
    judged = {clause.id: clause for clause in results.clauses}
    verdicts = {case.id: case.verdict for case in results.cases}
    tiles: dict[str, list[Tile]] = {}
    for clause in clause_ids([results]):
        tiles.setdefault(family_of(clause), []).append(_tile(clause, judged.get(clause), verdicts, anchors))
    for family, mine in tiles.items():
        if any(tile.verdict != "unrun" for tile in mine):
            yield short_name(family), FAMILIES.get(family, ""), tuple(mine)


def _tile(clause: str, judged: ClauseResult | None, verdicts: Mapping[str, str], anchors: dict[str, str]) -> Tile:
    known = CLAUSES.get(clause)
    verdict = verdict_of(clause, judged)
    passed = sum(verdicts.get(case) == "pass" for case in judged.cases) if judged else 0
    counts = f"{passed}/{len(judged.cases)}" if judged else ""
    title = judged.text if judged and judged.text else known.text if known else ""
    level = judged.level if judged else known.level.value if known else ""
    return Tile(
        plain(clause),
        short_name(clause.partition("-")[2] or clause),
        verdict,
        counts,
        plain(title),
        anchors.get(clause),
        level,
    )


def verdict_of(clause: str, judged: ClauseResult | None) -> str:
    """The verdict on a clause, or why it has none: `untestable` or `unrun`."""
    if judged is not None:
        return judged.verdict
    known = CLAUSES.get(clause)
    return "untestable" if known and known.untestable else "unrun"


def _blocked(results: Results, anchors: dict[str, str]) -> Iterator[Blocked]:
    """What was not decided, by reason, with those first for which most wait."""
    grouped: dict[tuple[str | None, str], list[CaseResult]] = {}
    for case in results.cases:
        if case.verdict == "inconclusive":
            grouped.setdefault((case.blocked_by, case.reason or "no reason given"), []).append(case)
    for (clause, reason), cases in sorted(grouped.items(), key=lambda item: -len(item[1])):
        yield Blocked(clause, anchors.get(clause or ""), reason, tuple(cases))
