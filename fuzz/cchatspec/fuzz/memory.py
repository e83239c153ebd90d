"""Watches a target's memory and descriptors while a campaign goes on, and pursues a leak when there is reason to suspect one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from time import monotonic, time

from cchatspec.fuzz.families import FAMILIES
from cchatspec.fuzz.hunt import Quarry
from cchatspec.fuzz.leak import LeakWatch, confirm
from cchatspec.fuzz.minimise import Stop
from cchatspec.fuzz.processes import has_sanitizer
from cchatspec.fuzz.runner import Runner
from cchatspec.fuzz.script import Script
from cchatspec.fuzz.trace import Trace

#: A sample is taken after so many executions.
_EVERY = 25

#: How often a suspicion is followed in one campaign, and for how long at most, in seconds; little is done after its end.
_MOST_PURSUITS = 2
LONGEST_S = 120.0
_GRACE_S = 4.0

#: A leak is confirmed by two fresh starts.
_STARTS = 2


class Memory:
    """The memory of the process behind a runner.

    Args:
        runner: its target is watched.
        pid: the process, if the target was not launched; None if nobody knows it.
        is_stopped: whether the user wants an end.
        count: is told of each trace.
        ends: when the campaign is over, by the clock that never goes back.

    Attributes:
        note: what to say of a suspicion that there was no time to follow to its end, or empty.
    """

    def __init__(
        self,
        runner: Runner,
        pid: int | None,
        is_stopped: Callable[[], bool],
        count: Callable[[Trace], None],
        ends: float = inf,
    ) -> None:
        self._runner = runner
        self._given = pid
        self._is_stopped = is_stopped
        self._count = count
        self._ends = ends
        self._until = 0.0
        self._pursuits = 0
        self.note = ""
        self._watch: LeakWatch | None = None

    def pid(self) -> int | None:
        """The process whose memory is read, if there is one."""
        launcher = self._runner.target.launcher
        return launcher.pid if launcher is not None else self._given

    def look(self) -> bool:
        """Take a sample if it is time for one; tells whether there is reason to suspect a leak."""
        pid = self.pid()
        if pid is None or self._pursuits >= _MOST_PURSUITS:
            return False
        if self._watch is None:
            self._watch = LeakWatch(pid, every=_EVERY)
            if has_sanitizer(pid):
                # Freed memory is kept to catch its use, so that it grows as if it leaked; LeakSanitizer tells what does.
                self._pursuits = _MOST_PURSUITS
                return False
        self._watch.look(self._runner.executions, pid)
        return self._watch.is_suspicious

    def pursue(self, seconds: float | None = None) -> Iterator[Quarry]:
        """Find out what leaks, one after the other, if anything does; it takes a thousand executions, or some ten thousand.

        Args:
            seconds: how long it may take; None for as long as it ever may.

        Raises:
            TargetError: the target cannot be started again.
        """
        self._pursuits += 1
        self._watch = None
        self.note = ""
        yield from self._confirm(FAMILIES, min(LONGEST_S if seconds is None else seconds, LONGEST_S))

    def replay(self, family: str) -> Quarry | None:
        """Whether what is called by this still leaks.

        Raises:
            TargetError: the target cannot be started again.
        """
        return next(self._confirm({family: FAMILIES[family]}, LONGEST_S), None) if family in FAMILIES else None

    def _confirm(self, families: Mapping[str, Sequence[Script]], seconds: float) -> Iterator[Quarry]:
        self._until = min(monotonic() + seconds, self._ends + _GRACE_S)
        self._runner.users.grows = False
        try:
            yield from self._leaking(families)
        finally:
            self._runner.users.grows = True

    def _leaking(self, families: Mapping[str, Sequence[Script]]) -> Iterator[Quarry]:
        try:
            for _, script, violation in confirm(self, self.pid, families=families):
                trace = self._runner.run(script)
                yield Quarry(script, (), _STARTS, _STARTS, trace, violation, time())
        except Stop:
            self.note = "leak: what the target keeps grows, and there was no time to find out whether anything leaks"

    # What `confirm` runs scripts with

    def run(self, script: Script) -> Trace:
        """Run a script.

        Raises:
            Stop: time is up, or the user wants an end.
        """
        if self._is_stopped() or monotonic() > self._until:
            raise Stop
        trace = self._runner.run(script)
        self._count(trace)
        return trace

    def renew(self) -> None:
        """Start afresh."""
        self._runner.renew()
