from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cchatspec.fuzz.dice import SeededDice
from cchatspec.fuzz.encode import encode
from cchatspec.fuzz.frames import (
    LIST,
    LOGOUT,
    POLL,
    Blank,
    ask,
    frame_size,
    get_key,
    is_surely_within,
    prove,
    register,
    send,
    set_status,
)
from cchatspec.fuzz.script import Body, Frame
from cchatspec.fuzz.wrong import strange, wrong
from cchatspec.spec import MESSAGES, PAYLOAD_LIMIT, FrameReader, WireError, parse

REQUESTS = (
    register("a"),
    ask("a"),
    prove("a"),
    get_key("a"),
    send("a", Body(1, 300)),
    set_status(1),
    POLL,
    LIST,
    LOGOUT,
)

requests = pytest.mark.parametrize("frame", REQUESTS, ids=lambda frame: f"0x{frame.kind:02x}")


def data_of(frame: Frame) -> bytes:
    return encode(frame, Blank(), 0).data


def is_right(frame: Frame) -> bool:
    data = data_of(frame)
    try:
        parse(data[4], data[5:])
    except WireError:
        return False
    return True


@given(st.sampled_from(REQUESTS), st.integers(0, 2**32))
def test_a_wrong_frame_can_be_sent(frame: Frame, seed: int) -> None:
    assert frame_size(wrong(SeededDice(seed), frame)) >= 0


@given(st.sampled_from(REQUESTS), st.integers(0, 2**32), st.integers(100, 1500))
def test_what_is_surely_within_a_size_is(frame: Frame, seed: int, most: int) -> None:
    spoilt = wrong(SeededDice(seed), frame)

    assert frame_size(spoilt) <= most or not is_surely_within(spoilt, most)


@given(st.sampled_from(REQUESTS), st.integers(0, 2**32))
def test_a_frame_in_step_is_followed_by_the_next(frame: Frame, seed: int) -> None:
    stream = data_of(wrong(SeededDice(seed), frame, in_step=True)) + data_of(POLL)

    assert [found.type for found in FrameReader(PAYLOAD_LIMIT).feed(stream)][1:] == [POLL.kind]


@given(st.integers(0, 2**32))
def test_a_strange_frame_is_followed_by_the_next(seed: int) -> None:
    stream = data_of(strange(SeededDice(seed))) + data_of(POLL)

    assert [found.type for found in FrameReader(PAYLOAD_LIMIT).feed(stream)][1:] == [POLL.kind]


@requests
def test_most_wrong_frames_break_the_layout_and_some_only_its_meaning(frame: Frame) -> None:
    dice = SeededDice(1)
    right = sum(is_right(wrong(dice, frame, in_step=True)) for _ in range(1000))

    assert 0 < right < 700


@requests
def test_wrong_frames_are_manifold(frame: Frame) -> None:
    dice = SeededDice(1)

    assert len({data_of(wrong(dice, frame)) for _ in range(1000)}) > 250


def test_every_length_field_is_wrong_in_every_way() -> None:
    dice, frame = SeededDice(1), send("a", Body(1, 300))
    lengths = {data_of(wrong(dice, frame, in_step=True))[18:20] for _ in range(20_000)}

    assert {value.to_bytes(2, "big") for value in (0, 1, 150, 299, 301, 32767, 32768, 65534, 65535)} <= lengths


def test_the_length_of_a_frame_is_wrong_in_every_way() -> None:
    dice, frame = SeededDice(1), get_key("a")
    lengths = {int.from_bytes(data_of(wrong(dice, frame))[:4], "big") for _ in range(20_000)}

    assert {0, 1, 6, 12, 14, 65792, 65793, 65794, 2**31 - 1, 2**31, 2**32 - 1} <= lengths


def test_signatures_are_flipped_malleated_and_replaced() -> None:
    dice = SeededDice(1)
    edits = {(e.field, e.kind) for _ in range(2000) for e in wrong(dice, prove("a")).edits}

    assert {("signature", "flip"), ("signature", "malleate"), ("signature", "replace")} <= edits


def test_strange_frames_are_of_types_that_no_client_sends() -> None:
    dice = SeededDice(1)
    types = {data_of(strange(dice))[4] for _ in range(5000)}

    assert {0x00, 0x09, 0x7F, 0x80, 0x89, 0xFF, *(kind for kind in MESSAGES if kind > 0x80)} <= types
