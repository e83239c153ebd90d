"""What was sent to whom, and what became of it: the oracle for messages.

Bodies begin with a mark that no other has, so a message that comes tells by itself which one it is. Short bodies and bodies that
were sent more than once are told apart by the recipient and the id, as far as that goes; what cannot be told apart is not judged.
A letter stays known until its recipient takes part in no more scripts, so that one that comes late is no surprise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from cchatspec.fuzz import wording
from cchatspec.fuzz.requests import Request
from cchatspec.fuzz.users import MARK_SIZE
from cchatspec.spec import IncomingMessage, MessageAck, SendMessage

if TYPE_CHECKING:
    from cchatspec.fuzz.tracker import Tracker

#: So many seconds may lie between our clock and a target's.
CLOCK_SKEW_S: Final = 300

#: So much may be on its way to somebody who reads, in bytes and messages, before a server may hold back more.
_EASY_BYTES: Final = 16_384
_EASY_MESSAGES: Final = 32

#: Ids are remembered for so many messages.
_IDS_KEPT: Final = 100_000


@dataclass(eq=False, slots=True)
class Letter:
    """One message.

    Attributes:
        sender: the connection that it was sent on, and `senders`: who may have been logged in there.
        id: the id by which it was acknowledged or came first.
        status: the acknowledgement's, -1 for a refusal, None for none yet; `lost_track` if there will be none.
        came: the connections that it came on, and the event of each.
        number: counts all messages in the order in which they were sent.
        owed: where it must come, or has come.
        may_be_lost: it may have been given to a connection that ended before we had read everything.
        is_forgotten: its recipient takes part in no more scripts.
    """

    sender: Tracker
    request: Request
    recipient: bytes
    mark: bytes
    size: int
    sent_s: float
    senders: frozenset[bytes]
    key: bytes
    is_sole: bool = True
    id: int | None = None
    status: int | None = None
    lost_track: bool = False
    acked_at: int = 0
    came: dict[int, int] = field(default_factory=dict)
    owed: Tracker | None = None
    may_be_lost: bool = False
    is_forgotten: bool = False
    number: int = 0

    def has_come_by(self, event: int) -> bool:
        """Whether it had come at an event."""
        return bool(self.came) and min(self.came.values()) <= event


def fingerprint(body: bytes) -> bytes:
    """What a body is known by."""
    return body if len(body) <= 64 else blake2b(body, digest_size=24).digest()


class Letters:
    """All messages whose coming is not ruled out."""

    def __init__(self) -> None:
        self._by_body: dict[bytes, list[Letter]] = {}
        self._by_mark: dict[bytes, Letter] = {}
        self._by_request: dict[int, Letter] = {}
        self._to: dict[bytes, list[Letter]] = {}
        self._owed: list[Letter] = []
        self._ids: dict[int, Letter | None] = {}
        self._posted = 0

    # What was sent

    def post(self, tracker: Tracker, request: Request, message: SendMessage) -> None:
        """A message is on its way to the target."""
        body = message.encrypted_message
        key = fingerprint(body)
        senders = tracker.claims
        letter = Letter(
            tracker, request, message.recipient, body[:MARK_SIZE], len(body), tracker.model.date(), senders, key
        )
        self._posted += 1
        letter.number = self._posted
        # What we have closed may still be open to the target, and take this along.
        letter.may_be_lost = any(
            session.closed
            for person in tracker.world.variants(message.recipient)
            for session in person.sessions.values()
        )
        same = self._by_body.setdefault(key, [])
        same.append(letter)
        if len(same) > 1 or len(body) < MARK_SIZE:
            for other in same:
                other.is_sole = False
        if len(body) >= MARK_SIZE:
            self._by_mark.setdefault(letter.mark, letter)
        self._by_request[id(request)] = letter
        self._to.setdefault(message.recipient.lower(), []).append(letter)

    def answered(self, tracker: Tracker, request: Request, sender: bytes | None, ack: MessageAck | None) -> None:
        """A message was acknowledged, or refused."""
        letter = self._by_request.pop(id(request), None)
        if letter is None:
            return
        letter.senders = frozenset() if sender is None else frozenset({sender})
        letter.acked_at = tracker.world.clock
        if ack is None or ack.status == 0:
            letter.status = -1 if ack is None else 0
            return
        letter.status = ack.status
        if letter.id is not None and letter.id != ack.message_id and letter.is_sole:
            tracker.model.report_letter(tracker, letter, wording.two_ids(letter, ack.message_id))
        elif letter.id is None:
            self._number(tracker, letter, ack.message_id)
        self._owe(tracker, letter)

    def _owe(self, tracker: Tracker, letter: Letter) -> None:
        """Note on which connection a message that was delivered must come."""
        if letter.status != 1 or not letter.is_sole or letter.came:
            return
        session = tracker.world.sole_session(letter.recipient)
        if session is not None and 0 < session.logged_in_at <= letter.request.sent_at:
            letter.owed = session
            self._owed.append(letter)

    def lost_track(self, request: Request) -> None:
        """Nobody will know whether a message was taken."""
        letter = self._by_request.pop(id(request), None)
        if letter is not None:
            letter.lost_track = True

    def _number(self, tracker: Tracker, letter: Letter, number: int) -> None:
        letter.id = number
        other = self._ids.get(number, letter)
        if other is not letter and letter.is_sole and (other is None or other.is_sole):
            tracker.model.report_letter(tracker, letter, wording.same_id(letter))
        self._ids[number] = letter
        if len(self._ids) > _IDS_KEPT:
            for old in list(self._ids)[: _IDS_KEPT // 2]:
                del self._ids[old]

    # What came

    def came(self, tracker: Tracker, message: IncomingMessage) -> None:
        """A message has come on a connection."""
        letter = self._find(tracker, message)
        if letter is None:
            return
        event = tracker.world.clock
        if letter.is_sole:
            self._check(tracker, letter, message)
        if letter.id is None:
            self._number(tracker, letter, message.message_id)
        letter.came[tracker.serial] = event
        tracker.arrivals.append(letter)

    def _find(self, tracker: Tracker, message: IncomingMessage) -> Letter | None:
        body = message.encrypted_message
        same = self._by_body.get(fingerprint(body))
        if same is None:
            altered = self._by_mark.get(body[:MARK_SIZE]) if len(body) >= MARK_SIZE else None
            tracker.model.report_unknown_body(tracker, message, altered)
            return None
        if len(same) == 1:
            return same[0]
        users = {name.lower() for name in tracker.claims}
        mine = [letter for letter in same if letter.recipient.lower() in users] or same
        numbered = [letter for letter in mine if letter.id == message.message_id]
        return (numbered or [letter for letter in mine if not letter.came] or mine)[0]

    def _check(self, tracker: Tracker, letter: Letter, message: IncomingMessage) -> None:
        """Judge the one message that this can be."""
        model = tracker.model
        if letter.recipient.lower() not in {name.lower() for name in tracker.claims}:
            model.report_letter(tracker, letter, wording.not_private(letter))
        elif message.sender.lower() not in self._possible_senders(letter):
            model.report_letter(tracker, letter, wording.wrong_sender(letter, message.sender))
        elif letter.status == -1:
            model.report_letter(tracker, letter, wording.refused_and_done(letter))
        elif letter.id is not None and letter.id != message.message_id:
            model.report_letter(tracker, letter, wording.two_ids(letter, message.message_id))
        elif tracker.serial in letter.came or self._is_again(tracker, letter):
            model.report_letter(tracker, letter, wording.twice(letter))
        elif not letter.sent_s - CLOCK_SKEW_S <= message.timestamp <= model.date() + CLOCK_SKEW_S:
            model.report_letter(tracker, letter, wording.wrong_time(letter, message.timestamp))

    @staticmethod
    def _possible_senders(letter: Letter) -> set[bytes]:
        names = letter.senders | (frozenset() if letter.status is not None else letter.sender.claims)
        return {name.lower() for name in names}

    @staticmethod
    def _is_again(tracker: Tracker, letter: Letter) -> bool:
        """Whether it came on another connection, was surely taken there, and this session began only afterwards."""
        return any(
            tracker.model.was_read_after(serial, event) and tracker.proof_sent_at > event
            for serial, event in letter.came.items()
        )

    def overtaken(self, tracker: Tracker) -> Letter | None:
        """A message that came behind one of the same sender that was sent later, both pushed or both queued."""
        last: dict[tuple[int, bytes, int], int] = {}
        for letter in tracker.arrivals:
            if letter.status not in (1, 2) or not letter.is_sole:
                continue
            lane = letter.sender.serial, letter.recipient, letter.status
            if letter.number < last.get(lane, 0):
                return letter
            last[lane] = letter.number
        return None

    # What is still to come

    def is_waiting(self, name: bytes, asked_at: int) -> bool:
        """Whether something may have waited for this user at an event, so that a server may put the next message behind it."""
        size = messages = 0
        for letter in self._to.get(name.lower(), ()):
            if letter.status in (-1, 0) or letter.request.sent_at > asked_at or letter.has_come_by(asked_at):
                continue
            if letter.status == 2 or letter.lost_track:
                return True
            size += letter.size
            messages += 1
        return size > _EASY_BYTES or messages > _EASY_MESSAGES

    def owed(self) -> list[Letter]:
        """What was acknowledged as delivered to somebody who is surely there, and has not come.

        Who did not read for a while has to ask for it, since a target may have put into the queue what found no room.
        """
        self._owed = [letter for letter in self._owed if not letter.came and not letter.is_forgotten]
        return [
            letter
            for letter in self._owed
            if letter.owed is not None and letter.owed.is_surely(letter.recipient) and not letter.may_be_lost
            if not letter.owed.was_stalled or letter.acked_at <= letter.owed.polled_at
        ]

    def queued(self, name: bytes) -> list[Letter]:
        """What was acknowledged as queued for this user and has not come, in the order in which it was sent.

        What was sent to the name in other letters is not among it: that may be somebody else (open point name-case).
        """
        return [
            letter
            for letter in self._to.get(name.lower(), ())
            if letter.recipient == name
            and letter.status == 2
            and not letter.came
            and letter.is_sole
            and not letter.may_be_lost
        ]

    def due(self, tracker: Tracker) -> list[Letter]:
        """What was queued for somebody who is surely on this connection, and was asked for there."""
        return [
            letter
            for name in tracker.users
            if tracker.is_surely(name) and tracker.world.sole_session(name) is tracker
            for letter in self.queued(name)
            if letter.acked_at <= tracker.polled_at
        ]

    def unread(self, name: bytes) -> None:
        """A connection of this user has ended, and what was on its way to it is lost."""
        for letter in self._to.get(name.lower(), ()):
            letter.may_be_lost = True

    def may_wait(self, name: bytes) -> bool:
        """Whether anything may be in this user's queue."""
        return any(
            not letter.came and (letter.status in (1, 2) or letter.lost_track or letter.status is None)
            for letter in self._to.get(name.lower(), ())
        )

    def forget(self, name: bytes) -> None:
        """Forget what was sent to somebody who has it all, or takes part no more."""
        for letter in self._to.pop(name.lower(), ()):
            letter.is_forgotten = True
            self._by_mark.pop(letter.mark, None)
            self._by_request.pop(id(letter.request), None)
            if letter.id is not None and self._ids.get(letter.id) is letter:
                # That the id was given out is remembered, and the message is not.
                self._ids[letter.id] = None
                if not letter.is_sole:
                    del self._ids[letter.id]
            self._drop(letter)

    def _drop(self, letter: Letter) -> None:
        same = self._by_body[letter.key]
        same.remove(letter)
        if not same:
            del self._by_body[letter.key]
