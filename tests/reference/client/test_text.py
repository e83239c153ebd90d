"""What others wrote, made fit for a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cchatspec.reference.client.text import from_wire, shown, shown_lines, shown_name, to_wire


@given(st.binary(max_size=50))
def test_every_name_comes_back_as_it_was(name: bytes) -> None:
    assert to_wire(from_wire(name)) == name


@given(st.binary(max_size=50))
def test_nothing_that_moves_a_cursor_is_shown(data: bytes) -> None:
    text = shown(from_wire(data)) + shown_name(from_wire(data)) + "".join(shown_lines(from_wire(data)))

    assert not {unicodedata.category(each) for each in text} & {"Cc", "Cs", "Zl", "Zp"}


@given(st.text(max_size=9), st.text(max_size=9))
def test_no_two_names_are_shown_alike(first: str, second: str) -> None:
    assert (shown_name(first) == shown_name(second)) == (first == second)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b1m", "\\x9b1m"),
        ("\u202etxt", "\\u202etxt"),
        ("\udcff", "\\xff"),
        ("\U000e0041", "\\U000e0041"),
        ("grüße 👩\u200d🚀", "grüße 👩\u200d🚀"),
    ],
)
def test_what_is_hidden_is_escaped(text: str, escaped: str) -> None:
    assert shown(text) == escaped


def test_white_space_in_a_name_is_seen() -> None:
    assert shown_name("a b\\\u00a0") == "a\\x20b\\x5c\\xa0"


def test_a_message_keeps_its_lines() -> None:
    assert shown_lines("one\r\n\ttwo\rthree\n\n") == ["one", "    two\\x0dthree"]
