"""What the server has counted, for measurements: written to a file, as JSON, at each SIGUSR1."""

from __future__ import annotations

import os


class Counts:
    """Connections accepted, frames served by their type, and those of them that only ask where the server stands.

    `own_keys` are requests for one's own key, `taken` registrations of a name that is taken: the two that a client can use as
    a fence.
    """

    def __init__(self) -> None:
        self.connections = 0
        self.frames = [0] * 256
        self.own_keys = 0
        self.taken = 0
        self.logins = 0
        self.registered = 0

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
