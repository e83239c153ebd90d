"""The model of the target: what all connections together show, and what of it no right server could do.

It takes events (bytes that were sent, frames that came, endings) and gives violations. It knows no socket, and no clock but the
two that it is given, so it can be tested with made-up events. Each connection is followed by a `Tracker`; what they know in
common is the `World` of users and the `Letters` between them. The words of a violation are made in `wording`.
"""

from __future__ import annotations

import time as clocks
from collections import Counter, deque
from collections.abc import Callable
from functools import lru_cache

from cchatspec.conformance.harness.outcomes import Ending
from cchatspec.conformance.harness.reading import Deviation
from cchatspec.fuzz import wording
from cchatspec.fuzz.guesses import Step
from cchatspec.fuzz.judge import state_of
from cchatspec.fuzz.letters import Letter, Letters
from cchatspec.fuzz.requests import LOGIN, SURE_SIZE, Place, Request
from cchatspec.fuzz.shapes import shape
from cchatspec.fuzz.trace import Book, Violation
from cchatspec.fuzz.tracker import Tracker
from cchatspec.fuzz.users import Users
from cchatspec.fuzz.world import Person, World
from cchatspec.spec import (
    Error,
    Frame,
    IncomingMessage,
    LoginResponse,
    LoginUser,
    MalformedPayload,
    Message,
    MessageAck,
    RegisterResponse,
    StatusUpdate,
    UnknownType,
    UserListResponse,
    parse,
)

#: Replies up to this many bytes are read once, since the same ones come again and again.
_SHORT = 64

_parsed = lru_cache(maxsize=4096)(parse)

#: The numbers of the connections of the bystanders.
BYSTANDERS = (-1, -2)

#: A target may take so many seconds to notice that a connection has ended, and count it until then.
_NOTICE_S = 0.3


