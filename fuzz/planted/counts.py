"""What the server has counted, for measurements: written to a file, as JSON, at each SIGUSR1."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from links import Link


class Counts:
    """What came, since the start.

    Attributes:
        connections: connections accepted.
        frames: frames served, by their type.
        tested: frames that are neither a step towards a session nor a fence: no REGISTER_USER that was taken or refused as
            taken, no LOGIN_USER that brought a challenge or a session, and no request for one's own key.
        connections_tested: connections on which one came at least.
        sessions_tested: connections on which one came after a login.
    """

    def __init__(self) -> None:
        self.connections = 0
        self.frames = [0] * 256
        self.tested = 0
        self.connections_tested = 0
        self.sessions_tested = 0

    def test(self, link: Link) -> None:
        """A frame came that is a test."""
        self.tested += 1
        if not link.was_tested:
            link.was_tested = True
            self.connections_tested += 1
        if link.user is not None and not link.was_tested_in:
            link.was_tested_in = True
            self.sessions_tested += 1

    def write(self, path: str) -> None:
        """Write all to a file, which is whole whenever it is there."""
        import json

        with open(path + ".new", "w", encoding="ascii") as out:  # noqa: PTH123 (pathlib costs time at the start)
            json.dump(vars(self), out)
        os.replace(path + ".new", path)  # noqa: PTH105


counts = Counts()


def write_at_signal(path: str) -> None:
    """Write to this file at each SIGUSR1."""
    import signal

    signal.signal(signal.SIGUSR1, lambda *_: counts.write(path))
