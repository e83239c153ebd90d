"""From a run that showed something to a finding: does it show again, how little does it take, and how surely does it show.

It is first tried again as it is. What shows is minimised, and the result is replayed from a fresh start: the target is started
again if the fuzzer launched it, and all names and connections are new. What does not show again may need what ran before it in
the same process, so the last script, the last two, four, and so on up to 64 are tried in front of it, and reduced to those that
matter. What shows in no replay is no finding: it is counted, and told of in a note.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic, time

import msgspec

from cchatspec.conformance.harness.launch import accepts
from cchatspec.fuzz.minimise import BUDGET, Stop, minimise
from cchatspec.fuzz.runner import Runner
from cchatspec.fuzz.script import Body, Close, Connect, Frame, Key, Name, Proof, Script, Send, Step, Value
from cchatspec.fuzz.trace import Trace, Violation

#: How often what is minimised is replayed from a fresh start.
REPLAYS = 5

#: How often it is tried whether something shows again at all.
_TRIES = 4

#: How many of the scripts before are tried in front.
HISTORY = 64

#: How long it may take to pursue one violation, in seconds, without the replays.
LONGEST_S = 60.0

#: How often `renew`ed replays are asked for while minimising what shows from a fresh start alone.
_FRESH_BUDGET = 60

#: How long to wait for a target that somebody else has to start again, in seconds.
RETURN_S = 5.0


@dataclass(frozen=True, slots=True)
class Quarry:
    """What was run down.

    Attributes:
        script, before: what shows it, and what must have run before.
        shown, replays: it showed in so many replays from a fresh start.
        trace, violation: of a run that showed it; `began` says when that was, in seconds since 1970.
    """

    script: Script
    before: tuple[Script, ...]
    shown: int
    replays: int
    trace: Trace
    violation: Violation
    began: float


def alike(one: Violation, other: Violation) -> bool:
    """Whether two runs show the same. In which state, and by which field, may change while a script gets smaller."""
    return (one.kind, one.request, one.outcome) == (other.kind, other.request, other.outcome)


class Hunt:
    """Runs down violations on one runner.

    Args:
        runner: runs the scripts.
        is_stopped: whether the user wants an end; asked before each run.
        count: is told of each trace that a replay gave.
    """

    def __init__(self, runner: Runner, is_stopped: Callable[[], bool], count: Callable[[Trace], None]) -> None:
        self._runner = runner
        self._is_stopped = is_stopped
        self._count = count
        self._until = 0.0
        self._last: Quarry | None = None

    def pursue(
        self, trace: Trace, violation: Violation, history: Sequence[Script], longest: float = LONGEST_S
    ) -> Quarry | None:
        """Run down a violation, for so many seconds at most; None if it shows in no replay.

        Raises:
            TargetError: the target cannot be started again.
        """
        self._until = monotonic() + longest
        self._last = None
        first = Quarry(trace.script, (), 0, 0, trace, violation, time())
        if not self._is_back():
            return first
        try:
            return self._plain(trace.script, violation) or self._with_history(trace.script, violation, history)
        except Stop:
            return self._last

    def replay(self, script: Script, before: Sequence[Script], violation: Violation, times: int) -> Quarry | None:
        """Replay a script so often from a fresh start; None if it never shows.

        Raises:
            TargetError: the target cannot be started again.
        """
        shown = done = 0
        seen: Quarry | None = None
        for _ in range(times):
            if self._is_stopped() and done:
                break
            self._runner.renew()
            done += 1
            found = self._run(script, before, violation)
            shown += found is not None
            seen = found or seen
        return _counted(seen, shown, done) if seen else None

    def _is_back(self) -> bool:
        """Whether the target accepts connections; one that others start is waited for."""
        if self._runner.target.launcher is not None:
            return True
        until = monotonic() + RETURN_S
        while not accepts(*self._runner.target.address):
            if monotonic() > until or self._is_stopped():
                return False
        return True

    def _plain(self, script: Script, violation: Violation) -> Quarry | None:
        """Without what ran before."""
        rate = self._rate(script, violation)
        if rate is None:
            return None
        tries = 1 if rate > 0.7 else 3
        small = minimise(script, self._shows(violation, tries))
        found = self.replay(small, (), violation, REPLAYS)
        if found is None:
            fresh = self._from_fresh(script, violation)
            found = self.replay(fresh, (), violation, REPLAYS) if fresh else None
        return found

    def _rate(self, script: Script, violation: Violation) -> float | None:
        """How surely it shows when it is tried again, None if not at all."""
        shown = 0
        for number in range(_TRIES):
            if number:
                self._runner.renew()
            found = self._checked(script, (), violation)
            shown += found is not None
            if found is not None:
                self._last = found
                if number == 0:
                    return 1.0
        return shown / _TRIES if shown else None

    def _from_fresh(self, script: Script, violation: Violation) -> Script | None:
        """Minimised with a fresh start each time; None if the script does not show it so."""
        shows = self._shows(violation, 2, fresh=True)
        return minimise(script, shows, _FRESH_BUDGET) if shows(script) else None

    def _with_history(self, script: Script, violation: Violation, history: Sequence[Script]) -> Quarry | None:
        """With the scripts that ran before it in the same process."""
        size = 1
        while size < 2 * min(len(history), HISTORY):
            before = tuple(history[-size:])
            self._runner.renew()
            if self._checked(script, before, violation) is not None:
                return self._reduced(script, before, violation)
            size *= 2
        return None

    def _reduced(self, script: Script, before: tuple[Script, ...], violation: Violation) -> Quarry | None:
        """Leave out those before that do not matter, make one script of the rest if it shows it too, and minimise that."""
        kept = self._fewer(script, before, violation)
        joined = join([*kept, script])
        shows = self._shows(violation, 1, fresh=True)
        if shows(joined):
            small = minimise(joined, shows, BUDGET)
            return self.replay(small, (), violation, REPLAYS)
        return self.replay(script, kept, violation, REPLAYS)

    def _fewer(self, script: Script, before: tuple[Script, ...], violation: Violation) -> tuple[Script, ...]:
        size = (len(before) + 1) // 2
        while size:
            end = len(before)
            while end > 0:
                start = max(0, end - size)
                less = before[:start] + before[end:]
                self._runner.renew()
                if less and self._checked(script, less, violation) is not None:
                    before = less
                end = start
            size //= 2
        return before

    def _shows(self, violation: Violation, tries: int, *, fresh: bool = False) -> Callable[[Script], bool]:
        def shows(script: Script) -> bool:
            for _ in range(tries):
                if fresh:
                    self._runner.renew()
                if (found := self._checked(script, (), violation)) is not None:
                    self._last = found
                    return True
            return False

        return shows

    def _checked(self, script: Script, before: Sequence[Script], violation: Violation) -> Quarry | None:
        """Run it, unless time is up or the user wants an end."""
        if self._is_stopped() or monotonic() > self._until:
            raise Stop
        return self._run(script, before, violation)

    def _run(self, script: Script, before: Sequence[Script], violation: Violation) -> Quarry | None:
        for one in before:
            self._count(self._runner.run(one))
        began = time()
        trace = self._runner.run(script, thorough=violation.state == "bystander")
        self._count(trace)
        found = next((other for other in trace.violations if alike(other, violation)), None)
        launcher = self._runner.target.launcher
        if found is not None and launcher is not None:
            trace.output = trace.output or launcher.tail()
        return Quarry(script, tuple(before), 1, 1, trace, found, began) if found else None


def _counted(quarry: Quarry, shown: int, replays: int) -> Quarry:
    """The same, shown so often."""
    return Quarry(quarry.script, quarry.before, shown, replays, quarry.trace, quarry.violation, quarry.began)


def join(scripts: Sequence[Script]) -> Script:
    """One script that does what several do one after the other, with users and connections of each its own."""
    steps: list[Step] = []
    registered: list[str] = []
    for number, script in enumerate(scripts):
        renamed = _Renamed(number)
        registered += [renamed.user(user) for user in script.registered]
        steps += [renamed.step(step) for step in script.steps]
        if number < len(scripts) - 1:
            open_ones = dict.fromkeys(step.connection for step in script.steps if isinstance(step, Connect))
            steps += [Close(renamed.connection(connection)) for connection in open_ones]
    return Script(registered=tuple(registered), steps=tuple(steps))


@dataclass(frozen=True, slots=True)
class _Renamed:
    """What the users, connections and bodies of one script among several are called."""

    number: int

    def user(self, user: str) -> str:
        return f"{user}{self.number}"

    def connection(self, connection: int) -> int:
        return self.number * 1000 + connection

    def step(self, step: Step) -> Step:
        moved = msgspec.structs.replace(step, connection=self.connection(step.connection))
        return (
            msgspec.structs.replace(moved, frames=tuple(map(self._frame, moved.frames)))
            if isinstance(moved, Send)
            else moved
        )

    def _frame(self, frame: Frame) -> Frame:
        return msgspec.structs.replace(frame, values={label: self._value(item) for label, item in frame.values.items()})

    def _value(self, value: Value) -> Value:
        match value:
            case Name(user=user):
                return Name(self.user(user))
            case Key(user=user):
                return Key(self.user(user))
            case Body(number=number, size=size):
                return Body(self.number * 1000 + number, size)
            case Proof(user=user, connection=connection, age=age):
                there = None if connection is None else self.connection(connection)
                return Proof(self.user(user), there, age)
        return value
