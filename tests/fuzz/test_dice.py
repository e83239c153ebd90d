from __future__ import annotations

from collections import Counter

import pytest

from cchatspec.fuzz.boundaries import body_size
from cchatspec.fuzz.dice import SeededDice, Table


def test_the_same_seed_gives_the_same_choices() -> None:
    one, other = SeededDice(3), SeededDice(3)

    assert [one.below(1000) for _ in range(50)] == [other.below(1000) for _ in range(50)]


def test_numbers_are_below_their_limit_and_each_comes_up() -> None:
    dice = SeededDice(1)

    assert {dice.below(7) for _ in range(500)} == set(range(7))


def test_items_come_as_often_as_they_weigh() -> None:
    dice, table = SeededDice(1), Table((90, "often"), (10, "rarely"))
    counted = Counter(dice.pick(table) for _ in range(10_000))

    assert 8700 < counted["often"] < 9300


@pytest.mark.parametrize(("place", "item"), [(0, "a"), (2, "a"), (3, "b"), (4, "b"), (5, "c")])
def test_a_table_lays_its_items_side_by_side(place: int, item: str) -> None:
    assert Table((3, "a"), (2, "b"), (1, "c")).at(place) == item


def test_chance_is_in_percent() -> None:
    dice = SeededDice(1)

    assert 1800 < sum(dice.chance(20) for _ in range(10_000)) < 2200


def test_bytes_are_as_many_as_wanted() -> None:
    assert len(SeededDice(1).octets(13)) == 13


def test_one_body_in_three_has_300_bytes_or_more_and_few_are_very_long() -> None:
    dice = SeededDice(1)
    sizes = [body_size(dice) for _ in range(10_000)]

    assert 3000 < sum(size >= 300 for size in sizes) < 4300
    assert 200 < sum(size > 10_000 for size in sizes) < 600


def test_bodies_have_all_sizes_at_which_something_ends() -> None:
    dice = SeededDice(1)
    sizes = {body_size(dice) for _ in range(20_000)}

    assert {0, 1, 31, 32, 63, 64, 127, 128, 254, 255, 256, 1023, 1024, 1025, 2047, 2048, 2049, 4096} <= sizes
    assert {32767, 32768, 65534, 65535} <= sizes
