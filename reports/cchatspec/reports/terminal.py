"""Results at the terminal: per family, then each failure in full, then what was not decided and why, then what to do next.

Text that came from a target is shown escaped and never as markup or control characters.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cchatspec.reports.results import CaseResult, Results, Verdict
from cchatspec.spec import CLAUSES, FAMILIES, OPEN_POINTS

_STYLES: dict[Verdict, str] = {
    "pass": "green",
    "fail": "bold red",
    "warn": "yellow",
    "inconclusive": "magenta",
    "skip": "dim",
}
_WORDS: dict[Verdict, str] = {
    "pass": "pass",
    "fail": "FAIL",
    "warn": "WARN",
    "inconclusive": "undecided",
    "skip": "skip",
}
_COLUMNS: tuple[Verdict, ...] = ("pass", "fail", "warn", "inconclusive", "skip")
_MAX_WIRE_LINES = 16
_MAX_IDS = 6
_MAX_BROKEN = 3
_ARROWS = {"sent": "->", "received": "<-", "event": "--"}


def show_results(results: Results, console: Console, written: str | None = None) -> None:
    """Print a whole run; `written` is where its JSON went."""
    _show_families(results, console)
    _show_failures(results, console)
    _show_undecided(results, console)
    _show_skipped(results, console)
    _show_open_points(results, console)
    _show_end(results, console, written)


def plain(text: str) -> str:
    """The text with control and formatting characters made visible."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _show_families(results: Results, console: Console) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("family")
    table.add_column("")
    for verdict in _COLUMNS:
        table.add_column(_WORDS[verdict].lower(), justify="right")
    for family, cases in _by_family(results):
        counts = [sum(case.verdict == verdict for case in cases) for verdict in _COLUMNS]
        cells = [
            Text(str(count), style=_STYLES[verdict]) if count else Text("·", style="dim")
            for verdict, count in zip(_COLUMNS, counts, strict=True)
        ]
        table.add_row(family, Text(FAMILIES.get(family, ""), style="dim"), *cells)
    console.print()
    console.print(table)


def _by_family(results: Results) -> list[tuple[str, list[CaseResult]]]:
    grouped: dict[str, list[CaseResult]] = defaultdict(list)
    for case in results.cases:
        grouped[case.clauses[0].partition("-")[0] if case.level != "OPEN" else "OPEN"].append(case)
    order = [*FAMILIES, "OPEN"]
    return sorted(grouped.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order))


def _show_failures(results: Results, console: Console) -> None:
    """Each broken clause once, with its sentence and why it matters, and under it each case that showed it."""
    failed = [case for case in results.cases if case.verdict in ("fail", "warn")]
    for clause, cases in groupby(sorted(failed, key=_clause_rank), key=lambda case: case.clauses[0]):
        shown = list(cases)
        console.print()
        verdict = shown[0].verdict
        console.print(Text.assemble((f"{_WORDS[verdict]}  {clause}", _STYLES[verdict]), f"  {shown[0].level}"))
        if clause in CLAUSES:
            _indented(console, Text(CLAUSES[clause].text))
            _indented(console, Text(f"It matters: {CLAUSES[clause].why}", style="dim"))
        for case in shown:
            _show_failure(case, console)


def _clause_rank(case: CaseResult) -> tuple[bool, int]:
    """What a MUST failed comes before what a SHOULD did, and each in the order of the document."""
    order = list(CLAUSES)
    return case.verdict != "fail", order.index(case.clauses[0]) if case.clauses[0] in order else len(order)


def _show_failure(case: CaseResult, console: Console) -> None:
    console.print()
    _indented(console, Text(case.id, style="bold"))
    _labelled(console, "case", case.title)
    if case.expected is not None:
        _labelled(console, "right", case.expected)
    if case.came is not None:
        _labelled(console, "came", case.came)
    if case.reason is not None and case.came is None:
        _labelled(console, "reason", case.reason)
    _show_wire(case, console)
    _labelled(console, "again", case.replay)


