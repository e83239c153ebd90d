"""One script while it runs, alone or at the same time as others: who plays in it, its connections, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from msgspec import structs

from cchatspec.fuzz.conversation import Conversation, Probe
from cchatspec.fuzz.joining import connection_of, interleave
from cchatspec.fuzz.judge import state_of
from cchatspec.fuzz.line import Journal, Setting
from cchatspec.fuzz.script import Script
from cchatspec.fuzz.trace import Book, Event, Sent, Trace, Violation
from cchatspec.fuzz.users import Cast

#: Where a script stood: the state, the request and its field, and the step.
Stand = tuple[str, str, str, int]

_REGISTRATION, _LIMIT = "registration", "ERROR 06"


class Flight:
    """One run of one script.

    Attributes:
        is_played: there is somebody for each of its users; else it cannot run.
    """

    def __init__(
        self, setting: Setting, script: Script, cast: Cast, book: Book, probe: Probe, *, is_played: bool
    ) -> None:
        self.trace = Trace(script)
        self.journal = Journal(self.trace.events, book)
        self.cast = cast
        self.is_played = is_played
        self.talk = Conversation(setting, script, cast, self.journal, probe)
        if not is_played:
            self.trace.refused.append(_REGISTRATION)

    @property
    def book(self) -> Book:
        """What the model wrote down."""
        return self.journal.book

    def go(self) -> None:
        """Carry the script out, and close its connections."""
        if self.is_played:
            self.talk.run()
            self.talk.close()

    @property
    def is_doubtful(self) -> bool:
        """Whether there is a reason to ask if the target still lives."""
        return not self.is_played or self.talk.is_doubtful or bool(self.book.violations)

    @property
    def is_limited(self) -> bool:
        """Whether the target said that there is too much of it."""
        return self.book.limits > 0

    @property
    def is_crowded_out(self) -> bool:
        """Whether it may have gone another way had nothing else run at the same time."""
        return bool(self.talk.refused) or self.book.failures > 0

    @property
    def has_sent(self) -> bool:
        """Whether the target has heard anything of it."""
        return self.talk.frames > 0

    @property
    def stand(self) -> Stand:
        """Where it stood at last."""
        if self.talk.current is None:
            return "new", "(none)", "", -1
        tracker = self.talk.current.tracker
        mode, _ = tracker.guesses.where()
        request = tracker.suspect()
        if request is None:
            return state_of(mode), "(none)", "", -1
        return state_of(mode), request.name, request.place.field, request.place.step

    def finish(self) -> Trace:
        """The trace, with all that was found out."""
        trace, talk, book = self.trace, self.talk, self.book
        trace.accounts = dict(self.cast.accounts)
        trace.frames, trace.answered = talk.frames, book.answered
        trace.triples = list(book.triples)
        trace.violations = list(book.violations)
        trace.refused += talk.refused
        if self.is_limited:
            trace.refused.append(_LIMIT)
        trace.delivered = trace.delivered or (talk.is_whole and not trace.refused)
        return trace

    def blame(self, how: str, stand: Stand) -> None:
        """Say that the target went down here, which `how` tells; endings and silence are a part of that."""
        kept = [violation for violation in self.book.violations if violation.kind not in ("disconnect", "hang")]
        self.book.violations = [crash(how, stand), *kept]
        self.trace.delivered = True


def crash(how: str, stand: Stand) -> Violation:
    """The target went down."""
    state, request, field, step = stand
    return Violation("crash", state, request, field, how, "ROBUST-ALIVE", f"The target went down: {how}.", step)


def together(flights: Sequence[Flight], violation: Violation, of: Flight | None = None) -> Trace:
    """What several did at the same time, as one trace of one script; `of` is the one that the violation showed in."""
    script, places = interleave([flight.trace.script for flight in flights])
    began = min(flight.journal.began for flight in flights)
    events: list[Event] = []
    for number, flight in enumerate(flights):
        later = (flight.journal.began - began) * 1000
        for event in flight.trace.events:
            moved = structs.replace(event, ms=event.ms + later, connection=connection_of(number, event.connection))
            if isinstance(moved, Sent):
                moved = structs.replace(moved, step=places.get((number, moved.step), -1))
            events.append(moved)
    if of is not None:
        violation = replace(violation, step=places.get((flights.index(of), violation.step), -1))
    return Trace(
        script,
        sorted(events, key=lambda event: event.ms),
        frames=sum(flight.talk.frames for flight in flights),
        delivered=True,
        violations=[violation],
    )
