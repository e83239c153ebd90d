"""What is judged: an address, perhaps a process behind it, and what the harness has learned about it so far.

A target hands out names and connections, tells whether it still serves, and keeps the *foundations*: the steps that other cases
build on, each tried once, in order. When a foundation does not hold, everything above it is blocked by its clause.
"""

from __future__ import annotations

import secrets
import socket
import string
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from time import monotonic

from cchatspec.conformance.harness.expect import is_no_room
from cchatspec.conformance.harness.foundations import FOUNDATIONS, Parked, Veteran
from cchatspec.conformance.harness.launch import REFERENCE_COMMAND, Launcher
from cchatspec.conformance.harness.outcomes import (
    Blocked,
    Ending,
    NotApplicable,
    RateLimited,
    TargetError,
    TooSlow,
    unreadable,
)
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.reading import Deviation, Manners
from cchatspec.conformance.harness.wirelog import WireEntry, WireLog
from cchatspec.spec import AckStatus, IncomingMessage, Message, MessageAck, RegisterResponse, RegisterUser

#: How long a read may take before anything is known about the target, and the bounds of what is set afterwards, in seconds.
FIRST_DEADLINE_S = 4.0
SHORTEST_DEADLINE_S = 1.0
LONGEST_DEADLINE_S = 10.0
_ROUND_TRIPS = 200

#: From which share of the deadline on a round trip makes it doubtful, and how many deadlines such a round trip may take.
_DOUBTFUL = 0.2
_PATIENCE = 2

#: So many users a case may register before a limit on them is met.
_ROOM = 8

_NAME_CHARACTERS = frozenset(string.ascii_lowercase + string.digits)


@dataclass(frozen=True, slots=True)
class Foundation:
    """A step that other cases build on: what came and what is right, with the log of the attempt."""

    clause: str
    came: object
    expected: object
    log: tuple[WireEntry, ...]

    @property
    def holds(self) -> bool:
        """Whether the step worked."""
        return bool(self.came == self.expected)


