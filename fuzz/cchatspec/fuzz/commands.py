"""The commands `fuzz` and `replay`: their options, and what is said when they cannot be followed.

Nothing is loaded before a command is called, since this module is a part of every start of `cchatspec`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from cchatspec.reports.options import report_options

if TYPE_CHECKING:
    from cchatspec.reports.outputs import ReportOptions

_EXIT_USAGE = 2
_FILE = click.Path(path_type=Path)
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def _seconds(_context: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    """A time such as `60s`, `10m`, `1h` or `90`, in seconds."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not seconds:
        raise click.BadParameter(f"expected a time such as 60s, 10m or 1h, found '{text}'")
    return seconds


@click.command("fuzz")
@click.argument("target", metavar="[HOST:PORT]", required=False)
@click.option("--launch", metavar="CMD", help="Start the target by this command; {port} in it becomes a free port.")
@click.option("--pid", metavar="N", type=click.IntRange(1), help="Watch the memory of this process, if not launched.")
@click.option("--max-time", metavar="TIME", callback=_seconds, help="End after 60s, 10m, 1h. Default: 60s.")
@click.option("--max-executions", metavar="N", type=click.IntRange(1), help="End after N answered conversations.")
@click.option("--max-findings", metavar="N", type=click.IntRange(1), help="End after N new findings.")
@click.option("--seed", metavar="N", type=click.IntRange(0), help="The same seed gives the same inputs.")
@click.option(
    "--workers", metavar="N", type=click.IntRange(1, 64), default=1, help="Run N processes, each with a target."
)
@click.option("--out", metavar="DIR", type=_FILE, default="cchatspec-fuzz", show_default=True,
              help="Where findings go. A campaign that is there is gone on with.")  # fmt: skip
@click.option("--json", metavar="FILE", type=_FILE, show_default="DIR/results.json", help="Where the results go.")
@click.option("--corpus", metavar="DIR", type=_FILE, show_default="DIR/corpus",
              help="Scripts to begin with; what shows something new is kept there.")  # fmt: skip
@report_options
def fuzz_command(target: str | None, launch: str | None, reports: ReportOptions, **options: Any) -> None:
    """Break a C-Chat server, and write down the least that does.

    Without HOST:PORT and --launch, the reference server is started and fuzzed. Ctrl-C ends it and keeps everything found. Each
    finding is a folder DIR/findings/ID, whose README.md says what happens.

    Exit status: 0 nothing was found, 1 something was, or nothing could be tried, 2 wrong usage or an unreachable target, 3 the
    fuzzer itself broke.
    """
    if target is not None and launch is not None:
        raise click.UsageError("give HOST:PORT or --launch, not both")
    if options["pid"] is not None and target is None:
        raise click.UsageError("--pid goes with HOST:PORT; a launched target is watched anyway")
    if options["max_time"] is None and options["max_executions"] is None:
        options["max_time"] = 60.0
    from cchatspec.conformance.harness.outcomes import TargetError
    from cchatspec.fuzz.campaign import Options, OutputError, run_campaign
    from cchatspec.fuzz.corpus import CorpusError
    from cchatspec.reports.outputs import check_outputs

    wanted = Options(address=target, launch=launch, **options)
    try:
        check_outputs(reports)
        campaign, status = run_campaign(wanted)
        _show(campaign, wanted.results, reports)
    except (TargetError, OutputError, CorpusError) as problem:
        _refuse(str(problem))
    except OSError as problem:
        _refuse(f"cannot write {problem.filename or wanted.out}: {problem.strerror or problem}")
    except KeyboardInterrupt:
        _refuse(f"interrupted; what was found by then is in {wanted.out}")
    sys.exit(status)


def _show(campaign: Any, written: Path, reports: ReportOptions) -> None:
    """Print the summary, and write the other forms that were asked for."""
    from rich.console import Console

    from cchatspec.reports.campaigning import show_campaign
    from cchatspec.reports.outputs import write_reports
    from cchatspec.reports.terminal import printed

    also = [str(path) for path in write_reports([campaign], reports)] if reports else []
    console = Console()
    with printed(console):
        show_campaign(campaign, console, str(written), also)


@click.command("replay")
@click.argument("finding", metavar="FILE|DIR", type=_FILE)
@click.argument("target", metavar="[HOST:PORT]", required=False)
@click.option("--launch", metavar="CMD", help="Start the target by this command; {port} in it becomes a free port.")
@click.option("--pid", metavar="N", type=click.IntRange(1), help="The process behind HOST:PORT, for a leak.")
@click.option("--times", metavar="N", type=click.IntRange(1), default=5, show_default=True, help="Replay it so often.")
@click.option("--pytest", "pytest_file", metavar="FILE", type=_FILE, help="Write a regression test, and run nothing.")
def replay_command(
    finding: Path, target: str | None, launch: str | None, pid: int | None, times: int, pytest_file: Path | None
) -> None:
    """Say whether a finding still shows.

    FILE is a finding.json; DIR is a finding's folder, or that of a campaign, of which all findings are replayed. Without
    HOST:PORT and --launch, it is replayed against what it was found in. Each replay is a fresh start: a launched target is
    started again, and all names are new.

    Exit status: 0 it no longer shows, 1 it does, always or now and then, 2 wrong usage or an unreachable target.
    """
    if target is not None and launch is not None:
        raise click.UsageError("give HOST:PORT or --launch, not both")
    from cchatspec.conformance.harness.outcomes import TargetError
    from cchatspec.fuzz.findings import FindingError
    from cchatspec.fuzz.regression import regression_text
    from cchatspec.fuzz.replaying import find, replay

    try:
        files = find(finding)
        if pytest_file is not None:
            pytest_file.write_text(regression_text(files), encoding="utf-8")
            click.echo(f"Written to {pytest_file}. Run it with: pytest {pytest_file}")
            return
        shows = False
        for file in files:
            text, does = replay(file, target, launch, times, pid)
            click.echo(text)
            shows = shows or does
    except (TargetError, FindingError) as problem:
        _refuse(str(problem))
    except OSError as problem:
        verb = "write" if pytest_file is not None and str(problem.filename) == str(pytest_file) else "read"
        _refuse(f"cannot {verb} {problem.filename or finding}: {problem.strerror or problem}")
    sys.exit(1 if shows else 0)


def _refuse(problem: str) -> NoReturn:
    click.echo(problem, err=True)
    sys.exit(_EXIT_USAGE)
