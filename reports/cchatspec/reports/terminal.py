"""Results at the terminal: per family, then each failure in full, then what was not decided and why, then what to do next.

Text that came from a target is shown escaped and never as markup or control characters.
"""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cchatspec.reports.digest import FAMILY_TEXTS, family_of, held, judged, waited_for
from cchatspec.reports.failures import STYLES, WORDS, indented, show_command, show_failures
from cchatspec.reports.results import CaseResult, Results, Summary, Verdict
from cchatspec.reports.text import brief
from cchatspec.spec import OPEN_POINTS

_COLUMNS: tuple[Verdict, ...] = ("pass", "fail", "warn", "inconclusive", "skip")
_MAX_IDS = 6
_MAX_BROKEN = 3
_SLOWEST = 10

#: White space before the end of a line, and what styles are switched there.
_TRAILING = re.compile(r"[ \t]+((?:\x1b\[[0-9;]*m)*)$", re.MULTILINE)


def show_results(results: Results, console: Console, written: str | None = None, also: Sequence[str] = ()) -> None:
    """Print a whole run; `written` is where its JSON is, and `also` what else was written."""
    _show_families(results, console)
    show_failures(results, console)
    _show_known(results, console)
    _show_undecided(results, console)
    _show_skipped(results, console)
    _show_open_points(results, console)
    _show_end(results, console)
    _show_next(results, console, written, also)


@contextmanager
def printed(console: Console) -> Iterator[None]:
    """Print at the end what is printed within, without white space at the ends of lines."""
    with console.capture() as capture:
        yield
    console.file.write(_TRAILING.sub(r"\1", capture.get()))
    console.file.flush()


def show_durations(results: Results, console: Console) -> None:
    """The slowest cases."""
    console.print()
    console.print(Text("The slowest cases", style="bold"))
    for case in sorted(results.cases, key=lambda case: -case.duration_s)[:_SLOWEST]:
        console.print(Text(f"  {case.duration_s:7.3f} s  {brief(case.id)}"))


def _show_families(results: Results, console: Console) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("family")
    table.add_column("")
    for verdict in _COLUMNS:
        table.add_column(WORDS[verdict].lower(), justify="right")
    for family, cases in _by_family(results):
        counts = [sum(case.verdict == verdict for case in cases) for verdict in _COLUMNS]
        cells = [
            Text(str(count), style=STYLES[verdict]) if count else Text("·", style="dim")
            for verdict, count in zip(_COLUMNS, counts, strict=True)
        ]
        table.add_row(Text(brief(family)), Text(FAMILY_TEXTS.get(family, ""), style="dim"), *cells)
    console.print()
    console.print(table)


def _by_family(results: Results) -> list[tuple[str, list[CaseResult]]]:
    grouped: dict[str, list[CaseResult]] = defaultdict(list)
    for case in results.cases:
        grouped[family_of(case)].append(case)
    order = list(FAMILY_TEXTS)
    return sorted(grouped.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order))


def _show_known(results: Results, console: Console) -> None:
    known = [case for case in results.cases if case.known is not None]
    if known:
        console.print()
        console.print(Text("Known failures, by the baseline", style="bold"))
    for case in known:
        indented(console, Text(brief(f"{case.id}: {case.known}"), style="dim"))


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
        indented(console, Text.assemble((f"{len(ids)} case{'s' * (len(ids) > 1)}  ", "magenta"), brief(because)))
        shown = ", ".join(map(brief, ids[:_MAX_IDS]))
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
        indented(console, Text(brief(f"{case.id}: {case.reason or ''}"), style="dim"))


def _show_open_points(results: Results, console: Console) -> None:
    asked = {clause: case for case in results.cases for clause in case.clauses}
    shown = {point: found for point, found in results.open_points.items() if found.observed or point in asked}
    if not shown:
        return
    console.print()
    console.print(Text("Open points: what this target chose", style="bold"))
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for point, found in shown.items():
        texts = {reading.value: reading.text for reading in OPEN_POINTS[point].readings} if point in OPEN_POINTS else {}
        if found.observed:
            observed, text = found.observed, texts.get(found.observed, "")
        else:
            observed, text = "not seen", asked[point].reason or "what came fits none of its readings."
        table.add_row(Text(f"  {brief(point)}"), Text(brief(observed)), Text(brief(text), style="dim"))
    console.print(table)


