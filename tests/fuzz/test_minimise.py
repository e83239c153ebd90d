"""Reduction: what is left is what the predicate needs, and no more questions are asked than need be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cchatspec.fuzz.minimise import Stop, minimise
from cchatspec.fuzz.numbering import renumbered
from cchatspec.fuzz.script import (
    Body,
    Bytes,
    Close,
    Connect,
    Edit,
    Fence,
    Frame,
    Key,
    Name,
    Proof,
    Script,
    Send,
    Step,
)

REGISTER, LOGIN, LOOKUP, SEND, POLL, STATUS, LIST = 1, 2, 3, 4, 5, 6, 7
NOISE = [
    Frame(POLL),
    Frame(LOOKUP, {"username": Name("c")}, (Edit("username_length", "add", 1),)),
    Frame(LIST, {}, (Edit("payload", "grow", hex="00ff"),)),
]


class Asked:
    """A predicate that counts how often it is asked."""

    def __init__(self, shows: Callable[[Script], bool]) -> None:
        self.shows, self.times = shows, 0

    def __call__(self, script: Script) -> bool:
        self.times += 1
        return self.shows(script)


def frames(script: Script) -> list[Frame]:
    return [frame for step in script.steps if isinstance(step, Send) for frame in step.frames]


def script(*steps: Step, registered: tuple[str, ...] = ()) -> Script:
    return Script(registered=registered, steps=steps)


def one(*sent: Frame, registered: tuple[str, ...] = ()) -> Script:
    return script(Connect(1), *(Send(1, (frame,)) for frame in sent), registered=registered)


def has_in_order(script: Script, kinds: list[int]) -> bool:
    left = list(kinds)
    for frame in frames(script):
        if left and frame.kind == left[0]:
            left.pop(0)
    return not left


def body_size(script: Script) -> int:
    sizes = [value.size for frame in frames(script) for value in frame.values.values() if isinstance(value, Body)]
    return max(sizes, default=0)


DEPTH_5 = [REGISTER, LOGIN, LOGIN, STATUS, SEND]


def depth_5(script: Script) -> bool:
    return has_in_order(script, DEPTH_5) and body_size(script) >= 300


def thirty_frames(at: list[int]) -> Script:
    """Thirty frames on two connections, among which the five stand at these places."""
    needed = [
        Frame(REGISTER, {"username": Name("b"), "public_key": Key("b")}),
        Frame(LOGIN, {"username": Name("b")}),
        Frame(LOGIN, {"username": Name("b"), "signature": Proof("b")}),
        Frame(STATUS, {"status": 2}),
        Frame(SEND, {"recipient": Name("c"), "encrypted_message": Body(7, 65_535)}),
    ]
    steps: list[Step] = [Connect(3), Connect(8)]
    for number in range(30):
        frame = needed[at.index(number)] if number in at else NOISE[number % 3]
        steps.append(Send(8 if number in at else 3, (frame,), cuts=(2, 5) if number % 2 else (), waits=number % 3 > 0))
        steps += [Fence(8, waits=False)] if number % 5 == 0 else []
    return script(*steps, registered=("c", "d"))


@given(st.sets(st.integers(0, 29), min_size=5, max_size=5))
def test_thirty_frames_become_the_five_that_are_needed_within_the_budget(at: set[int]) -> None:
    asked = Asked(depth_5)

    left = minimise(thirty_frames(sorted(at)), asked)

    assert [frame.kind for frame in frames(left)] == DEPTH_5
    assert body_size(left) == 300
    assert asked.times <= 150


def test_nothing_is_left_of_what_is_not_needed() -> None:
    left = minimise(thirty_frames([3, 8, 9, 20, 28]), depth_5)

    assert left == one(
        Frame(REGISTER), Frame(LOGIN), Frame(LOGIN), Frame(STATUS), Frame(SEND, {"encrypted_message": Body(1, 300)})
    )


def test_the_same_script_and_answers_give_the_same_result() -> None:
    first, second = (minimise(thirty_frames([0, 1, 12, 13, 29]), depth_5) for _ in range(2))

    assert first == second


def test_no_script_is_asked_about_twice() -> None:
    seen: list[Script] = []

    minimise(thirty_frames([1, 2, 3, 4, 5]), lambda script: not seen.append(script) and depth_5(script))  # type: ignore[func-returns-value]

    assert [script for number, script in enumerate(seen) if script in seen[:number]] == []


def test_the_budget_is_kept_and_what_was_reached_is_the_result() -> None:
    asked = Asked(depth_5)

    left = minimise(thirty_frames([1, 2, 3, 4, 5]), asked, budget=9)

    assert asked.times == 9
    assert 5 <= len(frames(left)) < 30 and depth_5(left)


def test_a_predicate_that_stops_leaves_what_is_smallest_so_far() -> None:
    answers = iter([True, False])

    def shows(script: Script) -> bool:
        try:
            return next(answers)
        except StopIteration:
            raise Stop from None

    left = minimise(one(*[Frame(POLL)] * 4), shows)

    assert len(frames(left)) < 4


def test_what_nothing_can_be_taken_from_stays() -> None:
    small = one(Frame(POLL))

    assert minimise(small, lambda script: script == small) == small


def test_connections_that_do_not_matter_go() -> None:
    both = script(Connect(1), Connect(2), Send(2, (Frame(POLL),)), Send(1, (Frame(LIST),)), Close(2))

    assert minimise(both, lambda script: has_in_order(script, [LIST])) == one(Frame(LIST))


def test_a_connection_is_opened_before_it_is_used() -> None:
    both = script(Connect(4), Connect(5), Send(4, (Frame(POLL),)), Send(5, (Frame(LIST),)))

    left = minimise(both, lambda script: has_in_order(script, [POLL, LIST]))

    assert left == script(Connect(1), Connect(2), Send(1, (Frame(POLL),)), Send(2, (Frame(LIST),)))


def test_frames_of_one_step_are_left_out_one_by_one() -> None:
    batch = script(Connect(1), Send(1, tuple(Frame(kind) for kind in range(20, 60))))

    assert minimise(batch, lambda script: has_in_order(script, [27, 41])) == one(Frame(27), Frame(41))


def test_frames_that_must_go_out_together_stay_together() -> None:
    pair = (Frame(POLL), Frame(LIST))
    batch = script(Connect(1), Send(1, (Frame(STATUS), *pair, Frame(STATUS)), waits=False))

    left = minimise(
        batch, lambda script: any(isinstance(step, Send) and step.frames[-2:] == pair for step in script.steps)
    )

    assert left == script(Connect(1), Send(1, pair))


def test_a_cut_stays_if_it_matters_alone() -> None:
    cut = script(Connect(1), Send(1, (Frame(POLL),), cuts=(1, 2, 3, 4)))

    left = minimise(cut, lambda script: any(isinstance(step, Send) and 3 in step.cuts for step in script.steps))

    assert left == script(Connect(1), Send(1, (Frame(POLL),), cuts=(3,)))


def test_steps_wait_if_that_does_not_matter() -> None:
    hasty = script(Connect(1), Send(1, (Frame(POLL),), waits=False), Fence(1, waits=False))

    left = minimise(
        hasty, lambda script: any(isinstance(step, Fence) for step in script.steps) and bool(frames(script))
    )

    assert left == script(Connect(1), Send(1, (Frame(POLL),)), Fence(1))


def test_of_many_edits_the_one_that_matters_stays() -> None:
    edits = tuple(Edit(f"field{number}", "drop") for number in range(9))

    left = minimise(
        one(Frame(POLL, {}, edits)),
        lambda script: any(Edit("field6", "drop") in frame.edits for frame in frames(script)),
    )

    assert left == one(Frame(POLL, {}, (Edit("field6", "drop"),)))


@pytest.mark.parametrize("smallest", [1, 2, 255, 256, 65_535])
def test_a_body_gets_as_small_as_it_can_be(smallest: int) -> None:
    large = one(Frame(SEND, {"encrypted_message": Body(1, 65_535)}))

    assert body_size(minimise(large, lambda script: body_size(script) >= smallest)) == smallest


def test_a_type_that_was_set_becomes_a_frame_of_that_type() -> None:
    retyped = one(Frame(SEND, {"encrypted_message": Body(1, 9)}, (Edit("type", "set", 95), Edit("payload", "cut", 3))))

    def shows(script: Script) -> bool:
        return any(frame.kind == 95 or Edit("type", "set", 95) in frame.edits for frame in frames(script))

    assert minimise(retyped, shows) == one(Frame(95))


def test_what_replaces_a_name_and_its_length_becomes_the_name() -> None:
    edits = (Edit("username", "replace", hex="6162"), Edit("username_length", "set", 2))
    replaced = one(Frame(LOOKUP, {"username": Name("a")}, edits))

    def shows(script: Script) -> bool:
        return b"ab" in sent_name(script) or any(edits[0] in frame.edits for frame in frames(script))

    assert minimise(replaced, shows) == one(Frame(LOOKUP, {"username": Bytes("6162")}))


def test_long_bodies_become_short_before_anything_else_is_tried() -> None:
    seen: list[Script] = []
    long = one(*[Frame(SEND, {"encrypted_message": Body(number, 65_535)}) for number in range(40)])

    def shows(script: Script) -> bool:
        seen.append(script)
        return len(frames(script)) > 30

    minimise(long, shows)

    assert max(map(body_size, seen)) <= 16


def sent_name(script: Script) -> bytes:
    """The name in the first frame, as bytes."""
    value = frames(script)[0].values.get("username") if frames(script) else None
    return bytes.fromhex(value.hex) * value.times if isinstance(value, Bytes) else b""


def test_of_bytes_the_shortest_part_that_matters_is_kept() -> None:
    named = one(Frame(LOOKUP, {"username": Bytes("00112233256e4455", 9)}))

    left = minimise(named, lambda script: bool(frames(script)) and b"%n" in sent_name(script))

    assert left == one(Frame(LOOKUP, {"username": Bytes("256e", 1)}))


def test_bytes_that_do_not_matter_become_plain() -> None:
    named = one(Frame(LOOKUP, {"username": Bytes("ff00c3")}))

    left = minimise(named, lambda script: bool(frames(script)) and sent_name(script)[1:2] == b"\0")

    assert left == one(Frame(LOOKUP, {"username": Bytes("6100")}))


def test_a_number_goes_down_to_where_it_begins() -> None:
    status = one(Frame(STATUS, {"status": 200}))

    left = minimise(
        status, lambda script: any(frame.values.get("status", 0) in range(3, 256) for frame in frames(script))
    )

    assert left == one(Frame(STATUS, {"status": 3}))


@pytest.mark.parametrize(
    ("edit", "smallest"),
    [
        (Edit("length", "add", 77), Edit("length", "add", 1)),
        (Edit("length", "add", -77), Edit("length", "add", -1)),
        (Edit("payload", "grow", hex="00" * 40), Edit("payload", "grow", hex="61")),
        (Edit("payload", "repeat", 90), Edit("payload", "repeat", 2)),
    ],
)
def test_an_edit_does_no_more_than_it_must(edit: Edit, smallest: Edit) -> None:
    def shows(script: Script) -> bool:
        left = frames(script)[0].edits if frames(script) else ()
        return bool(left) and abs(left[0].number) + len(left[0].hex) // 2 >= (2 if edit.kind == "repeat" else 1)

    assert minimise(one(Frame(POLL, {}, (edit,))), shows) == one(Frame(POLL, {}, (smallest,)))


def test_users_and_connections_are_called_in_their_order() -> None:
    some = script(
        Connect(7),
        Connect(2),
        Send(2, (Frame(LOGIN, {"username": Name("x"), "signature": Proof("q", 7)}),)),
        registered=("zz", "q"),
    )

    assert renumbered(some) == script(
        Connect(1),
        Connect(2),
        Send(2, (Frame(LOGIN, {"username": Name("a"), "signature": Proof("b", 1)}),)),
        registered=("b", "c"),
    )
