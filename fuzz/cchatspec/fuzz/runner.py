"""Runs scripts against a target and judges what comes: the fuzzer's hands and eyes.

A run lends accounts to the script's users, carries out its steps, reads what is certain to come, collects what was queued, and
gives back a trace. Between scripts a pair of bystanders chats, who must notice nothing; if they do, the last scripts are run
again one by one, to find the one that did it. Nothing that a target does makes a run raise; only a target that cannot be started
again does.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic

from cchatspec.conformance.harness.launch import Launcher
from cchatspec.conformance.harness.outcomes import TargetError
from cchatspec.conformance.harness.target import Target
from cchatspec.fuzz import wording
from cchatspec.fuzz.bystanders import Pair
from cchatspec.fuzz.connection import Link
from cchatspec.fuzz.flight import Flight, crash, together
from cchatspec.fuzz.hosting import Host
from cchatspec.fuzz.line import Journal, Line, Setting
from cchatspec.fuzz.model import Model
from cchatspec.fuzz.room import room
from cchatspec.fuzz.script import Script
from cchatspec.fuzz.trace import Book, Trace, Violation
from cchatspec.fuzz.users import Cast, Users
from cchatspec.fuzz.waiting import at_once

#: A reply may take so many round trips, and so many seconds at least and at most.
_ROUND_TRIPS = 50
_SHORTEST_S = 0.25
_LONGEST_S = 5.0

#: The pair is asked after so many scripts, and after each with a trick of delivery.
_PAIR_EVERY = 8

#: So many scripts run at the same time, unless the target makes another thing of one when others run.
WIDTH = 16

#: What bystanders notice shows in this state.
BYSTANDER = "bystander"

#: A process that accepts no more is given so long to end, in seconds.
_DYING_S = 1.0

#: The pair asks for the list of users every so many times.
_LIST_EVERY = 8

_REGISTRAR, _PROBE = -4, -5


Connect = Callable[[int, tuple[str, int], float], Link]


class Runner:
    """Runs scripts against one target.

    Attributes:
        executions: scripts that were delivered and answered.
        frames, answered: frames of scripts that were sent, and that the target has dealt with.
        refused: what the target refused, and how often.
        restarts: how often it was started again because it had died or hung.
        width: so many scripts should run at the same time by now.

    Raises:
        TargetError: the target takes no registration, so nothing can be tried.
    """

    def __init__(self, target: Target, seed: int, connect: Connect = Link) -> None:
        self.target = target
        self._connect = connect
        self.users = Users(seed)
        self.executions = self.frames = self.answered = self.restarts = 0
        self.refused: Counter[str] = Counter()
        self.width = WIDTH
        self._runs = 0
        self._since_pair = self._since_list = 0
        self._recent: deque[Script] = deque(maxlen=2 * WIDTH)
        self._before: Flight | None = None
        self._haste = False, False
        self._is_silent = False
        self._begin()

    # Starting

    def _begin(self) -> None:
        """Learn the target's round trip and register the resident, whose name fences ask for."""
        self.model = Model(self.users)
        self.setting = Setting(self.target.address, self.model, deadline=_LONGEST_S, connect=self._connect)
        self._hasten()
        self.model.room = lambda: room(self.setting)
        self._host = Host(self.setting, self.users)
        self._pair: Pair | None = None
        for _ in range(1000):
            resident = self.users.new()
            line = Line(self.setting, _REGISTRAR, Journal())
            began = monotonic()
            came = self._host.register(line, [resident], patient=False)
            self.setting.deadline = min(max(_ROUND_TRIPS * (monotonic() - began), _SHORTEST_S), _LONGEST_S)
            line.close()
            if came:
                self.setting.resident = (resident.name, resident.key)
                return
            if not line.tracker.has_answered:
                break
            # The names of this tag were taken by an earlier campaign.
            self.users.restart(self.users.tag + 1)
        raise TargetError(f"{self.target.host}:{self.target.port} registers no user: {self._why(line)}")

    @staticmethod
    def _why(line: Line) -> str:
        if line.link.ended is not None:
            return line.link.ended.value
        return "its answers cannot be read" if line.tracker.has_answered else "no reply before the deadline"

    @contextmanager
    def in_a_hurry(self, *, until_first: bool = False) -> Iterator[None]:
        """Believe silence early; for runs that others follow with patience before anybody is told.

        Args:
            until_first: end each run as soon as anything is wrong.
        """
        self._haste = True, until_first
        self._hasten()
        try:
            yield
        finally:
            self._haste = False, False
            self._hasten()

    def _hasten(self) -> None:
        self.setting.hurries, self.setting.until_first = self._haste

    def renew(self) -> None:
        """A fresh start: a launched target is started again, and all names and connections are new.

        Raises:
            TargetError: it cannot be started again.
        """
        self._close_lines()
        if self.target.launcher is not None:
            self.target.launcher.close()
            self._launch(self.target.launcher.command)
        self.users.restart(self.users.tag + 1)
        self._begin()

    def _launch(self, command: str) -> None:
        launcher = Launcher(command)
        launcher.start()
        self.target.launcher = launcher
        self.target.host, self.target.port = launcher.host, launcher.port

    def close(self) -> None:
        """Close all connections; the target is left as it is."""
        self._close_lines()

    def _close_lines(self) -> None:
        if self._pair is not None:
            self._pair.close()
            self._pair = None

    # Running

    def run(self, script: Script, *, thorough: bool = False) -> Trace:
        """Run a script and say what happened.

        Args:
            script: what to do.
            thorough: ask the bystanders afterwards in any case, also for the list of users.

        Raises:
            TargetError: the target is gone and cannot be started again.
        """
        flight = self._alone(script, thorough=thorough)
        return flight.trace if thorough else self._attributed(flight.trace)

    def _alone(self, script: Script, *, thorough: bool = False) -> Flight:
        self.model.begin()
        self._is_silent = False
        flight = self._boarded(script)
        flight.go()
        if (not flight.is_doubtful or self._serves(flight)) and flight.is_played:
            before = len(flight.book.violations)
            self._collect(flight)
            self._afterwards([flight], flight.journal, thorough=thorough)
            if len(flight.book.violations) > before:
                self._serves(flight)
        self._host.pace(refused=flight.is_limited)
        self._counted(flight)
        return flight

    def _collect(self, flight: Flight) -> None:
        """Have read what was queued in a script, unless something is wrong about it already, which is what will be told."""
        if not flight.book.violations:
            self._host.collect(flight.cast, flight.journal)

    def _boarded(self, script: Script) -> Flight:
        """Find somebody for each user of a script."""
        self._runs += 1
        book = Book()
        cast = self._host.cast(script, self._runs, book)
        played = cast or Cast(self.users, {}, self._runs)
        return Flight(self.setting, script, played, book, self._probe, is_played=cast is not None)

    def _attributed(self, trace: Trace) -> Trace:
        """Where bystanders noticed something, the trace of the script that brings it about, if one by itself does."""
        self._recent.append(trace.script)
        noticed = {violation.outcome for violation in trace.violations if violation.state == BYSTANDER}
        if not noticed or any(violation.state != BYSTANDER for violation in trace.violations):
            return trace
        return self._culprit(noticed) or trace

    def _culprit(self, noticed: set[str]) -> Trace | None:
        """Run the last scripts again one by one, to find the one that brings something about."""
        recent = list({id(script): script for script in reversed(self._recent)}.values())
        self._recent.clear()
        self.renew()
        for script in recent:
            again = self.run(script, thorough=True)
            if noticed & {violation.outcome for violation in again.violations}:
                return again
        return None

    def _afterwards(self, flights: Sequence[Flight], journal: Journal, *, thorough: bool) -> None:
        """Take the accounts back and ask the bystanders, whose words are written into a journal."""
        self._host.take_back([flight.cast for flight in flights])
        self._since_pair += len(flights)
        talks = [flight.talk for flight in flights]
        is_doubtful = any(flight.book.violations for flight in flights)
        is_time = thorough or is_doubtful or any(talk.tricks for talk in talks) or self._since_pair >= _PAIR_EVERY
        # Where nobody is to be registered, a pair that has to be replaced stays away.
        if is_time and (self.users.grows or (self._pair is not None and self._pair.is_fit)):
            self._ask_pair(journal, thorough=thorough or any(talk.left_early for talk in talks))
        for line in [line for talk in talks for line in talk.lines.values()]:
            self.model.forget(line.tracker)

    def _counted(self, flight: Flight) -> Trace:
        trace = flight.finish()
        if flight.has_sent:
            self._before = flight
        self.executions += trace.delivered
        self.frames += trace.frames
        self.answered += trace.answered
        self.refused.update(trace.refused)
        return trace

    # Several at once

    def run_all(
        self, scripts: Sequence[Script], is_known: Callable[[Violation], bool] = lambda _: False
    ) -> list[Trace]:
        """Run several scripts at the same time, and say what happened in each; what comes of the crowd alone comes last.

        What is suspicious and not known is run again, each script by itself. If it shows, the trace of that run stands for the
        script; if it does not, that of one script that does what all did, so that whoever replays it has all that it took.

        Raises:
            TargetError: the target is gone and cannot be started again.
        """
        if len(scripts) == 1:
            self._adapt(is_crowd=False)
            return [self.run(scripts[0])]
        flights, how = self._crowd(scripts)
        if how is not None:
            return self._run_down(flights, how)
        journal = Journal()
        self._afterwards(flights, journal, thorough=False)
        if journal.book.violations and (how := self._down(flights)) is not None:
            return self._run_down(flights, how)
        self._recent.extend(scripts)
        self._host.pace(refused=2 * sum(flight.is_limited for flight in flights) > len(flights))
        for flight in flights:
            self._counted(flight)
        seen = [self._again(flights, flight, is_known) for flight in flights]
        self._adapt(is_crowd=any(is_crowd for _, is_crowd in seen))
        seen.sort(key=lambda one: one[1])
        return [trace for trace, _ in seen] + self._noticed(flights, journal, is_known)

    def _crowd(self, scripts: Sequence[Script]) -> tuple[list[Flight], str | None]:
        """Several scripts at the same time, and how the target went down under them, None if it did not."""
        self.model.begin()
        self._is_silent = False
        flights = [self._boarded(script) for script in scripts]
        self.setting.in_crowd = True
        try:
            at_once([flight.go for flight in flights])
            how = self._down(flights) if any(flight.is_doubtful for flight in flights) else None
            if how is None:
                at_once([partial(self._collect, flight) for flight in flights if flight.is_played])
        finally:
            self.setting.in_crowd = False
        return flights, how

    def _adapt(self, *, is_crowd: bool) -> None:
        """Run half as many at the same time from now on if that was too many, else one more."""
        self.width = max(self.width // 2, 1) if is_crowd else min(self.width + 1, WIDTH)

    def _again(
        self, flights: Sequence[Flight], flight: Flight, is_known: Callable[[Violation], bool]
    ) -> tuple[Trace, bool]:
        """The trace of a flight, or of another run of it if there is something new about it; and whether the crowd made it so."""
        fresh = [violation for violation in flight.trace.violations if not is_known(violation)]
        if not fresh and not flight.is_crowded_out:
            return flight.trace, False
        again = self._alone(flight.trace.script)
        alone = self._attributed(again.trace)
        if fresh and not any(_is_same(violation, fresh[0]) for violation in alone.violations):
            return (alone if alone.violations else together(flights, fresh[0], flight)), True
        return alone, flight.is_crowded_out and not again.is_crowded_out

    def _noticed(
        self, flights: Sequence[Flight], journal: Journal, is_known: Callable[[Violation], bool]
    ) -> list[Trace]:
        """What the bystanders noticed, as the trace of the script that brings it about by itself, or of all of them."""
        violations = journal.book.violations
        if not violations:
            return []
        if all(map(is_known, violations)):
            return [together(flights, violation) for violation in violations[:1]]
        culprit = self._culprit({violation.outcome for violation in violations})
        return [culprit or together(flights, violations[0])]

    def _run_down(self, flights: Sequence[Flight], how: str) -> list[Trace]:
        """The target went down under several scripts: run each by itself, from a fresh start.

        If that cannot be, or none shows it, all that were not over by then are to blame together.
        """
        self._adapt(is_crowd=True)
        launcher = self.target.launcher
        if launcher is None and not how:
            return [self._counted(flight) for flight in flights]
        open_ones = [flight for flight in flights if flight.has_sent and flight.talk.is_doubtful] or list(flights)
        blamed = together(open_ones, crash(how, open_ones[-1].stand), open_ones[-1])
        traces: list[Trace] = []
        if launcher is not None:
            blamed.output = launcher.tail()
            self.restarts += 1
            self.renew()
            with self.in_a_hurry():
                traces = [self.run(flight.trace.script) for flight in flights]
        is_shown = any(violation.kind in ("crash", "hang") for trace in traces for violation in trace.violations)
        return traces if is_shown or not how else [*traces, blamed]

    # Whether it lives

    def _serves(self, flight: Flight) -> bool:
        """Whether the target still lives, where there is reason to doubt it; if not, it is a crash, and it is started again."""
        how = self._down([flight])
        if how is None:
            return True
        launcher = self.target.launcher
        if how:
            self._blame(flight, how)
        flight.trace.delivered = True
        if launcher is not None:
            flight.trace.output = launcher.tail()
            self.restarts += 1
            self.renew()
        return False

    def _blame(self, flight: Flight, how: str) -> None:
        """Say what brought the target down: the script before, if this one sent nothing."""
        before = self._before
        if flight.has_sent or before is None:
            flight.blame(how, flight.stand)
            return
        flight.trace.script = before.trace.script
        flight.trace.refused.clear()
        flight.talk.refused.clear()
        flight.blame(how, before.stand)

    def _down(self, flights: Sequence[Flight]) -> str | None:
        """How the target went down; None if it lives, and empty if it only stands still."""
        launcher = self.target.launcher
        # A process that is about to end may still accept, so only an answer shows that it lives.
        if not (launcher is not None and launcher.died) and not self._is_silent and self.alive():
            return None
        if launcher is not None and launcher.ends_within(_DYING_S):
            return f"the process ended with {launcher.how_it_ended()}"
        if not self.setting.accepts(*self.target.address):
            return "nobody accepts connections any more"
        is_silent = any(violation.kind == "hang" for flight in flights for violation in flight.book.violations)
        return "" if is_silent else None

    def alive(self) -> bool:
        """Whether a fresh connection is answered."""
        # What the probe meets has shown elsewhere already, or will.
        line = Line(self.setting, _PROBE, Journal())
        line.fence()
        line.flush()
        answered = line.wait() and line.tracker.has_answered
        line.close()
        self.model.forget(line.tracker)
        return answered

    def _probe(self) -> str:
        self._is_silent = not self.alive()
        return wording.NOBODY_ANSWERED if self._is_silent else "a fresh connection is answered"

    def _ask_pair(self, journal: Journal, *, thorough: bool) -> None:
        self._since_pair = 0
        if self._pair is None or not self._pair.is_fit:
            self._close_lines()
            self._pair = Pair.meet(self.setting, self.users, journal, self._host.register)
        if self._pair is not None:
            self._pair.chat(journal)
            self._since_list += 1
            if thorough or self._since_list >= _LIST_EVERY:
                self._since_list = 0
                self._pair.look_around(journal)


def _is_same(one: Violation, other: Violation) -> bool:
    """Whether two runs of a script show the same."""
    return (one.kind, one.outcome) == (other.kind, other.outcome)
