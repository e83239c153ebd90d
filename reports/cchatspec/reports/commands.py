"""The command `report`: results files in, any form of report out.

Nothing is loaded before it is called, since this module is a part of every start of `cchatspec`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from cchatspec.reports.options import report_options

if TYPE_CHECKING:
    from cchatspec.reports.digest import Report
    from cchatspec.reports.outputs import ReportOptions

_EXIT_USAGE = 2


@click.command("report")
@click.argument("results", metavar="RESULT...", nargs=-1, required=True, type=click.Path(path_type=Path))
@report_options
@click.option("--strict", is_flag=True, help="Show a broken SHOULD and an undecided case as failures too.")
def report_command(results: tuple[Path, ...], reports: ReportOptions, strict: bool) -> None:
    """Show results files, of runs and of campaigns, or turn them into other forms.

    Without an option, they are shown at the terminal.

    Exit status: 0 they were shown or written, whatever they say; 2 a file cannot be read or written, or wrong usage.
    """
    from cchatspec.reports.outputs import check_outputs, write_reports

    read = _read(results)
    try:
        check_outputs(reports)
        written = write_reports(read, reports, strict=strict)
    except OSError as problem:
        _refuse(f"cannot write {problem.filename or 'the report'}: {problem.strerror or problem}")
    if written:
        click.echo(f"Written to {', '.join(map(str, written))}.", err=True)
    else:
        _show(read, results)


def _read(paths: tuple[Path, ...]) -> list[Report]:
    """All files; each that is none is said in a line of its own."""
    from cchatspec.reports.reading import read_report
    from cchatspec.reports.results import ResultsError

    read, wrong = [], []
    for path in paths:
        try:
            read.append(read_report(path))
        except ResultsError as problem:
            wrong.append(str(problem))
        except OSError as problem:
            wrong.append(f"cannot read {path}: {problem.strerror or problem}")
    if wrong:
        _refuse("\n".join(wrong))
    return read


def _show(read: list[Report], paths: tuple[Path, ...]) -> None:
    from rich.console import Console

    from cchatspec.reports.overview import show_reports
    from cchatspec.reports.terminal import printed

    console = Console()
    with printed(console):
        show_reports(list(zip(paths, read, strict=True)), console)


def _refuse(problem: str) -> NoReturn:
    click.echo(problem, err=True)
    sys.exit(_EXIT_USAGE)
