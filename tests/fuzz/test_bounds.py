from __future__ import annotations

import pytest

from cchatspec.fuzz.bounds import MOST_BYTES, MOST_FRAMES, MOST_STEPS, check, size, tidy
from cchatspec.fuzz.dice import SeededDice
from cchatspec.fuzz.frames import LIST, POLL, send
from cchatspec.fuzz.generate import conversation
from cchatspec.fuzz.script import (
    Body,
    Bytes,
    Close,
    Connect,
    Fence,
    Frame,
    HalfClose,
    Reset,
    Resume,
    Script,
    ScriptError,
    Send,
    Stall,
    Step,
)


def tidied(*steps: Step, registered: tuple[str, ...] = ()) -> tuple[Step, ...]:
    return tidy(Script(registered=registered, steps=steps)).steps


@pytest.mark.parametrize("seed", range(50))
def test_what_is_tidy_stays_as_it_is(seed: int) -> None:
    script = tidy(conversation(SeededDice(seed)))

    assert tidy(script) == script


def test_a_connection_is_opened_before_it_is_used() -> None:
    assert tidied(Fence(3)) == (Connect(3), Fence(3))


def test_a_connection_is_opened_once() -> None:
    assert tidied(Connect(0), Connect(0), Fence(0)) == (Connect(0), Fence(0))


@pytest.mark.parametrize("end", [Close(0), Reset(0)])
def test_nothing_is_done_on_a_connection_that_was_ended(end: Step) -> None:
    assert tidied(Connect(0), end, Send(0, (POLL,)), Fence(0), Stall(0), Close(0)) == (Connect(0), end)


def test_nothing_is_sent_behind_half_a_close() -> None:
    assert tidied(Connect(0), HalfClose(0), Send(0, (POLL,)), Fence(0)) == (Connect(0), HalfClose(0))


def test_reading_goes_on_only_where_it_had_stopped() -> None:
    assert tidied(Connect(0), Resume(0), Stall(0), Resume(0), Fence(0)) == (Connect(0), Stall(0), Resume(0), Fence(0))


def test_one_that_never_reads_still_sends_and_has_no_fence() -> None:
    assert tidied(Connect(0), Stall(0), Send(0, (POLL,)), Fence(0)) == (Connect(0), Stall(0), Send(0, (POLL,)))


def test_each_connection_ends_with_a_fence() -> None:
    assert tidied(Connect(0), Connect(1), Fence(0), Send(1, (LIST,)), Fence(1), Send(0, (POLL,)))[-1] == Fence(0)


def test_a_message_that_is_sent_twice_has_two_bodies() -> None:
    letter = send("a", Body(1, 40))
    (_, first, _) = tidied(Connect(0), Send(0, (letter, letter)), Fence(0))

    assert isinstance(first, Send)
    assert [frame.values["encrypted_message"] for frame in first.frames] == [Body(1, 40), Body(2, 40)]


def test_a_frame_that_cannot_be_sent_is_left_out() -> None:
    assert tidied(Connect(0), Send(0, (Frame(999), POLL)))[1] == Send(0, (POLL,))


def test_cuts_are_in_order_and_none_is_at_the_start() -> None:
    assert tidied(Connect(0), Send(0, (POLL,), (3, 0, 1, 3)))[1] == Send(0, (POLL,), (1, 3))


def test_only_some_users_are_registered() -> None:
    assert tidy(Script(registered=("b", "x", "a", "a"), steps=())).registered == ("a", "b")


def test_a_long_script_is_shortened() -> None:
    assert len(tidied(*[Send(0, (POLL,))] * 1000)) <= MOST_STEPS


def test_a_step_of_many_frames_is_shortened() -> None:
    (_, kept, _) = tidied(Connect(0), Send(0, (POLL,) * 1000))

    assert isinstance(kept, Send) and len(kept.frames) == MOST_FRAMES


def test_a_large_script_is_shortened() -> None:
    steps = (Connect(0), Send(0, tuple(send("a", Body(number, 65535)) for number in range(200))))

    assert MOST_BYTES - 70_000 < size(tidy(Script(steps=steps))) <= MOST_BYTES


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ((Fence(0),), "step 1: connection 0 is not open"),
        ((Connect(0), Connect(0)), "step 2: connection 0 is open already"),
        ((Connect(0), Close(0), Fence(0)), "step 3: connection 0 is not open"),
        (
            (Connect(0), Send(0, (Frame(3, {"username": Bytes("0")}),))),
            "step 2: .* username: expected hexadecimal digits",
        ),
        (
            (Connect(0), Send(0, (send("a", Body(1, 65535)),) * 200)),
            "expected a script that sends at most 8000000 bytes",
        ),
    ],
)
def test_a_script_that_cannot_be_run_is_told(steps: tuple[Step, ...], problem: str) -> None:
    with pytest.raises(ScriptError, match=problem):
        check(Script(steps=steps))
