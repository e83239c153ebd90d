"""A worker: a process that runs its share of the cases against a target of its own and tells what happens, a JSON line an event.

`python -m cchatspec.conformance.worker`, with the job as one line on standard input. When standard input ends, whoever started
it is gone, and so it stops. Standard output carries events alone; whatever else is printed goes to standard error.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import BinaryIO

import msgspec

from cchatspec.conformance.events import Ended, Event, Finished, Listener, Unreachable
from cchatspec.conformance.harness.outcomes import TargetError
from cchatspec.conformance.harness.target import Target, open_target
from cchatspec.conformance.profile import Profile
from cchatspec.conformance.suite import opened, run_cases


class Job(msgspec.Struct, frozen=True):
    """What is to be run against what.

    Attributes:
        address, launch: the target; both None for the reference server.
        cases: the ids of the cases.
        replay: the command line that judges this target again, without a selection.
        repeat: how many times.
        wire: whether events carry what crossed the wire.
        profile: what the target declares.
    """

    address: str | None
    launch: str | None
    cases: list[str]
    replay: str
    repeat: int = 1
    wire: bool = False
    profile: Profile = Profile()


def run_job(job: Job, listener: Listener) -> None:
    """Run the cases as many times as the job says; each time nothing that was learned about the target is kept.

    Raises:
        TargetError: the target cannot be reached or started.
    """
    target = open_target(job.address, job.launch)
    try:
        listener(opened(target))
        for _ in range(job.repeat):
            fresh = Target(target.host, target.port, target.launcher)
            if not run_cases(fresh, set(job.cases), job.replay, listener, job.profile).complete:
                break
    finally:
        if target.launcher is not None:
            target.launcher.close()


def main() -> None:
    """Run the job on standard input."""
    with os.fdopen(os.dup(1), "wb") as events:
        os.dup2(2, 1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
        threading.Thread(target=_end_with_the_input, daemon=True).start()
        with contextlib.suppress(BrokenPipeError):
            _tell_all(job, events)


def _tell_all(job: Job, events: BinaryIO) -> None:
    def tell(event: Event) -> bool:
        if isinstance(event, Finished) and not job.wire:
            event = msgspec.structs.replace(event, entries=())
        events.write(msgspec.json.encode(event) + b"\n")
        events.flush()
        return False

    try:
        run_job(job, tell)
    except TargetError as problem:
        tell(Unreachable(str(problem)))
    except KeyboardInterrupt:
        tell(Ended([], {}, [], complete=False, restarts=0))


def _end_with_the_input() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    main()
