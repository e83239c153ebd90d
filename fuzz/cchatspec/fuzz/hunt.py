"""From a run that showed something to a finding: does it show again, how little does it take, and how surely does it show.

It is first tried again as it is. What shows is minimised, and the result is replayed from a fresh start: the target is started
again if the fuzzer launched it, and all names and connections are new. What does not show again may need what ran before it in
the same process: many users who were registered, many messages, or the last script, the last two, four, and so on up to 64. These
are tried in front of it, and reduced to those that matter. What shows in no replay is no finding: it is counted, and told of in a
note.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from time import monotonic, time

from cchatspec.conformance.harness.launch import accepts
from cchatspec.fuzz import frames
from cchatspec.fuzz.joining import join
from cchatspec.fuzz.minimise import BUDGET, Stop, minimise
from cchatspec.fuzz.numbering import renumbered
from cchatspec.fuzz.requests import SEND, name_of
from cchatspec.fuzz.runner import Runner
from cchatspec.fuzz.script import Body, Connect, Fence, Script, Send, Step
from cchatspec.fuzz.trace import Trace, Violation
from cchatspec.fuzz.users import MARK_SIZE

#: How often what is minimised is replayed from a fresh start.
REPLAYS = 5

#: Kinds of which it is not sure by which of many requests they came.
UNSURE = ("crash", "disconnect")

#: How often it is tried whether something shows again at all.
_TRIES = 4

#: After so many scripts in a row that do not show it, whether the last that did still does is asked again.
_DOUBT = 6

#: How many of the scripts before are tried in front.
HISTORY = 64

#: So many users are registered to see whether it takes many of them.
_SETTLERS = 200

#: So many messages are written to see whether it takes many of them.
_LETTERS = 300

#: How long it may take to pursue one violation, in seconds, without the replays.
LONGEST_S = 60.0

#: How often `renew`ed replays are asked for while minimising what shows from a fresh start alone.
_FRESH_BUDGET = 60

#: How long to wait for a target that somebody else has to start again, in seconds.
RETURN_S = 5.0

#: So many seconds after the end of a campaign nothing more is reduced, and so many later nothing more is replayed.
_GRACE_S = 2.0
_LAST_S = 4.0

#: So many seconds after the end nothing more is looked into.
LATE_S = _GRACE_S + _LAST_S


@dataclass(frozen=True, slots=True)
class Quarry:
    """What was run down.

    Attributes:
        script, before: what shows it, and what must have run before.
        shown, replays: it showed in so many replays from a fresh start; none of none if there was no time to confirm it, or
            the target did not come back.
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
    """Whether two runs show the same.

    In which state, and by which field, may change while a script gets smaller. Replies that a server had not sent when it went
    down or closed are lost, and with them after which of many requests it was; so there the request may change too.
    """
    request = one.request == other.request or one.kind in UNSURE
    return (one.kind, one.outcome) == (other.kind, other.outcome) and request


@dataclass(frozen=True, slots=True)
class _How:
    """What it takes to see something again: how many tries, and whether each is a fresh start."""

    tries: int = 1
    fresh: bool = False


def _first(trace: Trace, violation: Violation) -> Violation | None:
    """What a run showed that is like a violation."""
    return next((other for other in trace.violations if alike(other, violation)), None)


