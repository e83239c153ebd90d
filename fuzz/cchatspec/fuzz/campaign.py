"""A whole campaign: from what the user asked for to results, over one session or several."""

from __future__ import annotations

import secrets
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import msgspec

from cchatspec.fuzz.display import display
from cchatspec.fuzz.events import Event, Found, Job
from cchatspec.fuzz.recorder import Recorder
from cchatspec.fuzz.session import Session
from cchatspec.fuzz.workers import run_jobs
from cchatspec.reports.campaign import Campaign
from cchatspec.reports.results import TargetInfo

RESULTS = "results.json"


class OutputError(Exception):
    """The folder of the campaign cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for; `address` and `launch` are both None for the reference server.

    Attributes:
        max_time: how long, in seconds, or None.
        max_executions, max_findings: how many executions and new findings, or None.
        out: the folder of the campaign.
        json: where the results go; None for the campaign's folder.
        corpus: the folder of scripts to begin with and to keep; None for the campaign's folder.
    """

    out: Path
    address: str | None = None
    launch: str | None = None
    pid: int | None = None
    max_time: float | None = None
    max_executions: int | None = None
    max_findings: int | None = None
    seed: int | None = None
    workers: int = 1
    json: Path | None = None
    corpus: Path | None = None

    @property
    def name(self) -> str:
        """What reports call the target."""
        return self.address or self.launch or "the reference server"

    @property
    def results(self) -> Path:
        """Where the results go."""
        return self.json or self.out / RESULTS


def run_campaign(options: Options) -> tuple[Campaign, int]:
    """Fuzz the target until the time is over or the user ends it; the results and the exit status.

    Raises:
        OutputError: the folder holds something else, or a campaign against another target.
        TargetError: the target cannot be reached or started, or registers no user.
        CorpusError: the corpus cannot be read.
        OSError: a file cannot be written.
    """
    earlier = _earlier(options)
    seed = options.seed if options.seed is not None else secrets.randbelow(2**32)
    options.out.mkdir(parents=True, exist_ok=True)
    recorder = Recorder(
        TargetInfo(options.name, options.address or "", options.launch),
        seed, options.workers, options.results, options.out, earlier,
    )  # fmt: skip
    _greet(options, recorder)
    with _interruptible() as is_stopped, display(recorder, _limit(options)) as show:

        def is_over() -> bool:
            return is_stopped() or (options.max_findings is not None and len(recorder.new) >= options.max_findings)

        def tell(worker: int, event: Event) -> None:
            recorder.take(worker, event)
            show(event.finding.id if isinstance(event, Found) and event.finding.id in recorder.new else "")

        jobs = _jobs(options, seed, earlier)
        if len(jobs) == 1:
            Session(jobs[0], lambda event: tell(0, event), is_stopped).run()
        else:
            run_jobs(jobs, tell, is_over)
    results = recorder.end()
    return results, recorder.status


def _earlier(options: Options) -> Campaign | None:
    """The results of the campaign that is in the folder, if there is one."""
    out, kept = options.out, options.out / RESULTS
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is no folder; give another --out")
    if not kept.exists():
        is_ours = any((out / name).is_dir() for name in ("findings", "unconfirmed"))
        if out.is_dir() and any(out.iterdir()) and not is_ours:
            raise OutputError(f"{out} holds something else than a campaign; give another --out")
        return None
    try:
        earlier = msgspec.json.decode(kept.read_bytes(), type=Campaign)
    except msgspec.DecodeError as problem:
        raise OutputError(f"{kept} holds no campaign: {problem}; remove it or give another --out") from None
    if earlier.target.name != options.name:
        raise OutputError(f"{out} holds a campaign against {earlier.target.name}; give another --out")
    return earlier


def _jobs(options: Options, seed: int, earlier: Campaign | None) -> list[Job]:
    count = options.workers
    share = None if options.max_executions is None else -(-options.max_executions // count)
    job = Job(
        address=options.address,
        launch=options.launch,
        pid=options.pid,
        seconds=options.max_time,
        executions=share,
        findings=options.max_findings,
        seed=seed,
        out=str(options.out),
        corpus=str(options.corpus or options.out / "corpus"),
        earlier_s=earlier.duration_s if earlier else 0.0,
        earlier_executions=earlier.executions if earlier else 0,
    )
    return [msgspec.structs.replace(job, number=number, seed=seed_of(seed, number)) for number in range(count)]


def seed_of(seed: int, worker: int) -> int:
    """The seed of a worker; the first has the campaign's."""
    return (seed + 0x9E3779B97F4A7C15 * worker) % 2**63


def _greet(options: Options, recorder: Recorder) -> None:
    """Say what begins, so that it can be had again."""
    words = f"fuzzing {options.name}, seed {recorder.seed}, into {options.out}"
    if recorder.earlier is not None:
        known = len(recorder.earlier.findings)
        words += f", going on with the campaign there ({known} finding{'s' * (known != 1)})"
    sys.stderr.write(f"cchatspec: {words}\n")
    sys.stderr.flush()


def _limit(options: Options) -> str:
    if options.max_time is not None:
        return f"{options.max_time:g} s"
    return f"{options.max_executions:,} executions" if options.max_executions is not None else ""


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Have the first Ctrl-C and SIGTERM ask for an end between two runs; the second Ctrl-C ends it at once."""
    stop = threading.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        sys.stderr.write("cchatspec: ending, and keeping everything found; Ctrl-C again ends it at once\n")

    if threading.current_thread() is not threading.main_thread():
        yield stop.is_set
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
