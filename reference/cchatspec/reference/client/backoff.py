"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

FIRST_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 30.0

_uniform: Final = random.SystemRandom().uniform


class Backoff:
    """Delays that double up to a limit, each cut by chance, so that clients that lost one server do not come back as one.

    Args:
        chance: returns a number between its two arguments.
    """

    def __init__(self, chance: Callable[[float, float], float] = _uniform) -> None:
        self._chance = chance
        self._next = FIRST_SECONDS

    def delay(self) -> float:
        """The next delay, in seconds."""
        longest, self._next = self._next, min(self._next * 2, LONGEST_SECONDS)
        return self._chance(longest / 2, longest)

    def reset(self) -> None:
        """Starts again with the shortest delay."""
        self._next = FIRST_SECONDS
