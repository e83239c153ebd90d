"""Mutants: one change each, where it can be reached."""

from __future__ import annotations

import pytest

from mutants import mutants


def changes(source: str) -> list[tuple[str, str]]:
    return [(mutant.before, mutant.after) for mutant in mutants(source)]


@pytest.mark.parametrize(
    ("source", "change"),
    [
        ("a == b", ("a == b", "a != b")),
        ("a <= b", ("a <= b", "a < b")),
        ("a and b", ("a and b", "a or b")),
        ("a + b", ("a + b", "a - b")),
        ("x = 31", ("31", "32")),
        ("x = True", ("True", "False")),
        ("x = not y", ("not y", "y")),
        ("serve(y)", ("serve(y)", "pass")),
        ("if x: y()", ("if x:", "if False:")),
    ],
)
def test_a_mistake_that_people_make_is_among_them(source: str, change: tuple[str, str]) -> None:
    assert change in changes(source)


@pytest.mark.parametrize(
    "source",
    [
        '"""Text + more."""',
        "def f(x: Literal[1]) -> Literal[2]: ...",
        "if fault('no-ack'): close(1)",
        "if x and fault('no-ack'): close(1)",
    ],
)
def test_what_no_run_can_reach_is_left_alone(source: str) -> None:
    assert changes(source) == []


def test_each_has_one_line_changed() -> None:
    source = "def f(a, b):\n    c = a + b\n    return c == 1\n"
    changed = [
        [
            number
            for number, (old, new) in enumerate(zip(source.splitlines(), text.splitlines(), strict=True), 1)
            if old != new
        ]
        for text in (mutant.source for mutant in mutants(source))
    ]

    assert changed == [[mutant.line] for mutant in mutants(source)]
