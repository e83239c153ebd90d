"""Runs scripts against a target and judges what comes: the fuzzer's hands and eyes.

A run lends accounts to the script's users, carries out its steps, reads what is certain to come, collects what was queued, and
gives back a trace. Between scripts a pair of bystanders chats, who must notice nothing; if they do, the last scripts are run
again one by one, to find the one that did it. Nothing that a target does makes a run raise; only a target that cannot be started
again does.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from time import monotonic

from cchatspec.conformance.harness.launch import Launcher
from cchatspec.conformance.harness.outcomes import TargetError
from cchatspec.conformance.harness.target import Target
from cchatspec.fuzz.bystanders import Pair
from cchatspec.fuzz.connection import Link
from cchatspec.fuzz.conversation import Conversation
from cchatspec.fuzz.hosting import Host
from cchatspec.fuzz.judge import state_of
from cchatspec.fuzz.line import Journal, Line, Setting
from cchatspec.fuzz.model import Model
from cchatspec.fuzz.room import room
from cchatspec.fuzz.script import Script
from cchatspec.fuzz.trace import Trace, Violation
from cchatspec.fuzz.users import Cast, Users

#: A reply may take so many round trips, and so many seconds at least and at most.
_ROUND_TRIPS = 50
_SHORTEST_S = 0.25
_LONGEST_S = 5.0

#: The pair is asked after so many scripts, and after each with a trick of delivery.
_PAIR_EVERY = 8

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

    Raises:
        TargetError: the target takes no registration, so nothing can be tried.
    """

    def __init__(self, target: Target, seed: int, connect: Connect = Link) -> None:
        self.target = target
        self._connect = connect
        self.users = Users(seed)
        self.executions = self.frames = self.answered = self.restarts = 0
        self.refused: Counter[str] = Counter()
        self._runs = 0
        self._since_pair = self._since_list = 0
        self._recent: deque[Script] = deque(maxlen=_PAIR_EVERY * 2)
        self._before: tuple[Script, str, str, str, int] | None = None
        self._hurries = False
        self._begin()

    # Starting

    def _begin(self) -> None:
        """Learn the target's round trip and register the resident, whose name fences ask for."""
        self.model = Model(self.users)
        self.setting = Setting(self.target.address, self.model, deadline=_LONGEST_S, connect=self._connect)
        self.setting.hurries = self._hurries
        self.model.room = lambda: room(self.setting)
        self._host = Host(self.setting, self.users)
        self._pair: Pair | None = None
        for _ in range(1000):
            resident = self.users.new()
            line = Line(self.setting, _REGISTRAR, Journal())
            began = monotonic()
            came = self._host.register(line, [resident])
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

    @property
    def hurries(self) -> bool:
        """Whether silence is believed early; for runs that others follow with patience."""
        return self._hurries

    @hurries.setter
    def hurries(self, hurries: bool) -> None:
        self._hurries = self.setting.hurries = hurries

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
        trace = Trace(script)
        journal = Journal(trace.events)
        model = self.model
        limits = model.limits
        model.begin()
        self._runs += 1
        cast = self._host.cast(script, self._runs)
        if cast is None:
            trace.refused.append("registration")
            talk = Conversation(self.setting, script, Cast(self.users, {}, self._runs), journal, self._probe)
            self._serves(trace, talk)
            return self._done(trace)
        talk = Conversation(self.setting, script, cast, journal, self._probe)
        talk.run()
        talk.close()
        trace.accounts = {user: (account.name, account.key) for user, account in cast.accounts.items()}
        trace.frames, trace.answered = talk.frames, model.answered
        trace.triples = list(model.triples)
        trace.delivered = talk.is_whole and not talk.refused
        trace.refused += talk.refused
        if not (talk.is_doubtful or model.violations) or self._serves(trace, talk):
            self._afterwards(trace, talk, cast, journal, thorough=thorough)
        if model.limits > limits:
            trace.refused.append("ERROR 06")
            trace.delivered = False
        self._host.pace(refused=model.limits > limits)
        self._done(trace, talk)
        return trace if thorough else self._attributed(trace)

    def _attributed(self, trace: Trace) -> Trace:
        """Where bystanders noticed something, the trace of the script that brings it about, if one by itself does."""
        self._recent.append(trace.script)
        noticed = {violation.outcome for violation in trace.violations if violation.state == "bystander"}
        if not noticed or any(violation.state != "bystander" for violation in trace.violations):
            return trace
        recent = list({id(script): script for script in reversed(self._recent)}.values())
        self._recent.clear()
        self.renew()
        for script in recent:
            again = self.run(script, thorough=True)
            if noticed & {violation.outcome for violation in again.violations}:
                return again
        return trace

    def _afterwards(self, trace: Trace, talk: Conversation, cast: Cast, journal: Journal, *, thorough: bool) -> None:
        """Collect what was queued, take the accounts back, and ask the bystanders."""
        model = self.model
        self._host.settle(cast, journal)
        self._since_pair += 1
        before = len(model.violations)
        is_time = thorough or talk.tricks or model.violations or self._since_pair >= _PAIR_EVERY
        # Where nobody is to be registered, a pair that has to be replaced stays away.
        if is_time and (self.users.grows or (self._pair is not None and self._pair.is_fit)):
            self._ask_pair(journal, thorough=thorough or talk.left_early)
        for line in talk.lines.values():
            model.forget(line.tracker)
        trace.violations = list(model.violations)
        if len(model.violations) > before:
            self._serves(trace, talk)

    def _done(self, trace: Trace, talk: Conversation | None = None) -> Trace:
        if talk is not None and talk.frames:
            self._before = (trace.script, *_place(talk))
        self.executions += trace.delivered
        self.frames += trace.frames
        self.answered += trace.answered
        self.refused.update(trace.refused)
        return trace

    def _serves(self, trace: Trace, talk: Conversation) -> bool:
        """Whether the target still lives, where there is reason to doubt it; if not, it is a crash, and it is started again."""
        launcher = self.target.launcher
        trace.violations = list(self.model.violations)
        # A process that is about to end may still accept, so only an answer shows that it lives.
        if not (launcher is not None and launcher.died) and self.alive():
            return True
        if launcher is not None and launcher.ends_within(_DYING_S):
            how = f"the process ended with {launcher.how_it_ended()}"
        elif not self.setting.accepts(*self.target.address):
            how = "nobody accepts connections any more"
        elif any(violation.kind == "hang" for violation in trace.violations):
            how = ""
        else:
            return True
        self._blame(trace, talk, how)
        trace.delivered = True
        if launcher is not None:
            trace.output = launcher.tail()
            self.restarts += 1
            self.renew()
        return False

    def _blame(self, trace: Trace, talk: Conversation, how: str) -> None:
        """Say what brought the target down, if it is not only standing still; the script before, if this one sent nothing."""
        if not how:
            return
        if not talk.frames and self._before is not None:
            trace.script, state, request, field, step = self._before
            trace.refused.clear()
        else:
            state, request, field, step = _place(talk)
        text = f"The target went down: {how}."
        kept = [violation for violation in trace.violations if violation.kind not in ("disconnect", "hang")]
        trace.violations = [Violation("crash", state, request, field, how, "ROBUST-ALIVE", text, step), *kept]

    # Whether it lives

    def alive(self) -> bool:
        """Whether a fresh connection is answered."""
        known = len(self.model.violations)
        line = Line(self.setting, _PROBE, Journal())
        line.fence()
        line.flush()
        answered = line.wait() and line.tracker.has_answered
        line.close()
        self.model.forget(line.tracker)
        # What the probe meets has shown elsewhere already, or will.
        del self.model.violations[known:]
        return answered

    def _probe(self) -> str:
        return "a fresh connection is answered" if self.alive() else "a fresh connection is not answered either"

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


def _place(talk: Conversation) -> tuple[str, str, str, int]:
    """State, request, field and step at which a script stood at last."""
    if talk.current is None:
        return "new", "(none)", "", -1
    tracker = talk.current.tracker
    mode, _ = tracker.guesses.where()
    request = tracker.suspect()
    if request is None:
        return state_of(mode), "(none)", "", -1
    return state_of(mode), request.name, request.place.field, request.place.step
