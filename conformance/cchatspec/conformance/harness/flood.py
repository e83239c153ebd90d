"""How much may come on one connection before it is a flood, which no request calls for and which would never be read to its end.

A deadline bounds each read, and no count of reads: a target that repeats a frame without end is never late.
"""

from __future__ import annotations

from cchatspec.conformance.harness.reading import Deviation

#: What no C-Chat server sends after one write of a case: four lists of the most and longest users, or the updates of hours.
MOST_BYTES = 1 << 26
MOST_FRAMES = 100_000

#: So many bytes of it are shown.
_SHOWN = 64


class Intake:
    """What came on a connection since something was last sent on it; more than `most_frames` are too much."""

    def __init__(self, most_frames: int = MOST_FRAMES) -> None:
        self._most_frames = most_frames
        self._bytes = 0
        self._frames = 0

    def restart(self) -> None:
        """Count anew, as something was sent."""
        self._bytes = self._frames = 0

    def add_frames(self, count: int = 1) -> None:
        """Count frames."""
        self._frames += count

    def add(self, data: bytes) -> Deviation | None:
        """Count bytes that were read, and give back what is wrong if all that came is too much."""
        self._bytes += len(data)
        if self._bytes <= MOST_BYTES and self._frames <= self._most_frames:
            return None
        reason = f"{self._frames} frames, {self._bytes} bytes in all, came since the last request, and they do not end"
        return Deviation("FRAME-UNASKED", reason, data[:_SHOWN])
