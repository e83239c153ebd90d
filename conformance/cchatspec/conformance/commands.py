"""The commands `run` and `list`: their options, and what is said when they cannot be followed.

Nothing is loaded before a command is called, since this module is a part of every start of `cchatspec`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from cchatspec.reports.options import report_options

_EXIT_USAGE = 2
_FILE = click.Path(path_type=Path)


@click.command("run")
@click.argument("target", metavar="[HOST:PORT]", required=False)
@click.option("--launch", metavar="CMD", help="Start the target by this command; {port} in it becomes a free port.")
@click.option("--profile", metavar="FILE", type=_FILE, help="Hold the target to the readings that FILE declares.")
@click.option("--select", metavar="GLOB", multiple=True, help="Run the cases, clauses, families or levels that fit.")
@click.option("--skip", metavar="GLOB", multiple=True, help="Leave out those that fit. @FILE stands for globs in FILE.")
@click.option("--soak", is_flag=True, help="Run the cases that take minutes too.")
@click.option("--workers", metavar="N", type=click.IntRange(1, 64), default=1, help="Run N shares of it at once.")
@click.option("--repeat", metavar="N", type=click.IntRange(1), default=1, help="Run each case N times.")
@click.option("--fail-fast", is_flag=True, help="Stop after the first broken MUST; with --strict, SHOULD.")
@click.option("--strict", is_flag=True, help="Exit with 1 for a broken SHOULD or an undecided case too.")
@click.option("--baseline", metavar="FILE", type=_FILE, help="Failures that are known, which do not fail the run.")
@click.option("--write-baseline", metavar="FILE", type=_FILE, help="Write the failures of this run as a baseline.")
@click.option(
    "--json", metavar="FILE", type=_FILE, default="results.json", show_default=True, help="Where the results go."
)
@report_options
@click.option("--pcap", metavar="FILE", type=_FILE, help="Write what goes over the wire, for Wireshark.")
@click.option("--durations", is_flag=True, help="Show the ten slowest cases.")
def run_command(target: str | None, launch: str | None, **options: Any) -> None:
    """Judge a C-Chat server clause by clause.

    Without HOST:PORT and --launch, the reference server is started and judged.

    Exit status: 0 no MUST is broken, 1 one is, or no case could be decided, 2 wrong usage or an unreachable target, 3 the suite
    itself broke.
    """
    if target is not None and launch is not None:
        raise click.UsageError("give HOST:PORT or --launch, not both")
    from cchatspec.conformance.catalogue import SelectionError
    from cchatspec.conformance.harness.outcomes import TargetError
    from cchatspec.conformance.profile import ProfileError
    from cchatspec.conformance.run import RunOptions, run
    from cchatspec.reports.baseline import BaselineError

    try:
        status = run(RunOptions(target, launch, **options))
    except (TargetError, SelectionError, ProfileError, BaselineError) as problem:
        _refuse(str(problem))
    except OSError as problem:
        globs = [*options["select"], *options["skip"]]
        read = {str(options["baseline"]), str(options["profile"]), *(glob.removeprefix("@") for glob in globs)}
        verb = "read" if str(problem.filename) in read else "write"
        _refuse(f"cannot {verb} {problem.filename or options['json']}: {problem.strerror or problem}")
    sys.exit(status)


@click.command("list")
@click.option("--select", metavar="GLOB", multiple=True, help="List the cases, clauses, families or levels that fit.")
@click.option("--skip", metavar="GLOB", multiple=True, help="Leave out those that fit. @FILE stands for globs in FILE.")
@click.option("--coverage", is_flag=True, help="Show for each clause how many cases it has, or why it has none.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(select: tuple[str, ...], skip: tuple[str, ...], coverage: bool, as_json: bool) -> None:
    """List all cases, with their levels and titles."""
    from cchatspec.conformance.catalogue import SelectionError
    from cchatspec.conformance.listing import listing

    try:
        click.echo(listing(select, skip, coverage=coverage, as_json=as_json))
    except SelectionError as problem:
        _refuse(str(problem))
    except OSError as problem:
        _refuse(f"cannot read {problem.filename}: {problem.strerror or problem}")


def _refuse(problem: str) -> NoReturn:
    click.echo(problem, err=True)
    sys.exit(_EXIT_USAGE)