@dataclass
class Target:
    """The implementation under test.

    Attributes:
        host, port: where it accepts connections.
        launcher: the process behind it, if the harness started it.
        deadline: how long one read may take, in seconds; adapted to the measured round trip.
        case, log: the case that runs, and what crosses the wire in it.
        ids: those of all messages that the target has taken, and how often each was acknowledged.
        challenges: all that registered users were given.
        first_time: the time that the first message carried that came, and when it came, in seconds of the monotonic clock.
        registered: how many users it has registered since it was started, as far as this run knows.
        user_limit: how many it registers, once it has refused one more.
        parked: messages that lie in the queue of a user since then.
        veteran: a session that was begun early, and that nobody uses until late.
        deviations: what broke a clause in any frame, with the case in which it was met.
        deaths: the cases after which the target no longer served, and how it ended.
    """

    host: str
    port: int
    launcher: Launcher | None = None
    deadline: float = FIRST_DEADLINE_S
    case: str = ""
    log: WireLog = field(default_factory=WireLog)
    deviations: list[tuple[str, Deviation]] = field(default_factory=list)
    deaths: list[tuple[str, str]] = field(default_factory=list)
    gone: str = ""
    manners: Manners = field(default_factory=Manners)
    _foundations: dict[str, Foundation] = field(default_factory=dict)
    _tag: str = field(default_factory=lambda: "".join(secrets.choice(string.ascii_lowercase) for _ in range(5)))
    _numbers: count[int] = field(default_factory=lambda: count(1))
    after_restart: object = None
    ids: Counter[int] = field(default_factory=Counter)
    challenges: list[bytes] = field(default_factory=list)
    first_time: tuple[int, float] | None = None
    registered: int = 0
    user_limit: int | None = None
    parked: Parked | None = None
    veteran: Veteran | None = None
    _forgets_users: bool = True
    _resident: Account | None = None
    _pacer: Peer | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port

    def note(self, deviation: Deviation) -> None:
        """Remember what breaks a clause in any frame."""
        self.deviations.append((self.case, deviation))

    def saw(self, message: Message) -> None:
        """Remember the ids of messages that were taken, the time of the first that came, and who is registered."""
        if isinstance(message, RegisterResponse):
            self.registered += message.success
        if isinstance(message, MessageAck) and message.status != AckStatus.FAILED:
            self.ids[message.message_id] += 1
        if isinstance(message, IncomingMessage) and self.first_time is None:
            self.first_time = message.timestamp, monotonic()

    def challenged(self, challenge: bytes) -> None:
        """Remember a challenge that a registered user was given."""
        self.challenges.append(challenge)

    def new_account(self, hint: str = "") -> Account:
        """An account with a fresh name of small letters and digits that carries the hint.

        It has at most 31 bytes, or fewer if the target does not take so many.
        """
        start = f"{self._tag}{next(self._numbers)}"
        tail = "".join(char for char in hint.lower() if char in _NAME_CHARACTERS)
        return Account((start + tail)[: self.manners.name_size].encode())

    # Foundations

    def foundation(self, clause: str) -> Foundation:
        """The attempt at a foundation, made once; those under it must hold.

        Raises:
            Blocked: one under it does not hold.
            TooSlow: it can't be told.
        """
        if clause not in self._foundations:
            step = FOUNDATIONS[clause]
            if step.needs is not None:
                self.require(step.needs)
            log = WireLog()
            came, expected = step.attempt(self, log)
            found = Foundation(clause, came, expected, tuple(log.entries))
            if not found.holds:
                self.check_pace(log)
            self._foundations[clause] = found
        return self._foundations[clause]

    def require(self, clause: str) -> None:
        """Go on only if a foundation and all under it hold.

        Raises:
            Blocked: it does not, by its clause or by that of a frame that cannot be read.
        """
        if self.gone:
            raise Blocked("ROBUST-ALIVE", self.gone)
        found = self.foundation(clause)
        if found.holds:
            return
        if (reply := unreadable(found.came)) is not None:
            raise Blocked(reply.clause, f"the target's frames cannot be read: {reply.reason}")
        raise Blocked(clause, FOUNDATIONS[clause].lack)

    @property
    def broken_foundations(self) -> list[Foundation]:
        """The foundations that were tried and do not hold."""
        return [found for found in self._foundations.values() if not found.holds]

    # Whether it lives

    def check_reachable(self) -> None:
        """Connect once.

        Raises:
            TargetError: nobody accepts connections there.
        """
        try:
            socket.create_connection(self.address, timeout=self.deadline).close()
        except socket.gaierror as problem:
            raise TargetError(f"cannot resolve '{self.host}': {problem.strerror}") from None
        except (OSError, OverflowError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            raise TargetError(
                f"cannot connect to {self.host}:{self.port}: {reason}. Is the server running there?"
            ) from None

    def allow(self, seconds: float) -> None:
        """Have reads wait at least so long from now on, within the bounds of deadlines: what is asked for takes its time."""
        self.deadline = max(self.deadline, min(seconds, LONGEST_DEADLINE_S))

    def check_pace(self, log: WireLog) -> None:
        """Find out whether the deadline that passed in a case can be held against the target.

        Raises:
            TooSlow: round trips take so long now, on any connection, that it can't. The deadline is longer from now on.
        """
        if not log.met_deadline or (round_trip := self._round_trip()) is None:
            return
        deadline = self.deadline
        if round_trip > _DOUBTFUL * deadline:
            self.deadline = max(deadline, _deadline_for(round_trip))
            raise TooSlow(deadline, round_trip)

    def _round_trip(self) -> float | None:
        """The shortest of three round trips, in seconds; None if there is none."""
        if self.gone or self._resident is None:
            return None
        took = []
        for _ in range(3):
            start = monotonic()
            try:
                peer = Peer(self, self._resident, WireLog())
                peer.send(RegisterUser(peer.name, peer.account.public_key))
                reply = peer.receive(_PATIENCE * self.deadline)
                peer.close()
            except (Blocked, RateLimited):
                return None
            took.append(monotonic() - start)
            if isinstance(reply, Ending) or took[-1] <= _DOUBTFUL * self.deadline:
                break
        return None if isinstance(reply, Ending) else min(took)

    def still_serves(self, log: WireLog) -> bool:
        """Whether a fresh connection gets an answer to a request that was answered before."""
        if self.gone or self._resident is None:
            return not self.gone
        try:
            peer = Peer(self, self._resident, log, "does it still serve?")
        except Blocked:
            return False
        try:
            return not isinstance(peer.register(), Ending)
        except RateLimited:
            return True
        finally:
            peer.close()

    def pace(self) -> bool:
        """Let the target read what was sent so far: wait for answers on another connection, and tell whether they came."""
        if self.gone or self._resident is None:
            return False
        return self._pacer_answers() or self._pacer_answers()

    def _pacer_answers(self) -> bool:
        """Whether the connection that only waits is answered; if not, there will be another one."""
        assert self._resident is not None
        try:
            self._pacer = self._pacer or Peer(self, self._resident, WireLog(), "pacer")
            self._pacer.is_paced = False
            # While the second is answered, also a target with a thread for each connection has had its time.
            is_answered = not any(isinstance(self._pacer.register(), Ending) for _ in range(2))
        except (Blocked, RateLimited):
            is_answered = False
        if not is_answered and self._pacer is not None:
            self._pacer.close()
            self._pacer = None
        return is_answered

    def bury(self, case: str) -> str:
        """Say how the target ended after a case, and start it again if it was launched."""
        how = (
            f"the process ended with {self.launcher.how_it_ended()}"
            if self.launcher and self.launcher.died
            else "it no longer answers"
        )
        self.deaths.append((case, how))
        self.ids.clear()  # one that keeps nothing begins anew
        if self.launcher is None:
            self.gone = f"the target no longer serves since {case}: {how}"
            return how
        try:
            self.launcher.restart()
        except TargetError as problem:
            self.gone = f"the target could not be started again after {case}: {problem}"
            return how
        self._move_in()
        return f"{how}, and was started again"

    def restart(self, *, afresh: bool = False) -> None:
        """Restart the process behind the target, as an operator would; `afresh` without what is in its own folder.

        Raises:
            NotApplicable: the suite did not start it.
            Blocked: it cannot be started again.
        """
        if self.launcher is None:
            raise NotApplicable("the suite did not start the target, so it cannot restart it")
        try:
            self.launcher.restart(died=False, afresh=afresh)
        except TargetError as problem:
            self.gone = f"the target could not be started again: {problem}"
            raise Blocked("ROBUST-ALIVE", self.gone) from None
        self._move_in()

    # A limit on users (open point user-limit)

    def is_full(self, log: WireLog) -> bool:
        """Whether nobody more is registered, though many were."""
        if self.gone or self._resident is None:
            return False
        try:
            peer = Peer(self, self.new_account(), log, "is there room?")
            reply = peer.register()
            peer.close()
        except (Blocked, RateLimited):
            return False
        if not is_no_room(reply):
            return False
        self.user_limit = self.user_limit or self.registered
        return True

    def make_room(self) -> None:
        """Start a launched target again, without what it has kept, before its limit on users is met.

        That is tried once if it makes no room, and not done where cases ask what the target has kept.
        """
        if self.launcher is None or self.user_limit is None or not self._forgets_users or self.after_restart:
            return
        if self.registered + _ROOM > self.user_limit:
            self.restart(afresh=True)
            self.ids.clear()
            self._forgets_users = not self.is_full(WireLog())

    def _move_in(self) -> None:
        """Register the account by which `still_serves` asks, which a restarted target may have forgotten."""
        self.parked = None
        self.registered = 0
        if self._resident is not None:
            peer = Peer(self, self._resident, WireLog())
            peer.register()
            peer.close()

    def settle(self, resident: Account, round_trip: float) -> None:
        """Take this registered account to ask with, and a deadline from how long its registration took, in seconds."""
        self._resident = resident
        self.deadline = _deadline_for(round_trip)


def _deadline_for(round_trip: float) -> float:
    return min(max(_ROUND_TRIPS * round_trip, SHORTEST_DEADLINE_S), LONGEST_DEADLINE_S)


def open_target(address: str | None, launch: str | None) -> Target:
    """The target that a user named: an address, a command, or with neither the reference server.

    Raises:
        TargetError: it can't be understood, started or reached.
    """
    if address is not None:
        host, port = parse_address(address)
        target = Target(host, port)
        target.check_reachable()
        return target
    launcher = Launcher(launch if launch is not None else REFERENCE_COMMAND)
    launcher.start()
    return Target(launcher.host, launcher.port, launcher)


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[IPV6]:PORT`.

    Raises:
        TargetError: it is neither.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise TargetError(f"expected HOST:PORT such as 127.0.0.1:4000, found '{text}'")
    return host, int(port)
