"""Any number of results at the terminal: each in full, and with more than one a table of all at the end."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cchatspec.reports.campaign import Campaign
from cchatspec.reports.campaigning import show_campaign
from cchatspec.reports.digest import Outcome, Report, headline, target_name
from cchatspec.reports.terminal import show_results
from cchatspec.reports.text import brief, cut, plain

STYLES: dict[Outcome, str] = {"good": "green", "warned": "yellow", "bad": "bold red", "unknown": "magenta"}
_WORDS: dict[Outcome, str] = {"good": "well", "warned": "warned", "bad": "BROKEN", "unknown": "unknown"}
_MAX_NAME = 60


def show_reports(reports: list[tuple[Path, Report]], console: Console) -> None:
    """Print results files, each under its name."""
    for path, report in reports:
        if len(reports) > 1:
            console.print()
            console.rule(Text(plain(cut(str(path), _MAX_NAME))), characters="─", style="dim")
        show_report(report, console, str(path))
    if len(reports) > 1:
        _show_table(reports, console)


def show_report(report: Report, console: Console, written: str | None = None) -> None:
    """Print results of either kind; `written` is where their JSON is."""
    if isinstance(report, Campaign):
        show_campaign(report, console, written)
    else:
        show_results(report, console, written)


def _show_table(reports: list[tuple[Path, Report]], console: Console) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("", "says", "target", "file"):
        table.add_column(column, overflow="fold")
    for path, report in reports:
        head = headline(report)
        verdict = Text(_WORDS[head.outcome], style=STYLES[head.outcome])
        table.add_row(verdict, head.short, Text(cut(target_name(report), _MAX_NAME)), Text(brief(str(path))))
    console.print()
    console.rule(Text("all together"), characters="─", style="dim")
    console.print(table)
    files = " ".join(brief(str(path)) for path, _ in reports)
    console.print()
    console.print(Text(f"'cchatspec report {files} --html report.html' makes one page of them."))
