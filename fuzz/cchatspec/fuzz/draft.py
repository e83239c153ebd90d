"""A script in the making: its steps so far, and what our own side knows of each connection.

A draft keeps to no order of the protocol; it knows the order, so that whoever writes it can keep to it or break it on purpose.
Frames for one connection are gathered into one step as long as nothing depends on a reply. A step waits for its replies before a
proof, whose challenge must have come, and nearly always before another connection speaks; a few do not, so that requests of
several connections meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from cchatspec.fuzz import frames
from cchatspec.fuzz.boundaries import body_size
from cchatspec.fuzz.dice import Dice
from cchatspec.fuzz.frames import frame_size
from cchatspec.fuzz.script import (
    Body,
    Close,
    Connect,
    Fence,
    Frame,
    HalfClose,
    Proof,
    Reset,
    Resume,
    Script,
    Send,
    Stall,
    Step,
)

#: Users that are registered before a script begins are among the first, and those that nobody knows among the others.
KNOWN: Final = ("a", "b", "c", "d")
UNKNOWN: Final = ("e", "f", "g", "h")

State = Literal["new", "challenged", "in", "out"]

#: How one can stop sending.
Ending = type[Close] | type[Reset] | type[HalfClose]
ENDINGS: Final[tuple[Ending, ...]] = (Close, Reset, HalfClose)
ABRUPT: Final[tuple[Ending, ...]] = (Close, Reset)


@dataclass(slots=True)
class Line:
    """One connection: the state of its session as far as a right server goes along, and who is logged in or was asked for."""

    number: int
    state: State = "new"
    user: str = ""
    asked: str = ""
    #: A frame is half sent, or the header lied, so a request would not be found where it begins.
    astray: bool = False
    #: It still sends.
    open: bool = True


class Draft:
    """A script in the making.

    Args:
        dice: where chance comes from.
        registered: how many users are registered before it begins.
    """

    def __init__(self, dice: Dice, registered: int = 1) -> None:
        self.dice = dice
        self.registered = KNOWN[:registered]
        self.lines: list[Line] = []
        self.steps: list[Step] = []
        self.bodies = 0
        #: Each request in a step of its own, which waits.
        self.patient = dice.chance(15)
        #: In percent, how often a step is cut into several writes.
        self.cut = dice.one((0, 0, 0, 0, 0, 0, 0, 30, 100))
        self._line: Line | None = None
        self._frames: list[Frame] = []
        self._sent: set[int] = set()

    # --- Connections and users.

    def connect(self) -> Line:
        """Open another connection."""
        self.flush()
        line = Line(len(self.lines))
        self.lines.append(line)
        self.steps.append(Connect(line.number))
        return line

    def line(self) -> Line:
        """One of the connections that can be used; the last is the likeliest."""
        usable = self.usable()
        if not usable:
            return self.connect()
        return usable[-1] if self.dice.chance(60) else self.dice.one(usable)

    def usable(self) -> list[Line]:
        """The connections that still send, and whose server would read a request as one."""
        return [line for line in self.lines if line.open and not line.astray and line.state != "out"]

    def inside(self) -> list[Line]:
        """The connections whose session is logged in."""
        return [line for line in self.usable() if line.state == "in"]

    def member(self) -> str:
        """A user who is registered."""
        return self.dice.one(self.registered or KNOWN[:1])

    def newcomer(self) -> str:
        """A user whom nobody has registered before the script."""
        return UNKNOWN[0] if self.dice.chance(80) else self.dice.one(UNKNOWN)

    def other(self, line: Line) -> str:
        """A registered user, if there is one, who is not the user of this connection."""
        others = [user for user in self.registered if user != line.user]
        return self.dice.one(others) if others else UNKNOWN[0]

    def body(self, size: int | None = None) -> Body:
        """The next body, of a size at a boundary unless one is given."""
        self.bodies += 1
        return Body(self.bodies, body_size(self.dice) if size is None else size)

    # --- Steps.

    def add(self, line: Line, *more: Frame) -> None:
        """Send frames on a connection."""
        for frame in more:
            if self._line is not line:
                self.flush(waits=not self.dice.chance(8))
                self._line = line
            elif self._needs_reply(frame):
                self.flush()
                self._line = line
            self._frames.append(self.told_apart(frame))
        if self.patient:
            self.flush()

    def flush(self, *, waits: bool = True) -> None:
        """Make a step of the frames that were gathered."""
        if self._line and self._frames:
            cuts = self._cuts() if self.cut and self.dice.chance(self.cut) else ()
            self.steps.append(Send(self._line.number, tuple(self._frames), cuts, waits))
            self._frames.clear()
        self._line = None

    def fence(self, line: Line, *, waits: bool = True) -> None:
        """Ask something whose reply is certain."""
        self.flush(waits=False)
        self.steps.append(Fence(line.number, waits))

    def end(self, line: Line, how: Ending, *, waits: bool = True) -> None:
        """Stop sending on a connection."""
        self.flush(waits=waits)
        self.steps.append(how(line.number))
        line.open = False

    def stall(self, line: Line) -> None:
        """Read no more."""
        self.flush()
        self.steps.append(Stall(line.number))
        line.open = False

    def resume(self, line: Line) -> None:
        """Read again."""
        self.flush(waits=False)
        self.steps.append(Resume(line.number))
        line.open = True

    # --- The requests that change the state of a session.

    def register(self, line: Line, user: str, key: str | None = None) -> None:
        """Register a user."""
        self.add(line, frames.register(user, key))

    def ask(self, line: Line, user: str) -> None:
        """Ask for a challenge."""
        self.add(line, frames.ask(user))
        line.asked = user
        if line.state == "new":
            line.state = "challenged"

    def prove(self, line: Line) -> None:
        """Prove who was asked for."""
        self.add(line, frames.prove(line.asked))
        line.state, line.user = "in", line.asked

    def login(self, line: Line, user: str) -> None:
        """Log in."""
        self.ask(line, user)
        self.prove(line)

    def logout(self, line: Line) -> None:
        """End the session."""
        self.add(line, frames.LOGOUT)
        line.state = "out"

    # --- The whole.

    def script(self) -> Script:
        """The script, with a fence on each connection that can have one."""
        for line in self.usable():
            self.fence(line)
        self.flush()
        return Script(registered=self.registered, steps=tuple(self.steps))

    def told_apart(self, frame: Frame) -> Frame:
        """The frame, with another body if it was sent before: no two messages of a script are the same."""
        if frame.kind == frames.SEND_TYPE:
            body = frame.values.get("encrypted_message")
            if type(body) is Body:
                if body.number in self._sent:
                    body = self.body(body.size)
                    frame = Frame(frame.kind, {**frame.values, "encrypted_message": body}, frame.edits)
                self._sent.add(body.number)
        return frame

    def _needs_reply(self, frame: Frame) -> bool:
        return type(frame.values.get("signature")) is Proof

    def _cuts(self) -> tuple[int, ...]:
        """Every byte alone if there are few, or one to four places."""
        size = sum(frame_size(frame) for frame in self._frames)
        if size <= 160 and self.dice.chance(25):
            return tuple(range(1, size))
        places = {1 + self.dice.below(max(size - 1, 1)) for _ in range(1 + self.dice.below(4))}
        places |= {self.dice.one((1, 3, 4, 5, 6))} if self.dice.chance(50) else set()
        return tuple(sorted(place for place in places if place < size))
