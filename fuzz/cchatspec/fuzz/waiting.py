"""Waiting for a socket, alone or with others: while one conversation waits for its target, the next one speaks.

Each of several pieces of work is a greenlet, so a conversation is written as if it were alone, one line after the other. Where it
would block it gives way to the others, and goes on when its socket is ready or its patience is over. Nothing runs at the same
time as anything else, so nothing has to be locked. Outside of such work, waiting is plain waiting.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterable
from time import monotonic

from greenlet import GreenletExit, getcurrent, greenlet

READABLE, WRITABLE = select.POLLIN, select.POLLOUT


class _Task(greenlet):
    """One of several pieces of work."""

    def __init__(self, work: Callable[[], None], together: _Together) -> None:
        super().__init__(work)
        self.together = together


class _Together:
    """Several pieces of work that wait together."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._waiting: dict[int, tuple[_Task, float]] = {}

    def run(self, works: Iterable[Callable[[], None]]) -> None:
        """Begin all in their order, and go on until all are done."""
        try:
            for work in works:
                _Task(work, self).switch()
            while self._waiting:
                self._go_on()
        finally:
            for task, _ in list(self._waiting.values()):
                task.throw(GreenletExit)

    def _go_on(self) -> None:
        """Let all go on whose socket is ready, or whose patience is over."""
        soonest = min(until for _, until in self._waiting.values())
        ready = self._poll.poll(max(soonest - monotonic(), 0) * 1000)
        for handle, _ in ready:
            self._wake(handle, is_ready=True)
        if not ready:
            now = monotonic()
            for handle in [handle for handle, (_, until) in self._waiting.items() if until <= now]:
                self._wake(handle, is_ready=False)

    def _wake(self, handle: int, *, is_ready: bool) -> None:
        task, _ = self._waiting.pop(handle)
        self._poll.unregister(handle)
        task.switch(is_ready)

    def wait(self, task: _Task, handle: int, events: int, patience: float) -> bool:
        """Let the others go on until a socket is ready."""
        self._waiting[handle] = task, monotonic() + patience
        self._poll.register(handle, events)
        assert task.parent is not None
        return bool(task.parent.switch())


def at_once(works: Iterable[Callable[[], None]]) -> None:
    """Do several pieces of work at the same time; what one raises ends all of them."""
    _Together().run(works)


def wait_for(handle: int, events: int, patience: float) -> bool:
    """Wait for a socket to be ready, for so many seconds at most; tells whether it is."""
    task = getcurrent()
    if isinstance(task, _Task):
        return task.together.wait(task, handle, events, patience)
    alone = select.poll()
    alone.register(handle, events)
    return bool(alone.poll(patience * 1000))