class _Question:
    """Whether a script shows a violation, for the minimiser.

    What was done may have used something up, such as a name that can be registered once. So after some answers of no, the last
    script that showed it is asked about again; if it no longer shows, each try is a fresh start from then on.
    """

    def __init__(self, hunt: Hunt, violation: Violation, script: Script, how: _How) -> None:
        self._hunt = hunt
        self._violation = violation
        self._how = how
        self._shown = script
        self._noes = 0
        self._taken = [script]

    @property
    def larger(self) -> list[Script]:
        """Some of the scripts that showed it, from smaller ones to the first."""
        taken = self._taken
        return [taken[len(taken) * part // 8] for part in (7, 6, 4, 2)] + taken[:1]

    def __call__(self, script: Script) -> bool:
        if self._ask(script):
            self._shown, self._noes = script, 0
            self._taken.append(script)
            return True
        self._noes += 1
        if self._noes % _DOUBT or self._how.fresh or self._ask(self._shown):
            return False
        self._how = _How(self._how.tries, fresh=True)
        return self(script)

    def _ask(self, script: Script) -> bool:
        how = self._how
        return any(self._hunt.checked(script, (), self._violation, fresh=how.fresh) for _ in range(how.tries))


class Hunt:
    """Runs down violations on one runner.

    Args:
        runner: runs the scripts.
        is_stopped: whether the user wants an end; asked before each run.
        count: is told of each trace that a replay gave.
        ends: when the campaign is over, by the clock that never goes back; little is done after that.
    """

    def __init__(
        self, runner: Runner, is_stopped: Callable[[], bool], count: Callable[[Trace], None], ends: float = inf
    ) -> None:
        self._runner = runner
        self._is_stopped = is_stopped
        self._count = count
        self._ends = ends
        self._until = self._longest = 0.0

    def pursue(
        self, trace: Trace, violation: Violation, history: Sequence[Script], longest: float = LONGEST_S
    ) -> Quarry | None:
        """Run down a violation, for so many seconds at most; None if it shows in no replay.

        Where there was no time to find that out, what is given back showed in none of no replays.

        Raises:
            TargetError: the target cannot be started again.
        """
        self._longest = longest
        self._until = min(monotonic() + longest, self._ends + _GRACE_S)
        first = Quarry(trace.script, (), 0, 0, trace, violation, time())
        if not self.is_there():
            return first
        try:
            return self._plain(trace.script, violation) or self._with_history(trace.script, violation, history)
        except Stop:
            # No time is left to make it small, but for what it is worth as it is.
            found = self.replay(trace.script, (), violation, REPLAYS) if self.is_there() else None
            return found or replace(first, before=tuple(history[-HISTORY:]))

    def replay(self, script: Script, before: Sequence[Script], violation: Violation, times: int) -> Quarry | None:
        """Replay a script so often from a fresh start, less often if time is up; None if it never shows.

        Raises:
            TargetError: the target cannot be started again.
        """
        shown = done = 0
        seen: Quarry | None = None
        for _ in range(times):
            if done and (self._is_stopped() or monotonic() > self._ends + LATE_S):
                break
            if not self.is_there():
                break
            self._runner.renew()
            done += 1
            found = self._run(script, before, violation)
            shown += found is not None
            seen = found or seen
        return _counted(seen, shown, done) if seen else None

    def is_there(self) -> bool:
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
        how = self._rate(script, violation)
        if how is None:
            return None
        question = _Question(self, violation, script, how)
        small = renumbered(minimise(script, question))
        found = self.replay(small, (), violation, REPLAYS)
        if found is not None and violation.kind == "crash" and not found.trace.frames:
            return self._registering(violation) or found
        if found is not None and found.shown < found.replays and how.tries == 1:
            return self._surer(question.larger, violation, found)
        if found is None and not how.fresh:
            self._until = min(monotonic() + self._longest / 2, self._ends + _GRACE_S)
            again = _Question(self, violation, script, _How(tries=2, fresh=True))
            if again(script):
                found = self.replay(minimise(script, again, _FRESH_BUDGET), (), violation, REPLAYS)
        return found

    def _registering(self, violation: Violation) -> Quarry | None:
        """The target went down before a script began, while its users were registered: with a script that does just that."""
        many = settlers(_SETTLERS)
        if not self.checked(many, (), violation, fresh=True):
            return None
        question = _Question(self, violation, many, _How(fresh=True))
        return self.replay(minimise(many, question, _FRESH_BUDGET), (), violation, REPLAYS)

    def _surer(self, larger: Sequence[Script], violation: Violation, found: Quarry) -> Quarry:
        """Something larger that shows it each time, if what is smallest is on the edge; else what shows it most often."""
        for script in larger:
            if self._is_stopped() or monotonic() > self._ends or found.shown == found.replays:
                break
            other = self.replay(renumbered(script), (), violation, REPLAYS)
            found = other if other is not None and other.shown > found.shown else found
        return found

    def _rate(self, script: Script, violation: Violation) -> _How | None:
        """What it takes to see it again; None if it does not show at all."""
        if self.checked(script, (), violation):
            return _How()
        shown = sum(self.checked(script, (), violation, fresh=True) for _ in range(_TRIES))
        return _How(tries=1 if shown == _TRIES else 3, fresh=True) if shown else None

    def _with_history(self, script: Script, violation: Violation, history: Sequence[Script]) -> Quarry | None:
        """With the scripts that ran before it in the same process."""
        many_of_each = [settlers(_SETTLERS), letters(_LETTERS)]
        if violation.request == name_of(SEND):
            many_of_each.reverse()
        for many in many_of_each if len(history) > 1 else ():
            if self.checked(script, (many,), violation, fresh=True):
                return self._reduced(script, (many,), violation)
        size = 1
        while size < 2 * min(len(history), HISTORY):
            before = tuple(history[-size:])
            if self.checked(script, before, violation, fresh=True):
                return self._reduced(script, before, violation)
            size *= 2
        return None

    def _reduced(self, script: Script, before: tuple[Script, ...], violation: Violation) -> Quarry | None:
        """Leave out those before that do not matter, make one script of the rest if it shows it too, and minimise that."""
        kept = before
        try:
            for fewer in self._fewer(script, before, violation):
                kept = fewer
            joined = join([*kept, script])
            question = _Question(self, violation, joined, _How(fresh=True))
            if question(joined):
                return self.replay(minimise(joined, question, BUDGET), (), violation, REPLAYS)
        except Stop:
            pass  # what is known to be enough by now is replayed as it is
        found = self.replay(script, kept, violation, REPLAYS)
        if found is not None and found.script is not script and not found.before:
            return self._plain(found.script, violation) or found
        return found

    def _fewer(self, script: Script, before: tuple[Script, ...], violation: Violation) -> Iterator[tuple[Script, ...]]:
        """Fewer and fewer of those before, with which it still shows."""
        size = (len(before) + 1) // 2
        while size:
            end = len(before)
            while end > 0:
                start = max(0, end - size)
                less = before[:start] + before[end:]
                if less and self.checked(script, less, violation, fresh=True):
                    before = less
                    yield before
                end = start
            size //= 2

    def checked(self, script: Script, before: Sequence[Script], violation: Violation, *, fresh: bool = False) -> bool:
        """Run it and see whether it shows.

        Raises:
            Stop: time is up, or the user wants an end.
        """
        if self._is_stopped() or monotonic() > self._until or not self.is_there():
            raise Stop
        if fresh:
            self._runner.renew()
        with self._runner.in_a_hurry(until_first=True):
            return self._run(script, before, violation) is not None

    def _run(self, script: Script, before: Sequence[Script], violation: Violation) -> Quarry | None:
        began = time()
        for number, one in enumerate(before):
            earlier = self._runner.run(one, thorough=violation.kind == "crash")
            self._count(earlier)
            if violation.kind == "crash" and (shown := _first(earlier, violation)) is not None:
                # What was to come behind it never did.
                return Quarry(one, tuple(before[:number]), 1, 1, earlier, shown, began)
        began = time()
        # A crash may come when the script is over; the bystanders notice it then.
        trace = self._runner.run(script, thorough=violation.kind == "crash" or violation.state == "bystander")
        self._count(trace)
        found = _first(trace, violation) if trace.script is script else None
        launcher = self._runner.target.launcher
        if found is not None and launcher is not None:
            trace.output = trace.output or launcher.tail()
        return Quarry(script, tuple(before), 1, 1, trace, found, began) if found else None


def settlers(count: int) -> Script:
    """A script that registers so many users."""
    users = tuple(frames.register(f"s{number}") for number in range(count))
    return Script(steps=(Connect(0), Send(0, users), Fence(0)))


def letters(count: int) -> Script:
    """A script in which a user writes so many messages to one who is there."""
    steps: list[Step] = []
    for connection, user in enumerate("ab"):
        steps += [Connect(connection), Send(connection, (frames.ask(user),)), Send(connection, (frames.prove(user),))]
    written = tuple(frames.send("b", Body(number, MARK_SIZE)) for number in range(count))
    return Script(registered=("a", "b"), steps=(*steps, Send(0, written), Fence(0), Fence(1)))


def _counted(quarry: Quarry, shown: int, replays: int) -> Quarry:
    """The same, shown so often."""
    return replace(quarry, shown=shown, replays=replays)
