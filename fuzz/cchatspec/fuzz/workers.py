"""Several sessions at once, each in a process of its own with a target of its own, or with names of its own at one address.

A worker is `python -m cchatspec.fuzz.workers`, with its job as one line on standard input. It tells what happens on standard
output, a JSON object a line. When its standard input ends, whoever started it is gone, and so it stops. A worker that dies
without having said so is told as a fault of the fuzzer, with the end of what it printed; the others go on.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import BinaryIO

import msgspec

from cchatspec.conformance.harness.outcomes import TargetError
from cchatspec.conformance.harness.workers import Worker
from cchatspec.fuzz.corpus import CorpusError
from cchatspec.fuzz.events import Done, Event, Job, Unreachable
from cchatspec.fuzz.session import Session

_COMMAND = [sys.executable, "-P", "-m", "cchatspec.fuzz.workers"]
_END_LIMIT_S = 90.0
_POLL_S = 0.2

#: So many more objects made than freed, and the youngest are searched for cycles.
_ALLOCATIONS = 50_000
_DECODER = msgspec.json.Decoder(Event)

_News = tuple[int, Event | None]

#: Told of each event, with the number of the worker.
Listener = Callable[[int, Event], None]


def run_jobs(jobs: Sequence[Job], listener: Listener, is_stopped: Callable[[], bool]) -> None:
    """Run each job in a process of its own, until all are at their end.

    Raises:
        TargetError: no worker could use its target.
    """
    news: SimpleQueue[_News] = SimpleQueue()
    hands: list[_Hand] = []
    try:
        hands += [_Hand(job, news) for job in jobs]
        _listen(hands, news, listener, is_stopped)
    finally:
        for hand in hands:
            hand.process.interrupt()
        for hand in hands:
            hand.process.end()


def _listen(
    hands: Sequence[_Hand], news: SimpleQueue[_News], listener: Listener, is_stopped: Callable[[], bool]
) -> None:
    running, unreachable = len(hands), 0
    while running:
        if is_stopped():
            for hand in hands:
                hand.process.interrupt()
        try:
            number, event = news.get(timeout=_POLL_S)
        except Empty:
            continue
        if event is None:
            running -= 1
            if (epitaph := hands[number].epitaph()) is not None:
                listener(number, epitaph)
        elif isinstance(event, Unreachable):
            hands[number].ended = True
            unreachable += 1
            if unreachable == len(hands):
                raise TargetError(event.reason)
            listener(number, Done(complete=False, note=f"Worker {number + 1} ended: {event.reason}"))
        else:
            hands[number].ended = isinstance(event, Done)
            listener(number, event)


class _Hand:
    """A worker and whether it has come to the end of its job."""

    def __init__(self, job: Job, news: SimpleQueue[_News]) -> None:
        self.process: Worker[Event] = Worker(job.number, _COMMAND, job, _DECODER, news, _END_LIMIT_S)
        self.ended = False

    def epitaph(self) -> Done | None:
        """What is to be told if it ended without having said so."""
        last_words = self.process.last_words()
        if self.ended:
            return None
        return Done(complete=False, broken=f"worker {self.process.number + 1} died {last_words}")


# --- The worker's side


def collect_rarely() -> None:
    """Let the collector of cycles look for some less often than Python's own pace, for the whole process.

    Runs make many objects and next to no cycles, and a fourth of the time went into looking for them.
    """
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)


def main() -> None:
    """Run the job on standard input."""
    collect_rarely()
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    with os.fdopen(os.dup(1), "wb") as events:
        os.dup2(2, 1)
        job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
        threading.Thread(target=_stop_with_the_input, args=(stop,), daemon=True).start()
        with contextlib.suppress(BrokenPipeError):
            _work(job, events, stop)


def _work(job: Job, events: BinaryIO, stop: threading.Event) -> None:
    def tell(event: Event) -> None:
        events.write(msgspec.json.encode(event) + b"\n")
        events.flush()

    try:
        Session(job, tell, stop.is_set).run()
    except (TargetError, CorpusError) as problem:
        tell(Unreachable(str(problem)))


def _stop_with_the_input(stop: threading.Event) -> None:
    while os.read(0, 1):
        pass
    stop.set()


if __name__ == "__main__":
    main()
