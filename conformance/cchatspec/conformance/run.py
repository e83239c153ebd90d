"""The `run` command: from options to a verdict, and what is told meanwhile."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cchatspec.conformance.catalogue import all_cases, select
from cchatspec.conformance.crew import run_jobs, shares
from cchatspec.conformance.events import Event, Finished, Listener, Started
from cchatspec.conformance.harness.pcap import PcapWriter
from cchatspec.conformance.profile import Profile, read_profile
from cchatspec.conformance.recording import Recorder
from cchatspec.conformance.worker import Job, run_job
from cchatspec.reports.baseline import Baseline, baseline_text, read_baseline
from cchatspec.reports.files import check_writable
from cchatspec.reports.outputs import ReportOptions, check_outputs, write_reports
from cchatspec.reports.results import Results, Verdict, exit_status, write_results
from cchatspec.reports.terminal import printed, show_durations, show_results


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the user asked for; `address` and `launch` are both None for the reference server."""

    address: str | None = None
    launch: str | None = None
    select: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    strict: bool = False
    json: Path = Path("results.json")
    profile: Path | None = None
    soak: bool = False
    pcap: Path | None = None
    baseline: Path | None = None
    write_baseline: Path | None = None
    fail_fast: bool = False
    repeat: int = 1
    workers: int = 1
    durations: bool = False
    reports: ReportOptions = field(default_factory=ReportOptions)

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
        words += ["--profile", shlex.quote(str(self.profile))] if self.profile else []
        words += ["--soak"] if self.soak else []
        return " ".join(words)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of cases that are run only if they are asked for."""
        return (*(("soak",) if self.soak else ()), *(("profile",) if self.profile else ()))

    @property
    def stopping(self) -> frozenset[Verdict]:
        """The verdicts after which no further case is run."""
        if not self.fail_fast:
            return frozenset()
        return frozenset(("fail", "warn") if self.strict else ("fail",))


def run(options: RunOptions) -> int:
    """Judge the target, print the verdict, write the files that were asked for, and give back the exit status.

    Raises:
        TargetError: the target cannot be reached or started.
        SelectionError: the selection fits no case.
        ProfileError, BaselineError: the file is none.
        OSError: a file cannot be read or written.
    """
    chosen = select(list(all_cases()), options.select, options.skip, options.kinds)
    recorder = _recorder(options)
    for path in (options.json, options.pcap, options.write_baseline):
        if path is not None:
            check_writable(path)
    check_outputs(options.reports)
    with ExitStack() as stack:
        if options.pcap is not None:
            recorder.pcap = stack.enter_context(PcapWriter(options.pcap))
        tell = stack.enter_context(_progress(len(chosen) * options.repeat, recorder.take))
        _run(options, chosen, recorder, tell)
    results = recorder.results()
    write_results(results, options.json)
    written: list[Path] = []
    try:
        written = write_reports([results], options.reports, strict=options.strict)
    finally:  # a report that cannot be written does not hide the verdict
        _show(results, options, written)
    _write_baseline(results, recorder.baseline, options)
    return exit_status(results, strict=options.strict)


def _recorder(options: RunOptions) -> Recorder:
    return Recorder(
        options.name,
        options.json,
        fail_fast=options.stopping,
        baseline=read_baseline(options.baseline) if options.baseline else Baseline(),
        profile=read_profile(options.profile) if options.profile else Profile(),
    )


def _run(options: RunOptions, chosen: set[str], recorder: Recorder, tell: Listener) -> None:
    """Run the cases, here or in workers."""
    cases = [case for case in all_cases() if case.id in chosen]
    dealt = shares(cases, options.workers)
    wire = options.pcap is not None
    jobs = [
        Job(options.address, options.launch, share, options.command, options.repeat, wire, recorder.profile)
        for share in dealt
    ]
    recorder.turns = len(jobs) * options.repeat
    if len(jobs) > 1:
        run_jobs(jobs, tell)
        return
    with suppress(KeyboardInterrupt):  # what is known is kept, also when the interrupt comes between two runs
        run_job(jobs[0], tell)


def _show(results: Results, options: RunOptions, written: list[Path]) -> None:
    console = Console()
    also = [*written, *([options.pcap] if options.pcap is not None else [])]
    with printed(console):
        if options.durations:
            show_durations(results, console)
        show_results(results, console, str(options.json), [str(path) for path in also])


def _write_baseline(results: Results, before: Baseline, options: RunOptions) -> None:
    if options.write_baseline is None:
        return
    if not results.complete:
        sys.stderr.write("No baseline was written, since the run was not finished.\n")
        return
    options.write_baseline.write_text(baseline_text(results.cases, before, date.today()), encoding="utf-8")
    sys.stderr.write(f"The failures of this run are in {options.write_baseline}, for --baseline.\n")


@contextmanager
def _progress(total: int, take: Callable[[Event], bool]) -> Iterator[Listener]:
    """A bar on a terminal's standard error that shows what is running."""
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description:<44.44}"), BarColumn(bar_width=16), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting", total=total)

        def tell(event: Event) -> bool:
            match event:
                case Started(case=case):
                    progress.update(task, description=case)
                case Finished():
                    progress.advance(task)
            return take(event)

        yield tell
