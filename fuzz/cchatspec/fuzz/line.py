"""A connection together with what the model knows of it: bytes go out and into the model, frames come in and go to the model.

Waiting ends with what is certain: every request that must have a reply has it, or the connection has ended. That a target is
silent is only believed after a second, longer wait, in which all other connections of the script are read too, since a target
may stand still because we do not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from time import monotonic

from cchatspec.conformance.harness.launch import accepts
from cchatspec.conformance.harness.outcomes import Ending
from cchatspec.fuzz.connection import Link
from cchatspec.fuzz.model import Model
from cchatspec.fuzz.requests import OUTSIDE, Place
from cchatspec.fuzz.trace import Book, Ended, Event, Noted, Received, Sent
from cchatspec.spec import (
    GetPublicKey,
    LoginUser,
    Message,
    RegisterUser,
    build,
    frame_bytes,
)

#: How much longer the second wait is, and how long at least, in seconds.
_SECOND_WAIT = 4
_SECOND_WAIT_S = 1.0

#: Who is in a hurry waits for this part of the deadline, and for so many seconds at least.
_HURRIED_WAIT = 0.2
_HURRIED_WAIT_S = 0.15


@dataclass(slots=True)
class Journal:
    """The events of one run, in milliseconds since it began, and what the model writes down about it."""

    events: list[Event] = field(default_factory=list)
    book: Book = field(default_factory=Book)
    began: float = field(default_factory=monotonic)

    @property
    def ms(self) -> float:
        """Milliseconds since the run began."""
        return (monotonic() - self.began) * 1000


@dataclass(slots=True)
class Setting:
    """What lines share: the address, the model, and how long a reply may take, in seconds."""

    address: tuple[str, int]
    model: Model
    deadline: float = 2.0
    connect_s: float = 5.0
    #: The name of somebody who is registered, by which a fence of a stranger asks.
    resident: tuple[bytes, bytes] = (b"", bytes(32))
    #: Opens a connection with a number, which may fail, and tells whether one can be opened.
    connect: Callable[[int, tuple[str, int], float], Link] = Link
    accepts: Callable[[str, int], bool] = accepts
    #: Whether the target has closed every connection so far whose sending side we had shut down.
    closes_at_end: bool = True
    #: Silence is believed early, since what comes of it is tried again with patience.
    hurries: bool = False
    #: A run is over when something is wrong, since that is all that is asked.
    until_first: bool = False
    #: Silence is believed after the first wait, since whoever meets it is tried again without the others.
    in_crowd: bool = False

    def is_enough(self, book: Book) -> bool:
        """Whether a run has shown all that is asked of it."""
        return self.until_first and bool(book.violations)

    @property
    def patience(self) -> float:
        """How long silence lasts until it is believed the first time, in seconds."""
        return max(_HURRIED_WAIT * self.deadline, _HURRIED_WAIT_S) if self.hurries else self.deadline


class Line:
    """One connection of a run; `number` is the script's, or a negative one of the runner's own."""

    def __init__(self, setting: Setting, number: int, journal: Journal) -> None:
        self.setting = setting
        self.number = number
        self.journal = journal
        self.link = setting.connect(number, setting.address, setting.connect_s)
        self.tracker = setting.model.connected(number, journal.book)
        self.is_silent = False
        #: How many bytes wait for the next write.
        self.queued_bytes = 0
        self._parts: list[tuple[bytes, Place]] = []
        if self.link.ended is not None:
            self._note_end()

    @property
    def is_open(self) -> bool:
        """Whether frames can still come."""
        return self.link.is_open and not self.is_silent

    def go_over_to(self, journal: Journal) -> None:
        """Belong to another run from now on."""
        self.journal = journal
        self.tracker.book = journal.book

    # Sending

    def queue(self, data: bytes, place: Place = OUTSIDE) -> None:
        """Put bytes behind what leaves with the next write."""
        self._parts.append((data, place))
        self.queued_bytes += len(data)
        self.tracker.sent(data, place)

    def queue_message(self, message: Message) -> None:
        """Put a message of the runner's own behind what leaves with the next write."""
        self.queue(build(message))

    def flush(self, cuts: Iterable[int] = ()) -> None:
        """Send all that was queued, in one write or cut at these offsets."""
        parts, self._parts, self.queued_bytes = self._parts, [], 0
        if not parts or self.link.closed or self.link.half_closed:
            return
        ms = self.journal.ms
        for part, place in parts:
            self.journal.events.append(Sent(ms, self.number, part, place.step, place.fence))
        data = parts[0][0] if len(parts) == 1 else b"".join([part for part, _ in parts])
        start = 0
        for cut in sorted({cut for cut in cuts if 0 < cut < len(data)}):
            self.link.write(data[start:cut], self.setting.deadline)
            start = cut
        self.link.write(data[start:] if start else data, self.setting.deadline)

    def fence(self, step: int = -1) -> None:
        """Queue a request whose reply is certain, if everything in front of it is whole and the connection can have one."""
        tracker = self.tracker
        if self.is_open and not self.link.half_closed and tracker.stream.is_in_step and not tracker.must_end:
            self.queue(self._fence_bytes(), Place(step, 0, "", fence=True))

    def _fence_bytes(self) -> bytes:
        tracker, setting = self.tracker, self.setting
        for name in tracker.users:
            if tracker.surely_asks_as(name):
                return _asks_for_key(name)
        return _registers(*setting.resident)

    # Receiving

    def pump(self, patience: float) -> bool:
        """Read once, wait for it so many seconds at most, and hand on what came; tells whether anything did."""
        link = self.link
        came = link.read(patience)
        if link.frames or link.unframed:
            self._hand_on()
        if link.flood is not None and not self.tracker.closed:
            self.setting.model.flooded(self.tracker, link.flood)
            self.note("we reset the connection, on which frames came without end")
        if link.ended is not None and not self.tracker.ended:
            self._note_end()
        return came

    def _hand_on(self) -> None:
        model, tracker, events, ms = self.setting.model, self.tracker, self.journal.events, self.journal.ms
        frames = self.link.frames
        while frames:
            frame = frames.popleft()
            message = model.came(tracker, frame)
            events.append(Received(ms, self.number, frame_bytes(frame.type, frame.payload), message))
        if self.link.unframed:
            events.append(Received(ms, self.number, self.link.unframed, None))
            model.unframed(tracker, self.link.unframed)
            self.link.unframed = b""

    def _note_end(self) -> None:
        how = self.link.ended
        assert how is not None
        self.journal.events.append(Ended(self.journal.ms, self.number, how))
        if how is not Ending.REFUSED:
            self.setting.model.ended(self.tracker, how, self.link.half_a_frame)

    def wait(
        self, others: Iterable[Line] = (), until: Callable[[], bool] | None = None, *, patient: bool = True
    ) -> bool:
        """Read until all that is certain has come, or until a condition holds; tells whether it has.

        Without it, False means that the target is silent: nothing came before the deadline, nor in the second wait, which is
        left out if we are not `patient`, or what is met is tried again.
        """
        deadline = self.setting.deadline
        if self._wait(self.setting.patience, until):
            return True
        if not patient or self.setting.hurries or self.setting.in_crowd:
            return False
        for other in others:
            other.pump(0)
        if self._wait(max(_SECOND_WAIT * deadline, _SECOND_WAIT_S), until, others):
            return True
        self.journal.events.append(Ended(self.journal.ms, self.number, Ending.DEADLINE))
        return False

    def _wait(self, patience: float, until: Callable[[], bool] | None, others: Iterable[Line] = ()) -> bool:
        tracker, link = self.tracker, self.link
        last = monotonic()
        while True:
            done = until() if until is not None else tracker.is_settled and not tracker.must_end
            if done or self.setting.is_enough(self.journal.book):
                return True
            if not link.is_open:
                return until is None
            if self.pump(max(last + patience - monotonic(), 0)):
                last = monotonic()
            elif monotonic() >= last + patience:
                return False
            for other in others:
                other.pump(0)

    # Ending

    def note(self, text: str) -> None:
        """Write something into the journal."""
        self.journal.events.append(Noted(self.journal.ms, self.number, text))

    def close(self, *, reset: bool = False) -> None:
        """Close the connection, without LOGOUT."""
        if self.link.closed:
            return
        if self.is_open:
            self.pump(0)
        if reset:
            self.link.reset()
        else:
            self.link.close()
        if not self.tracker.ended:
            self.tracker.closed_by_us()


@lru_cache(maxsize=256)
def _asks_for_key(name: bytes) -> bytes:
    return build(GetPublicKey(name))


@lru_cache(maxsize=4)
def _registers(name: bytes, key: bytes) -> bytes:
    return build(RegisterUser(name, key))


def log_in(line: Line, name: bytes, sign: Callable[[bytes], bytes]) -> bool:
    """Log in on a new line; tells whether it worked."""
    line.queue_message(LoginUser(name, bytes(64)))
    line.flush()
    if not line.wait() or not line.tracker.challenges:
        return False
    line.queue_message(LoginUser(name, sign(line.tracker.challenges[-1])))
    line.flush()
    return line.wait() and line.tracker.is_surely(name)
