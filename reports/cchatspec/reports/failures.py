"""A failure at the terminal: the clause and why it matters, what was sent, right and came, the wire, and how to see it again.

Text that came from a target is shown escaped and never as markup or control characters.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cchatspec.reports.results import CaseResult, ClauseResult, Part, Results, Stimulus, Verdict, WireLine
from cchatspec.reports.text import ARROWS, brief, cut, fence_mark, plain, shell_lines, words_of
from cchatspec.spec import CLAUSES

STYLES: dict[Verdict, str] = {
    "pass": "green",
    "fail": "bold red",
    "warn": "yellow",
    "inconclusive": "magenta",
    "skip": "dim",
}
WORDS: dict[Verdict, str] = {
    "pass": "pass",
    "fail": "FAIL",
    "warn": "WARN",
    "inconclusive": "undecided",
    "skip": "skip",
}
_MAX_CASES = 3
_MAX_WIRE_LINES = 16

#: How many characters of a long text are shown; the JSON has all of it.
_MAX_TEXT = 400
_MAX_LINES = 2_000
_MAX_WIRE_TEXT = 140
#: The columns before a command, which its label takes.
_COMMAND_INDENT = 12
_BELOW_INDENT = 2
_FOLDED: dict[Part, str] = {"registration": "registered", "login": "logged in"}


def show_failures(results: Results, console: Console) -> None:
    """Each broken clause once, with its sentence and why it matters, and under it each case that showed it."""
    failed = [case for case in results.cases if case.broken and case.known is None]
    clauses = {clause.id: clause for clause in results.clauses}
    for clause, cases in groupby(sorted(failed, key=_clause_rank), key=lambda case: case.clauses[0]):
        shown = list(cases)
        console.print()
        verdict = shown[0].verdict
        console.print(Text.assemble((f"{WORDS[verdict]}  {brief(clause)}", STYLES[verdict]), f"  {shown[0].level}"))
        _show_clause(clause, clauses.get(clause), console)
        for case in shown[:_MAX_CASES]:
            _show_failure(case, console)
        if more := [case.id for case in shown[_MAX_CASES:]]:
            console.print()
            indented(console, Text(f"and {len(more)} more, which are in the JSON: {', '.join(map(brief, more))}"))


def _clause_rank(case: CaseResult) -> tuple[bool, int]:
    """What a MUST failed comes before what a SHOULD did, and each in the order of the document."""
    order = list(CLAUSES)
    return case.verdict != "fail", order.index(case.clauses[0]) if case.clauses[0] in order else len(order)


def _show_clause(name: str, clause: ClauseResult | None, console: Console) -> None:
    """The words of the clause as they were when it was judged."""
    text, why = words_of(name, clause)
    if text:
        indented(console, Text(brief(text)))
    if why:
        indented(console, Text(f"It matters: {brief(why)}", style="dim"))


def _show_failure(case: CaseResult, console: Console) -> None:
    console.print()
    indented(console, Text(brief(case.id), style="bold"))
    labelled(console, "case", case.title)
    if case.flaky:
        labelled(console, "flaky", ", ".join(f"{verdict} in {count}" for verdict, count in case.runs.items()))
    if case.sent is not None:
        show_sent(case.sent, console)
    if case.expected is not None:
        labelled(console, "right", cut(case.expected, _MAX_TEXT))
    if case.came is not None:
        labelled(console, "came", cut(case.came, _MAX_TEXT))
    if case.reason is not None and case.came is None:
        labelled(console, "reason", cut(case.reason, _MAX_TEXT))
    show_wire(case.wire, console)
    show_command(console, "again", case.replay)


def show_sent(sent: Stimulus, console: Console) -> None:
    """What was sent, and its hexdump."""
    labelled(console, "sent", cut(f"#{sent.connection} {sent.text}", _MAX_TEXT))
    for line in sent.dump:
        console.print(Text(brief(line), style="dim"))


def show_wire(wire: list[WireLine], console: Console) -> None:
    """The last lines of a wire log, folded."""
    lines = list(_folded(wire))
    left_out = max(0, len(lines) - _MAX_WIRE_LINES)
    for index, text in enumerate(lines[left_out:]):
        labelled(console, "wire" if index == 0 else "", text)
    if left_out:
        labelled(console, "", f"({left_out} earlier lines are in the JSON)")


def _folded(wire: list[WireLine]) -> Iterator[str]:
    """The lines of a log, where a registration or a login on the way to the question is one line."""
    folding: dict[int, Part | None] = {}
    for line in wire:
        part = line.part if line.part in _FOLDED else None
        if part is None:
            yield _wire_text(line, f"{ARROWS[line.direction]} {cut(line.text, _MAX_WIRE_TEXT)}")
        elif folding.get(line.connection) != part:
            yield _wire_text(line, f"-- {_FOLDED[part]}")
        folding[line.connection] = part


def _wire_text(line: WireLine, text: str) -> str:
    return f"{line.ms:8.1f} ms  #{line.connection} {text}{fence_mark(line)}"


def indented(console: Console, text: Text) -> None:
    """Print a paragraph two columns in."""
    console.print(Padding(text, (0, 0, 0, 2)))


def labelled(console: Console, label: str, text: str) -> None:
    """Print a text with a label before it, in two columns."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=8)
    grid.add_column(overflow="fold")
    grid.add_row(Text(label, style="dim"), Text(plain(cut(text, _MAX_LINES))))
    console.print(Padding(grid, (0, 0, 0, 2)))


def show_command(console: Console, label: str, command: str) -> None:
    """Print a command in lines that can be copied together; one with a long word stands below its label."""
    command = cut(command, _MAX_LINES)
    width = console.width - _COMMAND_INDENT
    lines = shell_lines(command, width)
    if max(map(len, lines)) > width:
        labelled(console, label, "")
        for line in shell_lines(command, console.width - _BELOW_INDENT):
            indented(console, Text(plain(line)))
        return
    for index, line in enumerate(lines):
        labelled(console, "" if index else label, line)
