"""The `run` command: from options to a verdict, and what is told meanwhile."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cchatspec.conformance.catalogue import all_cases, select
from cchatspec.conformance.harness.target import Target, open_target
from cchatspec.conformance.suite import run_suite
from cchatspec.reports.results import CaseResult, Results, exit_status, write_results
from cchatspec.reports.terminal import show_results


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the user asked for; `address` and `launch` are both None for the reference server."""

    address: str | None = None
    launch: str | None = None
    select: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    strict: bool = False
    json: Path = Path("results.json")

    @property
    def name(self) -> str:
        """What reports call the target."""
        return self.address or self.launch or "the reference server"

    @property
    def command(self) -> str:
        """The command line that judges this target again, without a selection."""
        words = ["cchatspec", "run"]
        words += [self.address] if self.address else []
        words += ["--launch", shlex.quote(self.launch)] if self.launch else []
        return " ".join(words)


def run(options: RunOptions) -> int:
    """Judge the target, print the verdict, write the JSON, and give back the exit status.

    Raises:
        TargetError: the target cannot be reached or started.
        SelectionError: the selection fits no case.
        OSError: the JSON cannot be written.
    """
    cases = list(all_cases())
    chosen = select(cases, options.select, options.skip)
    check_writable(options.json)
    target = open_target(options.address, options.launch)
    try:
        results = _run_with_progress(target, chosen, options)
    finally:
        if target.launcher is not None:
            target.launcher.stop()
    write_results(results, options.json)
    show_results(results, Console(), str(options.json))
    return exit_status(results, strict=options.strict)


def check_writable(path: Path) -> None:
    """Find out before a long run that its results could not be written.

    Raises:
        OSError: the folder is missing or not writable.
    """
    if path.is_dir():
        raise IsADirectoryError(21, "it is a folder", str(path))
    existed = path.exists()
    with path.open("ab"):
        pass
    if not existed:
        path.unlink()


def _run_with_progress(target: Target, chosen: set[str], options: RunOptions) -> Results:
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description:<44.44}"), BarColumn(bar_width=16), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting", total=len(chosen))

        def tell(case: str, result: CaseResult | None) -> None:
            if result is None:
                progress.update(task, description=case)
            else:
                progress.advance(task)

        return run_suite(target, chosen, options.name, options.command, tell)