def _show_end(results: Results, console: Console) -> None:
    count = results.summary
    console.print()
    for note in results.notes:
        console.print(Text(brief(note), style="yellow"))
    for problem in results.broken[:_MAX_BROKEN]:
        console.print(Text(f"The suite itself broke: {brief(problem)}", style="bold red"))
    for problem in results.baseline:
        console.print(Text(f"The baseline is wrong: {brief(problem)}.", style="bold red"))
    words = ", ".join(
        f"{number} {WORDS[verdict].lower()}" for verdict, number in _counts(count) if number or verdict == "pass"
    )
    words += f" ({count.known} known)" if count.known else ""
    unfinished = "" if results.complete else " The run was not finished."
    console.print(
        Text(f"{words} in {results.duration_s:.1f} s against {brief(results.target.name)}.{unfinished}", style="bold")
    )
    console.print(Text(_conclusion(results)))
    _show_first_thing(results, console)


def _counts(count: Summary) -> list[tuple[Verdict, int]]:
    numbers = (count.passed, count.fail, count.warn, count.inconclusive, count.skip)
    return list(zip(_COLUMNS, numbers, strict=True))


def _held(results: Results) -> str:
    return f"{held(results)} of {judged(results)} clauses hold. " if judged(results) else ""


def _show_first_thing(results: Results, console: Console) -> None:
    """The clause for which most cases wait, if there is one."""
    if waiting := waited_for(results):
        clause, number = waiting
        wait = "cases wait" if number > 1 else "case waits"
        console.print(Text(f"Mend {brief(clause)} first: {number} {wait} for it."))


def _show_next(results: Results, console: Console, written: str | None, also: Sequence[str]) -> None:
    """Where everything is, and the commands that say more."""
    path = shlex.quote(written) if written else ""
    if written:
        console.print(Text(all_of_it(written, also)))
    broken = _clauses(results, "fail") or _clauses(results, "warn")
    commands = [f"cchatspec explain {broken[0]}"] if broken else []
    commands += [f"cchatspec report {path} --html report.html"] if path else []
    for index, command in enumerate(commands):
        show_command(console, "" if index else "Next:", command)


def all_of_it(written: str, also: Sequence[str]) -> str:
    """Where the JSON is, and what was made of it."""
    forms = f"; written too: {', '.join(map(brief, also))}" if also else ""
    return f"All of it is in {brief(written)}{forms}."


def _conclusion(results: Results) -> str:
    count = results.summary
    broken = _clauses(results, "fail")
    warned = _clauses(results, "warn")
    unmet = ", ".join(map(brief, warned))
    if broken:
        besides = f" Expected of a robust server, and not met: {unmet}." if warned else ""
        return f"{_held(results)}Broken: {', '.join(map(brief, broken))}.{besides}"
    if not (count.passed or count.warn or count.fail):
        return "No case could be decided, so this says nothing good about the target."
    if warned:
        known = " that the baseline does not know" if count.known else ""
        return f"{_held(results)}No MUST{known} is broken. Expected of a robust server, and not met: {unmet}."
    if count.known:
        return "Nothing is broken that the baseline does not know."
    if count.inconclusive:
        return "No MUST is broken as far as could be decided."
    return "No MUST and no SHOULD that was tested is broken."


def _clauses(results: Results, verdict: Verdict) -> list[str]:
    """The clauses with this verdict by a case that the baseline does not know."""
    unknown = {
        clause for case in results.cases if case.verdict == verdict and case.known is None for clause in case.clauses
    }
    return [clause.id for clause in results.clauses if clause.verdict == verdict and clause.id in unknown]
