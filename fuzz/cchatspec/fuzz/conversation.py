"""Carries out the steps of one script over its connections."""

from __future__ import annotations

from collections.abc import Callable

from cchatspec.fuzz.encode import encode
from cchatspec.fuzz.letters import Letter
from cchatspec.fuzz.line import Journal, Line, Setting
from cchatspec.fuzz.requests import Place
from cchatspec.fuzz.script import (
    Close,
    Connect,
    Fence,
    HalfClose,
    Reset,
    Resume,
    Script,
    ScriptError,
    Send,
    Stall,
    Step,
)
from cchatspec.fuzz.users import Cast

#: Whether a fresh connection is answered, and what to say about it.
Probe = Callable[[], str]


class Conversation:
    """One run of one script.

    Attributes:
        refused: what kept a connection from being opened, if something did.
        frames: how many frames were sent.
        is_whole: every step could be carried out.
        tricks: something was done to a connection that is no request.
        left_early: a session was ended in another way than by LOGOUT, or at the end.
        current: the connection that the last step was about.
    """

    def __init__(self, setting: Setting, script: Script, cast: Cast, journal: Journal, probe: Probe) -> None:
        self._setting = setting
        self._script = script
        self._cast = cast
        self._journal = journal
        self._probe = probe
        self.lines: dict[int, Line] = {}
        self.frames = 0
        self.is_whole = True
        self.refused: list[str] = []
        self.tricks = False
        self.left_early = False
        self.current: Line | None = None
        self._is_silent = False

    def run(self) -> None:
        """Carry out all steps, and read what is certain to come on the connections that are left."""
        self._journal.book.on_challenge = self._challenged
        for number, step in enumerate(self._script.steps):
            self._step(number, step)
            if self.refused or self._is_silent or self._setting.is_enough(self._journal.book):
                break
        self._finish()

    def _challenged(self, connection: int, challenge: bytes) -> None:
        if connection in self.lines:
            self._cast.challenges.setdefault(connection, []).append(challenge)

    def _step(self, number: int, step: Step) -> None:
        if isinstance(step, Connect):
            self._connect(step.connection)
            return
        line = self.lines.get(step.connection)
        if line is None or line.link.closed:
            return
        self.current = line
        match step:
            case Send():
                self._send(number, step, line)
            case Fence(waits=waits):
                if waits or not line.tracker.is_surely_answered:
                    line.fence(number)
                if waits:
                    line.flush()
                    self._wait(line)
            case HalfClose():
                line.flush()
                self._half_close(line)
            case Stall():
                line.flush()
                self._stall(line)
            case Resume():
                self._resume(line)
            case Close() | Reset():
                line.flush()
                self.tricks = True
                self.left_early = self.left_early or bool(line.tracker.claims)
                line.note("we reset the connection" if isinstance(step, Reset) else "we close the connection")
                line.close(reset=isinstance(step, Reset))

    def _connect(self, connection: int) -> None:
        old = self.lines.get(connection)
        if old is not None:
            old.close()
        line = self.current = self.lines[connection] = Line(self._setting, connection, self._journal)
        self._cast.challenges.pop(connection, None)
        if line.link.ended is not None:
            self.refused.append(line.link.ended.value)

    def _send(self, number: int, step: Send, line: Line) -> None:
        before = line.queued_bytes
        for index, frame in enumerate(step.frames):
            place = Place(number, index, frame.edits[0].field if frame.edits else "")
            try:
                data = encode(frame, self._cast, step.connection).data
            except ScriptError as problem:
                line.note(f"left out: {problem}")
                self.is_whole = False
                continue
            line.queue(data, place)
            self.frames += 1
        if step.waits or step.cuts:
            line.flush([before + cut for cut in step.cuts])
            if step.waits:
                self._wait(line)

    def _half_close(self, line: Line) -> None:
        self.tricks = True
        line.note("we shut down our sending side")
        line.link.half_close()
        line.tracker.half_closed()
        self._wait(line)
        if line.is_open:
            line.pump(self._setting.deadline)

    def _stall(self, line: Line) -> None:
        self.tricks = True
        line.note("we read no more")
        line.link.stall()
        line.tracker.is_stalled = line.tracker.was_stalled = True

    def _resume(self, line: Line) -> None:
        if line.link.stalled:
            line.note("we read on")
            line.link.resume()
            line.tracker.is_stalled = False

    def _wait(self, line: Line) -> None:
        """Read what is certain; a target that stays silent is told of, with what else still lives."""
        if not line.is_open or line.wait(
            [other for other in self.lines.values() if other is not line and other.is_open]
        ):
            return
        line.is_silent = self._is_silent = True
        alive = self._probe()
        line.note(alive)
        self._setting.model.report_silence(line.tracker, alive)

    def _finish(self) -> None:
        """A fence on every connection that can have one; then all is read that was delivered, and closed."""
        for line in self.lines.values():
            if line.is_open and not line.tracker.is_quiet:
                if line.tracker.is_followed:
                    line.fence()
                line.flush()
        for line in self.lines.values():
            self._wait(line)
        self._await_letters()
        for line in self.lines.values():
            if line.is_open and not line.link.half_closed and not line.tracker.stream.is_in_step:
                self._read_out(line)

    def _read_out(self, line: Line) -> None:
        """Make sure that the target has read half a frame: it is the last, and a target closes when it has seen the end."""
        setting = self._setting
        line.link.half_close()
        line.tracker.half_closed()
        if setting.closes_at_end and not line.wait(until=lambda: line.link.ended is not None, patient=False):
            setting.closes_at_end = False

    @property
    def is_doubtful(self) -> bool:
        """Whether a target that went down may have shown itself: something is wrong, or was ended, or is refused."""
        return bool(self.refused) or any(
            line.is_silent or (line.tracker.ended and not line.tracker.guesses.has_logout)
            for line in self.lines.values()
        )

    def _await_letters(self) -> None:
        """Whatever was delivered to somebody who is here, or asked for by them, has to come."""
        model = self._setting.model
        lines = {line.tracker: line for line in self.lines.values()}
        letters = [(letter, lines[letter.owed]) for letter in model.letters.owed() if letter.owed in lines]
        letters += [(letter, line) for line in lines.values() for letter in model.letters.due(line.tracker)]
        for letter, line in letters:
            if not await_letter(letter, line):
                model.report_lost(letter)
                return
        for line in lines.values():
            model.report_order(line.tracker)

    def close(self) -> None:
        """Close what is still open."""
        for line in self.lines.values():
            line.close()


def await_letter(letter: Letter, line: Line) -> bool:
    """Read until a message has come on a connection; also right if the connection has ended."""
    return line.wait(until=lambda: bool(letter.came)) or not line.is_open
