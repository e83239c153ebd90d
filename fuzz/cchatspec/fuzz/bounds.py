"""What every script keeps to, so that it can be run and what it costs is known; a mutated one is brought back to it.

A connection is opened once and used while it is open. No two messages have the same body. Each connection that can have one ends
with a fence. A script has at most `MOST_STEPS` steps, `MOST_FRAMES` frames and `MOST_BYTES` bytes, and `MOST_LINES` connections
at a time; so many may come and go that a number of one byte does not count them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from cchatspec.fuzz.frames import SEND_TYPE, frame_size
from cchatspec.fuzz.script import (
    Body,
    Close,
    Connect,
    Fence,
    Frame,
    HalfClose,
    Reset,
    Resume,
    Script,
    ScriptError,
    Send,
    Stall,
    Step,
)

MOST_STEPS: Final = 600
MOST_FRAMES: Final = 450
MOST_LINES: Final = 24
MOST_BYTES: Final = 8_000_000

#: Who can be registered before a script begins, and who can appear at all.
REGISTERED: Final = frozenset("abcd")
USERS: Final = frozenset("abcdefgh")


def size(script: Script) -> int:
    """How many bytes a script sends, without its fences."""
    return sum(frame_size(frame) for step in script.steps if isinstance(step, Send) for frame in step.frames)


def check(script: Script) -> None:
    """See that a script can be run.

    Raises:
        ScriptError: it cannot be; the text says which step is wrong and why.
    """
    opened: set[int] = set()
    for number, step in enumerate(script.steps, 1):
        try:
            _check(step, opened)
        except ScriptError as problem:
            raise ScriptError(f"step {number}: {problem}") from None
    if size(script) > MOST_BYTES:
        raise ScriptError(f"expected a script that sends at most {MOST_BYTES} bytes, not {size(script)}")


def _check(step: Step, opened: set[int]) -> None:
    if isinstance(step, Connect):
        if step.connection in opened:
            raise ScriptError(f"connection {step.connection} is open already")
        opened.add(step.connection)
    elif step.connection not in opened:
        raise ScriptError(f"connection {step.connection} is not open")
    if isinstance(step, Send):
        for frame in step.frames:
            frame_size(frame)
    elif isinstance(step, Close | Reset):
        opened.remove(step.connection)


@dataclass(slots=True)
class _Tidy:
    """A script that is being brought back to its bounds."""

    most_bytes: int
    steps: list[Step] = field(default_factory=list)
    opened: set[int] = field(default_factory=set)
    reading: set[int] = field(default_factory=set)
    sending: set[int] = field(default_factory=set)
    stalled: set[int] = field(default_factory=set)
    bodies: set[int] = field(default_factory=set)
    largest: int = 0
    frames: int = 0
    bytes: int = 0

    def take(self, step: Step) -> None:
        """Take a step, or what can be of it."""
        at = step.connection
        if isinstance(step, Connect):
            self._open(at)
            return
        if at not in self.opened and not self._open(at):
            return
        match step:
            case Send():
                kept = self._kept(step)
                if kept.frames and at in self.sending:
                    self.steps.append(kept)
            case Fence():
                if at in self.sending and at in self.reading:
                    self.steps.append(step)
            case HalfClose():
                if at in self.sending:
                    self.steps.append(step)
                    self.sending.remove(at)
            case Stall():
                if at in self.reading:
                    self.steps.append(step)
                    self.reading.remove(at)
                    self.stalled.add(at)
            case Resume():
                if at in self.stalled:
                    self.steps.append(step)
                    self.stalled.remove(at)
                    self.reading.add(at)
            case Close() | Reset():
                self._end(step)

    def _open(self, number: int) -> bool:
        if number in self.opened or len(self.reading | self.sending) >= MOST_LINES or number < 0:
            return False
        self.opened.add(number)
        self.reading.add(number)
        self.sending.add(number)
        self.steps.append(Connect(number))
        return True

    def _end(self, step: Close | Reset) -> None:
        """A connection that was ended stays in `opened`, so that nobody opens it again."""
        if step.connection in self.reading or step.connection in self.sending:
            self.steps.append(step)
            self.reading.discard(step.connection)
            self.stalled.discard(step.connection)
            self.sending.discard(step.connection)

    def _kept(self, step: Send) -> Send:
        frames = tuple(self._frames(step.frames))
        cuts = tuple(sorted({cut for cut in step.cuts if cut > 0}))
        if len(frames) == len(step.frames) and all(map(_same, frames, step.frames)) and cuts == step.cuts:
            return step
        return Send(step.connection, frames, cuts, step.waits)

    def _frames(self, frames: tuple[Frame, ...]) -> Iterator[Frame]:
        for frame in frames:
            try:
                length = frame_size(frame)
            except ScriptError:
                continue
            if self.frames >= MOST_FRAMES or self.bytes + length > self.most_bytes:
                return
            self.frames += 1
            self.bytes += length
            yield self._told_apart(frame) if frame.kind == SEND_TYPE else frame

    def _told_apart(self, frame: Frame) -> Frame:
        body = frame.values.get("encrypted_message")
        if not isinstance(body, Body):
            return frame
        if body.number in self.bodies:
            body = Body(self.largest + 1, body.size)
            frame = Frame(frame.kind, {**frame.values, "encrypted_message": body}, frame.edits)
        self.bodies.add(body.number)
        self.largest = max(self.largest, body.number)
        return frame

    def fences(self) -> None:
        """End each connection that can have one with a fence."""
        last = {step.connection: step for step in self.steps}
        for number in sorted(self.opened & self.reading & self.sending):
            if not isinstance(last[number], Fence):
                self.steps.append(Fence(number))


def _same(one: Frame, other: Frame) -> bool:
    return one is other


def tidy(script: Script, most_bytes: int = MOST_BYTES) -> Script:
    """The script within its bounds: what cannot be done or is too much is left out, and what lacks is put in."""
    tidied = _Tidy(most_bytes)
    for step in script.steps:
        if len(tidied.steps) >= MOST_STEPS - 2 * MOST_LINES:
            break
        tidied.take(step)
    tidied.fences()
    return Script(registered=tuple(sorted(set(script.registered) & REGISTERED)), steps=tuple(tidied.steps))