def _show_wire(case: CaseResult, console: Console) -> None:
    lines = case.wire
    left_out = max(0, len(lines) - _MAX_WIRE_LINES)
    for index, line in enumerate(lines[left_out:]):
        text = f"{line.ms:8.1f} ms  #{line.connection} {_ARROWS[line.direction]} {plain(line.text)}"
        _labelled(console, "wire" if index == 0 else "", text)
    if left_out:
        _labelled(console, "", f"({left_out} earlier lines are in the JSON)")


def _show_undecided(results: Results, console: Console) -> None:
    undecided = [case for case in results.cases if case.verdict == "inconclusive"]
    if not undecided:
        return
    console.print()
    console.print(Text("Not decided", style="bold"))
    blocked = sorted(undecided, key=lambda case: (case.blocked_by or "", case.reason or ""))
    for (clause, reason), group in groupby(blocked, key=lambda case: (case.blocked_by, case.reason)):
        ids = [case.id for case in group]
        because = f"blocked by {clause}: {reason}" if clause else reason or "no reason given"
        _indented(console, Text.assemble((f"{len(ids)} case{'s' * (len(ids) > 1)}  ", "magenta"), plain(because)))
        shown = ", ".join(ids[:_MAX_IDS])
        console.print(
            Padding(
                Text(shown + (f" and {len(ids) - _MAX_IDS} more" if len(ids) > _MAX_IDS else ""), style="dim"),
                (0, 0, 0, 4),
            )
        )


def _show_skipped(results: Results, console: Console) -> None:
    skipped = [case for case in results.cases if case.verdict == "skip"]
    if skipped:
        console.print()
        console.print(Text("Does not apply to this target", style="bold"))
    for case in skipped:
        _indented(console, Text(f"{case.id}: {plain(case.reason or '')}", style="dim"))


def _show_open_points(results: Results, console: Console) -> None:
    seen = {point: found for point, found in results.open_points.items() if found.observed is not None}
    if not seen:
        return
    console.print()
    console.print(Text("Open points: what this target chose", style="bold"))
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for point, found in seen.items():
        texts = {reading.value: reading.text for reading in OPEN_POINTS[point].readings} if point in OPEN_POINTS else {}
        table.add_row(f"  {point}", plain(found.observed or ""), Text(texts.get(found.observed or "", ""), style="dim"))
    console.print(table)


def _show_end(results: Results, console: Console, written: str | None) -> None:
    count = results.summary
    console.print()
    for note in results.notes:
        console.print(Text(plain(note), style="yellow"))
    for problem in results.broken[:_MAX_BROKEN]:
        console.print(Text(f"The suite itself broke: {plain(problem)}", style="bold red"))
    parts = [
        (count.passed, "pass"),
        (count.fail, "fail"),
        (count.warn, "warn"),
        (count.inconclusive, "inconclusive"),
        (count.skip, "skip"),
    ]
    words = ", ".join(f"{number} {_WORDS[verdict].lower()}" for number, verdict in parts if number or verdict == "pass")  # type: ignore[index]
    unfinished = "" if results.complete else " The run was not finished."
    console.print(
        Text(f"{words} in {results.duration_s:.1f} s against {plain(results.target.name)}.{unfinished}", style="bold")
    )
    console.print(Text(_conclusion(results)))
    if written:
        console.print(Text(f"Written to {written}."))


def _conclusion(results: Results) -> str:
    count = results.summary
    broken = [clause.id for clause in results.clauses if clause.verdict == "fail"]
    if broken:
        return f"Broken: {', '.join(broken)}. 'cchatspec explain {broken[0]}' says more."
    if not (count.passed or count.warn):
        return "No case could be decided, so this says nothing good about the target."
    if count.warn:
        warned = [clause.id for clause in results.clauses if clause.verdict == "warn"]
        return f"No MUST is broken. Expected of a robust server, and not met: {', '.join(warned)}."
    if count.inconclusive:
        return "No MUST is broken as far as could be decided."
    return "No MUST and no SHOULD that was tested is broken."


def _indented(console: Console, text: Text) -> None:
    console.print(Padding(text, (0, 0, 0, 2)))


def _labelled(console: Console, label: str, text: str) -> None:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=8)
    grid.add_column(overflow="fold")
    grid.add_row(Text(label, style="dim"), Text(plain(text)))
    console.print(Padding(grid, (0, 0, 0, 2)))