class Model:
    """All that is known of one target since it was started.

    Attributes:
        sure_size: every payload up to this many bytes is within the target's limits.
        frame_size: it has read a frame with so many bytes of payload, answered it, and gone on.
        time, date: a clock in seconds that never goes back, and the time in Unix seconds.
        room: finds out how many connections more the target takes now; None for as many as anybody needs.
    """

    def __init__(
        self, users: Users, time: Callable[[], float] = clocks.monotonic, date: Callable[[], float] = clocks.time
    ) -> None:
        self.users = users
        self.time, self.date = time, date
        self.world = World()
        self.letters = Letters()
        self.sure_size = self.frame_size = SURE_SIZE
        self.trackers: dict[int, Tracker] = {}
        #: Who was shown to be gone since this was last cleared, and the event at which we had closed the connection.
        self.gone: dict[bytes, int] = {}
        self.room: Callable[[], int | None] = lambda: None
        self._most: int | None = None
        self._is_measured = False
        self._forgotten: deque[float] = deque(maxlen=1000)
        self._serial = 0

    def begin(self) -> None:
        """A run begins, or several that go on at the same time."""
        self.users.signatures.clear()

    def connected(self, number: int, book: Book | None = None) -> Tracker:
        """A connection was opened; `number` is the script's, and `book` that of its run."""
        self._serial += 1
        tracker = self.trackers[self._serial] = Tracker(self, self._serial, number, book or Book())
        return tracker

    def forget(self, tracker: Tracker) -> None:
        """Forget a connection that has ended."""
        if self.trackers.pop(tracker.serial, None) is not None:
            self._forgotten.append(self.time())

    @property
    def is_full(self) -> bool:
        """Whether the target may have as many connections as it takes. Open point connection-limit.

        That it has a limit is found out when this is first asked.
        """
        crowd = self._crowd()
        if not self._is_measured:
            self._is_measured = True  # also while it is measured, so that nobody asks again
            room = self.room()
            # Of those that are open to us, some may have been turned away, which we have not read yet.
            served = sum(1 for tracker in self.trackers.values() if tracker.has_answered and not tracker.ended)
            self._most = None if room is None else served + room
        return self._most is not None and crowd >= self._most

    def _crowd(self) -> int:
        """How many connections the target may count now."""
        since = self.time() - _NOTICE_S
        lately = sum(1 for time in self._forgotten if time >= since)
        return lately + sum(1 for tracker in self.trackers.values() if not tracker.ended)

    def was_read_after(self, serial: int, event: int) -> bool:
        """Whether a request on a connection was answered that was sent after an event."""
        tracker = self.trackers.get(serial)
        return tracker is not None and tracker.answered_sent_at > event

    # What comes

    def came(self, tracker: Tracker, frame: Frame) -> Message | None:
        """Take a frame that came on a connection, and give back what it is, None if nobody can read it."""
        message = self._read(tracker, frame)
        if message is None:
            return None
        kind = type(message)
        if kind is IncomingMessage:
            assert isinstance(message, IncomingMessage)
            tracker.heard()
            if not tracker.claims and tracker.is_followed:
                self.report_unasked(tracker, message)
            else:
                self.letters.came(tracker, message)
        elif kind is StatusUpdate:
            assert isinstance(message, StatusUpdate)
            tracker.heard()
            self._updated(tracker, message)
        else:
            tracker.came(message)
        return message

    def _read(self, tracker: Tracker, frame: Frame) -> Message | None:
        try:
            if frame.type & 0x80:
                message = _parsed(frame.type, frame.payload) if len(frame.payload) <= _SHORT else parse(*frame)
                code = _error_code(message)
                if code is None or 1 <= code <= 8:
                    return message
                self._report(tracker, wording.undefined_code(message, code))
            else:
                self._report(tracker, wording.not_of_a_server(frame))
        except UnknownType:
            self._report(tracker, wording.not_of_a_server(frame))
        except MalformedPayload as problem:
            self._report(tracker, wording.unreadable(frame, problem))
        tracker.give_up()
        return None

    def unframed(self, tracker: Tracker, data: bytes) -> None:
        """Bytes came that no frame can begin with."""
        self._report(tracker, wording.unframed(data))
        tracker.give_up()

    def flooded(self, tracker: Tracker, flood: Deviation) -> None:
        """So much came that the connection was closed."""
        self._report(tracker, wording.flooded(flood))
        tracker.give_up()
        tracker.closed_by_us()

    def ended(self, tracker: Tracker, how: Ending, half_a_frame: bytes = b"") -> None:
        """The target has ended a connection."""
        if half_a_frame and tracker.is_followed and not tracker.was_stalled:
            self._report(tracker, wording.ended_in_a_frame(half_a_frame))
            tracker.give_up()
        tracker.ended_by_target(is_reset=how is Ending.RST)

    def _updated(self, tracker: Tracker, update: StatusUpdate) -> None:
        if not tracker.claims and tracker.is_followed:
            self._report(tracker, wording.told_a_stranger(update))
            return
        tracker.told[update.username] = update.new_status
        person = self.world.person(update.username)
        if update.new_status in person.shown and person.may_be_registered:
            return
        people = list(self.world.variants(update.username))
        if not any(person.may_be_registered for person in people):
            self._report(tracker, wording.told_of_nobody(update))
        elif all(
            person.account and update.new_status not in person.shown for person in people if person.may_be_registered
        ):
            self._report(tracker, wording.told_wrong(update))

    # What trackers tell

    def was_read(self, tracker: Tracker, request: Request) -> None:
        """The target has dealt with a request, by its reply or by one to a later request."""
        # What came behind a large frame is answered, so the target has read it and goes on.
        if tracker.largest > self.frame_size:
            self.frame_size = tracker.largest
        if request.size > tracker.largest:
            tracker.largest = request.size
        if request.place.step >= 0 and not request.place.fence:
            tracker.book.answered += 1

    def dealt_with(self, tracker: Tracker, step: Step) -> None:
        """A request had its reply, or surely has none."""
        request, reply = step.request, step.reply
        if request.place.step >= 0 and not request.place.fence:
            tracker.book.triples.append((state_of(step.before), request.name, shape(reply)))
        if isinstance(reply, UserListResponse):
            self._listed(tracker, request, reply)
        elif isinstance(reply, MessageAck) and reply.status and request.size > self.sure_size:
            self.sure_size = request.size

    def _listed(self, tracker: Tracker, request: Request, reply: UserListResponse) -> None:
        users = reply.users
        found = {user.username: user.status for user in users}
        if len(found) == len(users):
            self.check_list(tracker, request, found)
        else:
            (twice, _), *_ = Counter(user.username for user in users).most_common(1)
            self._report(tracker, wording.listed_twice(twice), request)

    def check_list(self, tracker: Tracker, request: Request, found: dict[bytes, int]) -> None:
        """Judge who is listed, and with what status, by what was surely so before the list was asked for."""
        for person in list(self.world.people()):
            status = found.get(person.name)
            if status == 0 and person.registered and not person.sessions:
                continue  # as most are, and as everybody may have been
            if status is None:
                if person.registered and person.since <= request.sent_at and len(found) < 0xFFFF:
                    self._report(tracker, wording.not_listed(person.name), request)
                    return
            elif not person.may_be_registered and not self.world.may_be_taken(person.name):
                self._report(tracker, wording.listed_nobody(person.name), request)
                return
            elif status == 0 and person.is_gone and not person.hides:
                self._notice(person, request)
            elif status > 2 or (person.account and status not in person.shown):
                self._report(tracker, wording.listed_wrong(person.name, status), request)
                return

    def _notice(self, person: Person, request: Request) -> None:
        """The target shows that it knows of the end of somebody's connections."""
        for session in list(person.sessions.values()):
            if session.closed_at <= request.sent_at:
                session.forget_sessions()
                if person.name in session.entered:
                    self.gone[person.name] = session.closed_at

    def lingering(self) -> list[Person]:
        """Everybody whose connections we have closed, and of whom the target has not shown that it knows."""
        return [person for person in self.world.accounts() if person.is_gone and not person.hides]

    def challenged(self, tracker: Tracker, challenge: bytes) -> None:
        """A challenge came."""
        if tracker.book.on_challenge is not None:
            tracker.book.on_challenge(tracker.number, challenge)

    # Violations

    def _report(self, tracker: Tracker, words: wording.Words, request: Request | None = None) -> None:
        mode, about = tracker.guesses.where()
        request = request or about
        state = "bystander" if tracker.number in BYSTANDERS else state_of(mode)
        tracker.book.violations.append(_violation(words, state, request))

    def report_reply(self, tracker: Tracker, reply: Message) -> None:
        """A reply came that answers nothing."""
        mode, request = tracker.guesses.where()
        self._report(tracker, wording.wrong_reply(request, mode, reply, tracker), request)
        if isinstance(reply, LoginResponse) and reply.success and request and isinstance(request.message, LoginUser):
            # What the target makes of that is true to it, and no second fault.
            tracker.may_enter(request.message.username)

    def report_unasked(self, tracker: Tracker, message: IncomingMessage) -> None:
        """A message was given to a connection that nobody is logged in on."""
        self._report(tracker, wording.given_to_a_stranger(message))

    def report_ending(self, tracker: Tracker, *, is_reset: bool) -> None:
        """The target has ended a connection for no reason that it could have."""
        self._report(tracker, wording.ended(tracker, is_reset=is_reset))

    def report_silence(self, tracker: Tracker, alive: str) -> None:
        """A request has no reply, or a connection no end; `alive` says what else still lives."""
        self._report(tracker, wording.silent(tracker, alive))
        tracker.give_up()

    def report_challenge(self, tracker: Tracker, challenge: bytes) -> None:
        """A challenge came again."""
        self._report(tracker, wording.challenge_again(challenge), tracker.request_of(LOGIN))

    def report_unknown_body(self, tracker: Tracker, message: IncomingMessage, altered: Letter | None) -> None:
        """A message came that nobody sent."""
        request = altered.request if altered else None
        self._report(tracker, wording.unknown_body(message, altered), request)

    def report_lost(self, letter: Letter) -> None:
        """A message did not come where it must have come by now."""
        self._report(letter.owed or letter.sender, wording.lost(letter), letter.request)

    def report_lingering(self, tracker: Tracker, person: Person) -> None:
        """Somebody is still shown as being there whose connections have ended."""
        self._report(tracker, wording.still_there(person.name))

    def report_untold(self, tracker: Tracker, name: bytes) -> None:
        """Somebody who is logged in was not told that somebody has gone."""
        self._report(tracker, wording.not_told(name))

    def report_order(self, tracker: Tracker) -> None:
        """Find out whether messages came here in another order than they were sent in.

        Where nobody read for a while, some may have been put into the queue, and come behind others.
        """
        letter = self.letters.overtaken(tracker)
        if letter is not None and not tracker.was_stalled:
            self.report_letter(tracker, letter, wording.overtaken(letter))

    def report_letter(self, tracker: Tracker, letter: Letter, words: wording.Words) -> None:
        """Something is wrong with a message."""
        self._report(tracker, words, letter.request)


def _error_code(message: Message) -> int | None:
    """The code of a reply that may have one."""
    if isinstance(message, Error):
        return message.error_code
    return message.error_code if isinstance(message, RegisterResponse) else None


def _violation(words: wording.Words, state: str, request: Request | None) -> Violation:
    place = request.place if request else Place(-1)
    return Violation(
        kind=words.kind,
        state=state,
        request=request.name if request else "(none)",
        field=place.field,
        outcome=words.outcome,
        clause=words.clause,
        text=words.text,
        step=place.step,
    )
