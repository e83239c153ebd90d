"""A fuzzing campaign at the terminal: each finding with what replays it, then what was done, then what to do next.

Text that came from a target is shown escaped and never as markup or control characters.
"""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cchatspec.reports.campaign import Campaign, Finding
from cchatspec.reports.digest import headline, target_name
from cchatspec.reports.failures import indented, labelled, show_command, show_sent, show_wire
from cchatspec.reports.terminal import all_of_it
from cchatspec.reports.text import brief, command_line, cut, plain, shown, target_words, telling_lines, where, words_of

_MAX_TEXT = 400
_MAX_OUTPUT_LINES = 6
_MAX_REFUSALS = 6
_MAX_FULL = 10


def show_campaign(campaign: Campaign, console: Console, written: str | None = None, also: Sequence[str] = ()) -> None:
    """Print a whole campaign.

    `written` is where its JSON is, from whose folder the paths of reproducers are seen, and `also` what else was written.
    """
    folder = Path(written).parent if written else Path()
    for finding in campaign.findings[:_MAX_FULL]:
        _show_finding(finding, campaign, folder, console)
    for finding in campaign.findings[_MAX_FULL:]:
        indented(console, Text(f"{finding.kind}  {brief(finding.title)}  {brief(finding.reproducer)}"))
    _show_work(campaign, console)
    _show_end(campaign, console)
    if written:
        console.print(Text(all_of_it(written, also)))
    _show_next(campaign, folder, console)


def _show_finding(finding: Finding, campaign: Campaign, folder: Path, console: Console) -> None:
    console.print()
    console.print(Text.assemble((f"FOUND  {finding.kind}", "bold red"), f"  {brief(finding.title)}"))
    if finding.clause:
        sentence, _ = words_of(finding.clause, None)
        labelled(console, "clause", f"{finding.clause}: {sentence}" if sentence else finding.clause)
    if finding.happens:
        labelled(console, "happens", cut(finding.happens, _MAX_TEXT))
    labelled(console, "where", cut(where(finding), _MAX_TEXT))
    labelled(console, "bytes", f"{finding.minimised_bytes:,} in the minimised script")
    if finding.sent is not None:
        show_sent(finding.sent, console)
    show_wire(finding.wire, console)
    _show_output(finding, console)
    labelled(console, "shown", shown(finding))
    labelled(console, "script", str(folder / finding.reproducer))
    show_command(console, "again", replay(finding, campaign, folder))


def replay(finding: Finding, campaign: Campaign, folder: Path) -> str:
    """The command that shows a finding again, called from here."""
    path = os.path.normpath(folder / finding.reproducer)
    return command_line("cchatspec replay", shlex.quote(path), target_words(campaign))


def _show_output(finding: Finding, console: Console) -> None:
    lines = telling_lines(finding.output, _MAX_OUTPUT_LINES)
    for index, line in enumerate(lines):
        labelled(console, "" if index else "printed", cut(line, _MAX_TEXT))


def _show_work(campaign: Campaign, console: Console) -> None:
    """What was done: how much was sent, how much of it was read, what was seen, and what was refused."""
    seconds = max(campaign.duration_s, 1e-9)
    states = {triple.state for triple in campaign.triples}
    share = f" ({100 * campaign.answered / campaign.requests:.0f} %)" if campaign.requests else ""
    rows = {
        "executions": f"{campaign.executions:,} in {campaign.duration_s:.1f} s, {campaign.executions_per_s:,.0f} a second",
        "requests": f"{campaign.requests / seconds:,.0f} a second sent, "
        f"{campaign.answered / seconds:,.0f} a second answered{share}",
        "seen": f"{len(states)} states, {len(campaign.triples)} triples of state, request and reply",
        "refused": _refusals(campaign),
        "restarts": f"{campaign.restarts:,} of the target" if campaign.restarts else "",
        "seed": str(campaign.seed),
    }
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(overflow="fold")
    for label, text in rows.items():
        if text:
            table.add_row(Text(label, style="dim"), Text(text))
    console.print()
    console.print(table)


def _refusals(campaign: Campaign) -> str:
    most = Counter(campaign.refused).most_common(_MAX_REFUSALS)
    more = len(campaign.refused) - len(most)
    said = [f"{times:,} times {plain(cut(words, 60))}" for words, times in most]
    return ", ".join([*said, *([f"and {more} more kinds"] if more else [])])


def _show_end(campaign: Campaign, console: Console) -> None:
    console.print()
    for note in campaign.notes:
        console.print(Text(brief(note), style="yellow"))
    for problem in campaign.broken[:3]:
        console.print(Text(f"The fuzzer itself broke: {brief(problem)}", style="bold red"))
    if campaign.hollow:
        console.print(Text(f"This campaign proves nothing: {brief(campaign.hollow)}", style="bold yellow"))
    head = headline(campaign)
    unfinished = "" if campaign.complete else " It was not finished."
    kinds = Counter(finding.kind for finding in campaign.findings)
    counted = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    said = f"{head.short}{f' ({counted})' if counted else ''} in {campaign.executions:,} executions"
    console.print(Text(f"{said} against {target_name(campaign)}.{unfinished}", style="bold"))


def _show_next(campaign: Campaign, folder: Path, console: Console) -> None:
    if campaign.findings:
        show_command(console, "Next:", replay(campaign.findings[0], campaign, folder))
    elif campaign.hollow or not campaign.executions:
        words = command_line("cchatspec run", target_words(campaign))
        show_command(console, "Next:", f"{words}  # says what stands in the way")
    else:
        options = f"--max-time 10m --seed {campaign.seed + 1}"
        show_command(console, "Next:", command_line("cchatspec fuzz", target_words(campaign), options))
