"""The log of one case: everything that crossed the wire, in order, with relative times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from cchatspec.conformance.harness.outcomes import Ending

Direction = Literal["sent", "received", "event"]

#: The text of what came of a frame that the deadline cut.
UNFINISHED = "an unfinished frame"
_IN_VAIN = (Ending.DEADLINE.value, UNFINISHED)

#: So many frames that came are kept of one case, which is more than people read.
KEPT_FRAMES = 10_000

#: The text of a request whose reply shows that nothing else came.
FENCE = "fence"


@dataclass(frozen=True, slots=True)
class WireEntry:
    """One write, one frame that came, or one event such as the end of a connection.

    `ms` are milliseconds since the case began; `connection` counts the case's connections from 1.
    """

    ms: float
    connection: int
    direction: Direction
    data: bytes
    text: str = ""


class WireLog:
    """What one case sent and received; of the frames that came, the first 10,000.

    `met_limit` is whether an ERROR 06 came where none was expected, which may have been the reply to anything.
    """

    def __init__(self) -> None:
        self.met_limit = False
        self._start = monotonic()
        self.entries: list[WireEntry] = []
        self._connections = 0
        self._frames = 0

    def new_connection(self, who: str) -> int:
        """The number of a connection that is being opened."""
        self._connections += 1
        self.event(self._connections, f"connect ({who})" if who else "connect")
        return self._connections

    @property
    def met_deadline(self) -> bool:
        """Whether something was waited for in vain."""
        return any(entry.text in _IN_VAIN for entry in self.entries)

    def adopt(self, entries: Sequence[WireEntry]) -> None:
        """Take in what another log has, with its numbers; connections to come get later ones."""
        self.entries.extend(entries)
        self._connections = max([self._connections, *(entry.connection for entry in entries)])

    def sent(self, connection: int, data: bytes, purpose: str = "") -> None:
        """Log bytes handed to the socket in one write, and what for, if that is no part of the question."""
        self._add(connection, "sent", data, purpose)

    def received(self, connection: int, data: bytes, text: str = "") -> None:
        """Log one frame, or what is unreadable, as it came; the one after the last that is kept is told of as an event."""
        self._frames += 1
        if self._frames == KEPT_FRAMES + 1:
            self.event(connection, f"from here on, what came is not kept: it is more than {KEPT_FRAMES} frames")
        if self._frames > KEPT_FRAMES:
            return
        self._add(connection, "received", data, text)

    def event(self, connection: int, text: str) -> None:
        """Log what is no data."""
        self._add(connection, "event", b"", text)

    def _add(self, connection: int, direction: Direction, data: bytes, text: str = "") -> None:
        ms = (monotonic() - self._start) * 1000
        self.entries.append(WireEntry(ms, connection, direction, data, text))
