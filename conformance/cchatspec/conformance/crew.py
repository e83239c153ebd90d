"""Several workers at once: the cases are dealt out, and the events of all come in as one stream.

Each worker is a process with a target of its own, or with fresh names at a shared address. One that ends without having said so
is reported as a fault of the suite. An interrupt is passed on, so that each worker ends its case, tells what it knows, and stops
its target.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType

import msgspec

from cchatspec.conformance.catalogue import Case
from cchatspec.conformance.events import Ended, Event, Listener, Started, Unreachable
from cchatspec.conformance.harness.outcomes import TargetError
from cchatspec.conformance.harness.workers import Worker
from cchatspec.conformance.worker import Job

_COMMAND = [sys.executable, "-P", "-m", "cchatspec.conformance.worker"]
_END_LIMIT_S = 15.0
_DECODER = msgspec.json.Decoder(Event)

#: The number that stands for Ctrl-C; workers are counted from 1.
_INTERRUPT = 0

#: Who tells it, and what: an event, or None for the end of a worker's output and for an interrupt of the whole.
_News = tuple[int, Event | None]


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


class _Hand:
    """A worker and how far it has come with its job."""

    def __init__(self, number: int, job: Job, news: SimpleQueue[_News]) -> None:
        self.process: Worker[Event] = Worker(number, _COMMAND, job, _DECODER, news, _END_LIMIT_S)
        self._case = ""
        self._turns = job.repeat
        self._ended = False

    def note(self, event: Event) -> None:
        """Remember how far it is."""
        match event:
            case Started(case=case):
                self._case = case
            case Ended(complete=complete):
                self._turns -= 1
                self._ended = self._turns == 0 or not complete
            case Unreachable():
                self._ended = True

    def epitaph(self) -> Ended | None:
        """What is to be told if it ended without having said so."""
        last_words = self.process.last_words()
        if self._ended:
            return None
        while_at = f" at {self._case}" if self._case else ""
        broken = f"worker {self.process.number} died{while_at} {last_words}"
        return Ended([], {}, [broken], complete=False, restarts=0)


def run_jobs(jobs: Sequence[Job], listener: Listener) -> bool:
    """Run each job in a process of its own; false if the whole was interrupted.

    Raises:
        TargetError: a worker cannot reach or start its target.
    """
    news: SimpleQueue[_News] = SimpleQueue()
    hands: dict[int, _Hand] = {}
    try:
        with _interrupts_as(news):
            hands |= {number: _Hand(number, job, news) for number, job in enumerate(jobs, 1)}
            return _listen(hands, news, listener)
    finally:
        for hand in hands.values():
            hand.process.interrupt()
        for hand in hands.values():
            hand.process.end()


def _listen(hands: Mapping[int, _Hand], news: SimpleQueue[_News], listener: Listener) -> bool:
    running = len(hands)
    stopping = interrupted = False
    while running:
        number, event = news.get()
        if number == _INTERRUPT:
            interrupted = stop = True
        elif event is None:
            running -= 1
            epitaph = None if stopping else hands[number].epitaph()
            stop = listener(epitaph) if epitaph else False
        elif isinstance(event, Unreachable):
            raise TargetError(event.reason)
        else:
            hands[number].note(event)
            stop = listener(event)
        if stop and not stopping:
            stopping = True
            for other in hands.values():
                other.process.interrupt()
    return not interrupted


@contextmanager
def _interrupts_as(news: SimpleQueue[_News]) -> Iterator[None]:
    """Have Ctrl-C arrive between two events and never within one."""

    def note(_number: int, _frame: FrameType | None) -> None:
        news.put((_INTERRUPT, None))

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
