"""Where chance comes from: one small interface, over a seeded generator in the hot loop and over Hypothesis in property tests.

Everything random is a number below another, so that a sequence of such numbers gives the same script again, and a smaller number
the simpler choice. Tables and sequences therefore begin with what is simplest.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Table(Generic[T_co]):
    """Items with weights, which are whole numbers; an item is drawn as often as its weight says, in proportion."""

    __slots__ = ("_bounds", "items", "total")

    def __init__(self, *weighted: tuple[int, T_co]) -> None:
        self.items = tuple(item for _, item in weighted)
        self._bounds = list(accumulate(weight for weight, _ in weighted))
        self.total = self._bounds[-1]

    def at(self, place: int) -> T_co:
        """The item at a place from 0 to below `total`."""
        return self.items[bisect_right(self._bounds, place)]


class Dice(Protocol):
    """A source of choices."""

    def below(self, count: int) -> int:
        """A number from 0 to below `count`, each as likely as the others."""

    def chance(self, percent: float) -> bool:
        """True so often, in percent."""

    def one(self, items: Sequence[T]) -> T:
        """One of the items, each as likely as the others."""

    def pick(self, table: Table[T]) -> T:
        """One of the items of a table, by their weights."""

    def octets(self, count: int) -> bytes:
        """So many bytes of any value."""


class SeededDice:
    """Chance from a seed: the same seed, the same choices."""

    __slots__ = ("_float", "_random")

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311  # inputs of tests, which a seed must repeat
        self._float = self._random.random

    def below(self, count: int) -> int:
        """A number from 0 to below `count`."""
        return int(self._float() * count)

    def chance(self, percent: float) -> bool:
        """True so often, in percent."""
        return self._float() * 100 < percent

    def one(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[int(self._float() * len(items))]

    def pick(self, table: Table[T]) -> T:
        """One of the items of a table."""
        return table.at(int(self._float() * table.total))

    def octets(self, count: int) -> bytes:
        """So many bytes."""
        return self._random.randbytes(count)
