"""Several sessions at once, each in a process of its own with a target of its own, or with names of its own at one address.

A worker is `python -m cchatspec.fuzz.workers`, with its job as one line on standard input. It tells what happens on standard
output, a JSON object a line. When its standard input ends, whoever started it is gone, and so it stops. A worker that dies
without having said so is told as a fault of the fuzzer, with the end of what it printed; the others go on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import BinaryIO

import msgspec

from cchatspec.conformance.harness.launch import ending_of
from cchatspec.conformance.harness.outcomes import TargetError
from cchatspec.fuzz.corpus import CorpusError
from cchatspec.fuzz.events import Done, Event, Job, Unreachable
from cchatspec.fuzz.session import Session

_COMMAND = [sys.executable, "-P", "-m", "cchatspec.fuzz.workers"]
_END_LIMIT_S = 90.0
_POLL_S = 0.2
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
    workers: list[_Worker] = []
    try:
        workers += [_Worker(job, news) for job in jobs]
        _listen(workers, news, listener, is_stopped)
    finally:
        for worker in workers:
            worker.interrupt()
        for worker in workers:
            worker.end()


def _listen(
    workers: Sequence[_Worker], news: SimpleQueue[_News], listener: Listener, is_stopped: Callable[[], bool]
) -> None:
    running, unreachable = len(workers), 0
    while running:
        if is_stopped():
            for worker in workers:
                worker.interrupt()
        try:
            number, event = news.get(timeout=_POLL_S)
        except Empty:
            continue
        if event is None:
            running -= 1
            if (epitaph := workers[number].epitaph()) is not None:
                listener(number, epitaph)
        elif isinstance(event, Unreachable):
            workers[number].ended = True
            unreachable += 1
            if unreachable == len(workers):
                raise TargetError(event.reason)
            listener(number, Done(complete=False, note=f"Worker {number + 1} ended: {event.reason}"))
        else:
            workers[number].ended = isinstance(event, Done)
            listener(number, event)


class _Worker:
    """One process, seen from the one that started it."""

    def __init__(self, job: Job, news: SimpleQueue[_News]) -> None:
        self.number = job.number
        self.ended = False
        self._interrupted = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the worker)
        self._process = subprocess.Popen(  # noqa: S603 (it is this very program)
            _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, start_new_session=True
        )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # one that is dead by now is told of by its epitaph
            self._process.stdin.write(msgspec.json.encode(job) + b"\n")
            self._process.stdin.flush()
        self._reader = threading.Thread(target=self._read, args=(news,), daemon=True)
        self._reader.start()

    def _read(self, news: SimpleQueue[_News]) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith(b"\n"):
                news.put((self.number, _DECODER.decode(line)))
        news.put((self.number, None))

    def epitaph(self) -> Done | None:
        """What is to be told if it ended without having said so."""
        status = self._process.wait(_END_LIMIT_S)
        if self.ended:
            return None
        self._errors.seek(0)
        last = self._errors.read().decode("utf-8", "backslashreplace").strip().splitlines()[-1:]
        return Done(complete=False, broken=": ".join([f"worker {self.number + 1} died ({ending_of(status)})", *last]))

    def interrupt(self) -> None:
        """Have it stop, once, which ends its target too."""
        if self._process.poll() is None and not self._interrupted:
            self._process.send_signal(signal.SIGINT)
        self._interrupted = True

    def end(self) -> None:
        """See it to its end."""
        try:
            self._process.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_POLL_S)
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


# --- The worker's side


def main() -> None:
    """Run the job on standard input."""
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
