"""Follows one connection: what we sent, what came, who may be logged in on it, and whether all of that can be.

Which reply answers what is worked out by `Guesses`. A reply that no guess can explain is a violation; after one, the connection
is no longer followed, so that one fault is told once. Facts about the world are taken from a reply only if all guesses agree on
what it answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cchatspec.fuzz.endings import PATIENCE_S, may_be_terminated, may_end
from cchatspec.fuzz.guesses import Guesses, Path, Step
from cchatspec.fuzz.judge import FAILED, LIMITED, STANDS, TERMINATED, is_surely_answered
from cchatspec.fuzz.requests import LOGIN, LOGOUT, OUTSIDE, POLL, Form, Place, Request, Stream
from cchatspec.spec import (
    Error,
    GetPublicKey,
    LoginResponse,
    LoginUser,
    Message,
    MessageAck,
    RegisterResponse,
    RegisterUser,
    SendMessage,
    SetStatus,
)

if TYPE_CHECKING:
    from cchatspec.fuzz.letters import Letter
    from cchatspec.fuzz.model import Model
    from cchatspec.fuzz.trace import Book
    from cchatspec.fuzz.world import World

#: More guesses than this, and more ways that lead to them, are not followed.
_MOST_GUESSES, _MOST_PATHS = 64, 1000


class Tracker:
    """One connection, as a right server may see it.

    Attributes:
        serial: tells the connections of a campaign apart.
        number: the script's number of the connection.
        book: what is written down about the run that it belongs to.
        challenges: the challenges that came on this connection.
        is_followed: whether replies can still be attributed.
        guesses: what every reply may have answered, and the states that the connection may be in.
        said_error: the last frame that came is an ERROR.
        has_answered: a frame has come.
        ended: the target has ended it; `closed`: we have.
        entered: everybody who surely was logged in here at some time.
        arrivals: the messages that came here; `told`: the last status of each user in a STATUS_UPDATE.
        largest: the size of the largest request that was answered.
        logged_in_at: the event at which the user was known to be logged in.
        proof_sent_at: the event at which the proof was sent that did it.
        polled_at: the event at which the last GET_MESSAGES was sent that was dealt with in this session; 0 for none.
        sent_time: when bytes were last sent, by the model's clock.
        paused_at: the event of what was sent after a pause in which a target may have run out of patience.
        answered_sent_at: the event at which the last request was sent that has a reply.
        is_stalled: nobody reads from it; `was_stalled`: nobody did for a while.
    """

    def __init__(self, model: Model, serial: int, number: int, book: Book) -> None:
        self.model = model
        self.world: World = model.world
        self.serial, self.number, self.book = serial, number, book
        self.stream = Stream()
        self.challenges: list[bytes] = []
        self.is_followed = True
        self.said_error = False
        self.has_answered = False
        self.is_half_closed = False
        self.ended = self.closed = False
        self.closed_at = 0
        self.is_stalled = self.was_stalled = False
        self.answered_sent_at = 0
        self.largest = 0
        self.entered: set[bytes] = set()
        self.arrivals: list[Letter] = []
        self.told: dict[bytes, int] = {}
        self.logged_in_at = self.proof_sent_at = 0
        self.polled_at = 0
        self.sent_time, self.paused_at = model.time(), 0
        self.guesses = Guesses(self)
        self._users: frozenset[bytes] = frozenset()
        self._claims: set[bytes] = set()

    @property
    def sure_size(self) -> int:
        """Every payload up to this many bytes is surely within the target's limits."""
        return self.model.sure_size

    # What is known

    @property
    def users(self) -> frozenset[bytes]:
        """Everybody who may be logged in here, nobody left out."""
        return self._users

    @property
    def is_login_open(self) -> bool:
        """Whether a proof was sent that the target may still have to read."""
        return self.logged_in_at == 0 or self.guesses.logins > 0

    def suspect(self) -> Request | None:
        """What may have brought the target down: the first open request that is wrong, half a frame, or what was sent last."""
        wrong = next((request for request in self.guesses.pending if request.form is not Form.RIGHT), None)
        return wrong or self.stream.half or self.guesses.where()[1]

    def request_of(self, kind: int) -> Request | None:
        """The first open request of a kind, or the last that was dealt with."""
        return next((request for request in self.guesses.pending if request.kind == kind), self.guesses.last)

    def heard(self) -> None:
        """Something came that is no reply."""
        self.said_error = False
        self.has_answered = True

    @property
    def claims(self) -> frozenset[bytes]:
        """Everybody who may be logged in here by now, those whose proof is under way among them."""
        return frozenset(self._claims)

    def is_surely(self, name: bytes) -> bool:
        """Whether this user is logged in here, and nothing that is under way can end that."""
        if not self.is_followed or self.ended or self.closed or self.is_half_closed or self.is_stalled:
            return False
        if self.said_error or self.stream.is_lost or self.stream.has_large_open:
            return False
        if any(mode.user != name or mode.over for mode in self.guesses.modes):
            return False
        return not self.guesses.risky

    def surely_asks_as(self, name: bytes) -> bool:
        """Whether what is sent now is answered as a request of this user, if it is answered."""
        guesses = self.guesses
        if not self.is_followed or self.is_half_closed or guesses.switching:
            return False
        return all(mode.user == name and not mode.over for mode in guesses.modes)

    def proved(self, message: LoginUser) -> Iterator[bytes]:
        """Everybody whom this proof may log in: by their own key, over a challenge of this connection; or by a weak key."""
        made = self.model.users.signatures.get(message.signature)
        if not self.challenges or (made is not None and made[1] not in self.challenges):
            return
        names = {message.username} | {mode.asked for mode in self.guesses.modes if mode.hand == STANDS}
        for name in names:
            if self.world.may_have_weak_key(name) if made is None else self.world.may_have_key(name, made[0]):
                yield name

    def is_proof(self, message: LoginUser, challenge: bytes) -> bool:
        """Whether every server has to take this proof."""
        made = self.model.users.signatures.get(message.signature)
        person = self.world.person(message.username)
        return made is not None and made[1] == challenge and person.keys == {made[0]} and not person.pending

    def is_push_sure(self, request: Request, message: SendMessage) -> bool:
        """Whether the recipient is surely logged in, reads, and has nothing queued that must come first."""
        if request.form is not Form.RIGHT or not message.encrypted_message or request.size > self.sure_size:
            return False
        session = self.world.sole_session(message.recipient)
        if session is None or not 0 < session.logged_in_at <= request.sent_at:
            return False
        person = self.world.person(message.recipient)
        return 0 not in person.status and not self.model.letters.is_waiting(person.name, request.sent_at)

    # What we send

    def sent(self, data: bytes, place: Place = OUTSIDE) -> None:
        """Take bytes that are sent, all of one place."""
        now, time = self.world.tick(), self.model.time()
        if time - self.sent_time > PATIENCE_S:
            self.paused_at = now
        self.sent_time = time
        for request in self.stream.feed(data, place):
            request.sent_at = now
            request.is_risky = (
                request.form is not Form.RIGHT or request.kind in (LOGIN, LOGOUT) or request.size > self.sure_size
            )
            if request.message is not None:
                self._expect(request)
            self.guesses.add(request)

    def _expect(self, request: Request) -> None:
        """Allow for what the request may do from now on."""
        message = request.message
        if type(message) is GetPublicKey:
            return
        if isinstance(message, RegisterUser):
            self.world.register_sent(request, message.username, message.public_key)
        elif isinstance(message, LoginUser):
            for name in self.proved(message):
                request.may_switch = True
                self.may_enter(name)
        elif request.kind == LOGOUT:
            request.may_switch = True
        elif isinstance(message, SendMessage):
            self.model.letters.post(self, request, message)
        elif isinstance(message, SetStatus):
            for name in self._claims:
                person = self.world.person(name)
                person.may_have_status(message.status)
                person.hides = person.hides or message.status == 0

    def may_enter(self, name: bytes) -> None:
        """This user may be logged in here from now on."""
        for person in self.world.variants(name):
            if person.may_be_registered:
                person.sessions[self.serial] = self
                person.may_have_status(1)
                self._claims.add(person.name)

    # What comes

    def came(self, message: Message) -> None:
        """Take a frame that came and is no STATUS_UPDATE and no INCOMING_MESSAGE."""
        self.said_error = type(message) is Error
        is_first, self.has_answered = not self.has_answered, True
        if not self.is_followed:
            return
        if type(message) is Error:
            self.book.failures += message.error_code == FAILED
            if message.error_code == LIMITED:
                self._limit()
                return
        step = self.guesses.plain(message)
        if step is not None:
            self.world.clock += 1
            self._dealt_with(step)
            if step.after.user != step.before.user or len(self._claims) != (step.after.user is not None):
                self._update_users()
            return
        paths = self.guesses.paths(message)
        if not paths:
            self._unexplained(message, is_first=is_first)
        elif len(paths) > _MOST_PATHS or len({path.guess for path in paths}) > _MOST_GUESSES:
            self.give_up()
        else:
            self._advance(paths)

    def _unexplained(self, message: Message, *, is_first: bool) -> None:
        """A reply answers none of the requests: the target may end the connection, or is wrong."""
        if isinstance(message, Error) and message.error_code == TERMINATED and may_be_terminated(self):
            self.guesses.end()
            return
        is_lost = self.stream.is_lost or self.stream.has_large_open
        # FRAME-OVERSIZE, open points oversize, connection-limit
        if type(message) is not Error or not (is_lost or (is_first and self.model.is_full)):
            self.model.report_reply(self, message)
        self.give_up()

    def _advance(self, paths: list[Path]) -> None:
        self.world.clock += 1
        if len(paths) == 1:
            for step in paths[0].steps:
                self._dealt_with(step)
        else:
            self._agree(paths)
        self.guesses.take(paths)
        self._update_users()

    def _agree(self, paths: list[Path]) -> None:
        """Take as facts what all paths have in common; what they differ about stays possible."""
        common = set(paths[0].steps).intersection(*(path.steps for path in paths[1:]))
        for step in paths[0].steps:
            if step in common:
                self._dealt_with(step)
        for step in {step for path in paths for step in path.steps} - common:
            self._unresolved(step.request)
            if step.after.challenge:
                self._challenged(step.after.challenge)

    def _dealt_with(self, step: Step) -> None:
        """A request had its effect, or surely none."""
        request, reply, before, after = step.request, step.reply, step.before, step.after
        message = request.message
        if reply is not None:
            self.answered_sent_at = request.sent_at
        self.model.dealt_with(self, step)
        if type(message) is GetPublicKey:
            return
        if isinstance(message, RegisterUser):
            code = 0 if isinstance(reply, RegisterResponse) and reply.success else 1
            self.world.register_answered(request, message.username, message.public_key, code)
        elif isinstance(message, SendMessage):
            ack = reply if isinstance(reply, MessageAck) else None
            self.model.letters.answered(self, request, before.user, ack)
        elif request.kind == LOGIN and isinstance(reply, LoginResponse) and reply.success:
            if after.challenge and after.challenge != before.challenge:
                self._challenged(after.challenge, is_sure=True)
            elif after.user is not None:
                self._entered(after.user, request)
        elif request.kind == POLL and reply is None:
            self.polled_at = request.sent_at
        elif isinstance(message, SetStatus) and reply is None and before.user is not None:
            self._changed(before.user, message.status, request, is_sure=request.form is Form.RIGHT)

    def _entered(self, name: bytes, request: Request) -> None:
        person = self.world.person(name)
        self.entered.add(name)
        self.logged_in_at, self.proof_sent_at, self.polled_at = self.world.clock, request.sent_at, 0
        if len(person.sessions) == 1:
            person.hides = False
        self._changed(name, 1, request, is_sure=len(person.sessions) == 1)

    def _changed(self, name: bytes, status: int, request: Request, *, is_sure: bool) -> None:
        """A request has changed a user's status; what was sent behind it may have changed it again."""
        person = self.world.person(name)
        person.set_status(status, is_sure=is_sure)
        for later in self.guesses.behind(request):
            if isinstance(later.message, SetStatus):
                person.may_have_status(later.message.status)
                person.hides = person.hides or later.message.status == 0

    def _challenged(self, challenge: bytes, *, is_sure: bool = False) -> None:
        if is_sure and challenge in self.world.challenges:
            self.model.report_challenge(self, challenge)
        self.world.challenges.add(challenge)
        if challenge not in self.challenges[-1:]:
            self.challenges.append(challenge)
            self.model.challenged(self, challenge)

    def _unresolved(self, request: Request) -> None:
        """Nobody will know what became of a request."""
        message = request.message
        if isinstance(message, RegisterUser):
            self.world.register_lost(request, message.username, message.public_key)
        elif isinstance(message, SendMessage):
            self.model.letters.lost_track(request)

    def _update_users(self) -> None:
        users = frozenset([mode.user for mode in self.guesses.modes if mode.user is not None])
        if users == self._users and len(self._claims) == len(users):
            return
        may_be = set(users)
        for request in self.guesses.pending:
            if isinstance(request.message, LoginUser):
                may_be.update(self.proved(request.message))
        folded = {name.lower() for name in may_be}
        for name in [name for name in self._claims if name.lower() not in folded]:
            self._leave(name)
        for name in users - self._users:
            self.may_enter(name)
        self._users = users

    def _leave(self, name: bytes) -> None:
        self._claims.discard(name)
        person = self.world.person(name)
        if person.sessions.pop(self.serial, None) is not None:
            person.left_at = self.world.tick()
            person.set_status(0, is_sure=not person.sessions)

    # How it ends

    @property
    def is_settled(self) -> bool:
        """Whether every request that must have a reply may have had it."""
        return not self.is_followed or self.guesses.is_settled

    @property
    def is_surely_answered(self) -> bool:
        """Whether the last request has a reply that is certain, whatever comes of those in front of it."""
        pending = self.guesses.pending
        return bool(pending) and self.stream.is_in_step and is_surely_answered(pending[-1])

    @property
    def is_quiet(self) -> bool:
        """Whether the last request was answered, and no other is open."""
        return not self.guesses.pending and self.stream.is_in_step

    @property
    def must_end(self) -> bool:
        """Whether the target has to end the connection, now that all has been read that we have sent. LOGOUT-CLOSE."""
        return self.is_followed and self.guesses.must_end

    def closed_by_us(self) -> None:
        """We have closed the connection; whoever was logged in stays so until the target notices."""
        self.closed = True
        self.closed_at = self.world.tick()
        self._abandon()
        for name in self._claims:
            self.world.person(name).may_have_status(0)
            self.model.letters.unread(name)

    def half_closed(self) -> None:
        """We have shut down our sending side."""
        self.is_half_closed = True

    def ended_by_target(self, *, is_reset: bool) -> None:
        """The target has ended the connection."""
        if self.ended:
            return
        self.ended = True
        if self.is_followed and not may_end(self, is_reset=is_reset):
            self.model.report_ending(self, is_reset=is_reset)
        self.world.tick()
        self._abandon()
        for name in list(self._claims):
            self._leave(name)
            if is_reset:
                self.model.letters.unread(name)

    def _abandon(self) -> None:
        for request in self.guesses.pending:
            self._unresolved(request)

    def forget_sessions(self) -> None:
        """The target has noticed that we have closed the connection."""
        for name in list(self._claims):
            self._leave(name)

    def give_up(self) -> None:
        """Follow the connection no further: anything may come, and anything may have happened."""
        self.is_followed = False
        self._abandon()

    def _limit(self) -> None:
        """ERROR 06: any request since the last reply may have been refused, and the next ones too."""
        self.book.limits += 1
        self.give_up()
