"""Several workers at once: the cases are dealt out, and the events of all come in as one stream.

Each worker is a process with a target of its own, or with fresh names at a shared address. One that ends without having said so
is reported as a fault of the suite. An interrupt is passed on, so that each worker ends its case, tells what it knows, and stops
its target.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType

import msgspec

from cchatspec.conformance.catalogue import Case
from cchatspec.conformance.events import Ended, Event, Listener, Started, Unreachable
from cchatspec.conformance.harness.launch import ending_of
from cchatspec.conformance.harness.outcomes import TargetError
from cchatspec.conformance.worker import Job

_COMMAND = [sys.executable, "-P", "-m", "cchatspec.conformance.worker"]
_END_LIMIT_S = 15.0
_DECODER = msgspec.json.Decoder(Event)

#: An event of a worker, the end of its output, or an interrupt of the whole.
_News = tuple["_Worker | None", Event | None]


def shares(cases: Sequence[Case], count: int) -> list[list[str]]:
    """The ids of the cases for each of at most `count` workers.

    Open points stay together with the cases that hold a profile against what they have observed.
    """
    together = [case.id for case in cases if case.level == "OPEN" or case.only_with == "profile"]
    single = [case.id for case in cases if case.id not in set(together)]
    dealt: list[list[str]] = [together, *([] for _ in range(count - 1))]
    for case in single:
        min(dealt, key=len).append(case)
    return [share for share in dealt if share]


class _Worker:
    """One process and how far it has come."""

    def __init__(self, number: int, job: Job, news: SimpleQueue[_News]) -> None:
        self.number = number
        self.case = ""
        self._turns = job.repeat
        self._ended = False
        self._interrupted = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the worker)
        self._process = subprocess.Popen(  # noqa: S603 (it is this very program)
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(job) + b"\n")
        self._process.stdin.flush()
        self._reader = threading.Thread(target=self._read, args=(news,), daemon=True)
        self._reader.start()

    def _read(self, news: SimpleQueue[_News]) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith(b"\n"):
                news.put((self, _DECODER.decode(line)))
        news.put((self, None))

    def note(self, event: Event) -> None:
        """Remember how far it is."""
        match event:
            case Started(case=case):
                self.case = case
            case Ended(complete=complete):
                self._turns -= 1
                self._ended = self._turns == 0 or not complete
            case Unreachable():
                self._ended = True

    def epitaph(self) -> Ended | None:
        """What is to be told if it ended without having said so."""
        status = self._process.wait(_END_LIMIT_S)
        if self._ended:
            return None
        self._errors.seek(0)
        last = self._errors.read().decode("utf-8", "backslashreplace").strip().splitlines()[-1:]
        while_at = f" at {self.case}" if self.case else ""
        broken = ": ".join([f"worker {self.number} died{while_at} ({ending_of(status)})", *last])
        return Ended([], {}, [broken], complete=False, restarts=0)

    def interrupt(self) -> None:
        """Have it stop, once, which ends its target too."""
        if self._process.poll() is None and not self._interrupted:
            self._process.send_signal(signal.SIGINT)
        self._interrupted = True

    def end(self) -> None:
        """See it to its end."""
        self.interrupt()
        try:
            self._process.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_END_LIMIT_S)
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()


def run_jobs(jobs: Sequence[Job], listener: Listener) -> bool:
    """Run each job in a process of its own; false if the whole was interrupted.

    Raises:
        TargetError: a worker cannot reach or start its target.
    """
    news: SimpleQueue[_News] = SimpleQueue()
    workers: list[_Worker] = []
    try:
        with _interrupts_as(news):
            workers += [_Worker(number, job, news) for number, job in enumerate(jobs, 1)]
            return _listen(workers, news, listener)
    finally:
        for worker in workers:
            worker.interrupt()
        for worker in workers:
            worker.end()


def _listen(workers: Sequence[_Worker], news: SimpleQueue[_News], listener: Listener) -> bool:
    running = len(workers)
    stopping = interrupted = False
    while running:
        worker, event = news.get()
        if worker is None:
            interrupted = stop = True
        elif event is None:
            running -= 1
            epitaph = None if stopping else worker.epitaph()
            stop = listener(epitaph) if epitaph else False
        elif isinstance(event, Unreachable):
            raise TargetError(event.reason)
        else:
            worker.note(event)
            stop = listener(event)
        if stop and not stopping:
            stopping = True
            for other in workers:
                other.interrupt()
    return not interrupted


@contextmanager
def _interrupts_as(news: SimpleQueue[_News]) -> Iterator[None]:
    """Have Ctrl-C arrive between two events and never within one."""

    def note(_number: int, _frame: FrameType | None) -> None:
        news.put((None, None))

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
