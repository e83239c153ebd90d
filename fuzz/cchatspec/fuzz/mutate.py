"""Scripts made of others: changed in one place or several, or two of them joined.

A mutation changes a step, a frame, a value or an edit. One is made in half of the cases, two in a quarter, and so on up to eight.
What comes out is brought back to the bounds of a script, so it can be run and mutated again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cchatspec.fuzz import frames
from cchatspec.fuzz.acts import request
from cchatspec.fuzz.boundaries import TEXTS, TIMES, body_size
from cchatspec.fuzz.bounds import MOST_LINES, size, tidy
from cchatspec.fuzz.dice import Dice, Table
from cchatspec.fuzz.draft import ABRUPT, KNOWN, UNKNOWN, Draft, Line
from cchatspec.fuzz.script import (
    Body,
    Bytes,
    Connect,
    Edit,
    Fence,
    Frame,
    HalfClose,
    Key,
    Name,
    Proof,
    Script,
    Send,
    Stall,
    Step,
    Value,
)
from cchatspec.fuzz.wrong import strange, wrong

Steps = list[Step]
Mutation = Callable[[Dice, Steps], None]

_USERS: Final = (*KNOWN[:2], *UNKNOWN[:1], *KNOWN[2:], *UNKNOWN[1:])

#: A mutated script does not grow beyond this, in bytes, unless it was longer before.
_LONG: Final = 60_000


def mutate(dice: Dice, script: Script) -> Script:
    """The script, changed."""
    steps = list(script.steps)
    for _ in range(8):
        dice.pick(MUTATIONS)(dice, steps)
        if dice.chance(50):
            break
    registered = script.registered
    if dice.chance(3):
        registered = KNOWN[: dice.below(4)]
    return tidy(Script(registered=registered, steps=tuple(steps)), most_bytes=max(_LONG, size(script)))


def splice(dice: Dice, first: Script, second: Script) -> Script:
    """The first script up to a place and the second from a place on, or both at the same time on connections of their own."""
    registered = tuple({*first.registered, *second.registered})
    together = _joined if dice.chance(50) else _at_once
    whole = Script(registered=registered, steps=tuple(together(dice, list(first.steps), list(second.steps))))
    return tidy(whole, most_bytes=max(_LONG, size(first), size(second)))


def _joined(dice: Dice, first: Steps, second: Steps) -> Steps:
    return [*first[: dice.below(len(first) + 1)], *second[dice.below(len(second) + 1) :]]


def _at_once(dice: Dice, first: Steps, second: Steps) -> Steps:
    more = 1 + max((step.connection for step in first), default=-1)
    second = [_on(step, step.connection + more) for step in second if step.connection + more < MOST_LINES]
    steps: Steps = []
    while first or second:
        source = first if first and (not second or dice.chance(50)) else second
        steps.append(source.pop(0))
    return steps


def _on(step: Step, number: int) -> Step:
    """The step on another connection; proofs of a connection go along."""
    match step:
        case Send():
            shift = number - step.connection
            return Send(number, tuple(_shifted(frame, shift) for frame in step.frames), step.cuts, step.waits)
        case Fence():
            return Fence(number, step.waits)
    return type(step)(number)


def _shifted(frame: Frame, shift: int) -> Frame:
    proof = frame.values.get("signature")
    if not isinstance(proof, Proof) or proof.connection is None:
        return frame
    return _with(frame, "signature", Proof(proof.user, proof.connection + shift, proof.age))


def _with(frame: Frame, label: str, value: Value) -> Frame:
    return Frame(frame.kind, {**frame.values, label: value}, frame.edits)


# --- Steps.


def _place(dice: Dice, steps: Steps) -> int:
    return dice.below(len(steps) + 1)


def _lines(steps: Steps) -> list[int]:
    return sorted({step.connection for step in steps}) or [0]


def _leave_out(dice: Dice, steps: Steps) -> None:
    if steps:
        start = dice.below(len(steps))
        del steps[start : start + 1 + (dice.below(4) if dice.chance(25) else 0)]


def _double(dice: Dice, steps: Steps) -> None:
    if steps:
        start = dice.below(len(steps))
        copied = steps[start : start + 1 + dice.below(3)]
        place = _place(dice, steps) if dice.chance(40) else start
        steps[place:place] = copied


def _exchange(dice: Dice, steps: Steps) -> None:
    if len(steps) > 1:
        place = dice.below(len(steps) - 1)
        steps[place], steps[place + 1] = steps[place + 1], steps[place]


def _move(dice: Dice, steps: Steps) -> None:
    """A step on another connection, which may be a new one."""
    if steps:
        place = dice.below(len(steps))
        lines = _lines(steps)
        steps[place] = _on(steps[place], dice.one([*lines, lines[-1] + 1]))


def _waiting(dice: Dice, steps: Steps) -> None:
    """Wait for the replies to a step, or do not."""
    places = [place for place, step in enumerate(steps) if isinstance(step, Send | Fence)]
    if places:
        place = dice.one(places)
        step = steps[place]
        if isinstance(step, Send):
            steps[place] = Send(step.connection, step.frames, step.cuts, not step.waits)
        elif isinstance(step, Fence):
            steps[place] = Fence(step.connection, not step.waits)


def _fence(dice: Dice, steps: Steps) -> None:
    steps.insert(_place(dice, steps), Fence(dice.one(_lines(steps))))


def _end(dice: Dice, steps: Steps) -> None:
    how = dice.one((*ABRUPT, HalfClose, Stall)) if dice.chance(80) else Stall
    steps.insert(_place(dice, steps), how(dice.one(_lines(steps))))


def _session(dice: Dice, steps: Steps) -> None:
    """Another session, on a connection of its own."""
    number = _lines(steps)[-1] + 1
    user = dice.one(_USERS[:3])
    asked = (Connect(number), Send(number, (frames.ask(user),)), Send(number, (frames.prove(user),)))
    place = _place(dice, steps)
    steps[place:place] = asked


# --- Frames.


def _sends(steps: Steps) -> list[int]:
    return [place for place, step in enumerate(steps) if isinstance(step, Send)]


def _with_frames(change: Callable[[Dice, list[Frame]], None]) -> Mutation:
    """A mutation of the frames of one step."""

    def mutation(dice: Dice, steps: Steps) -> None:
        if places := _sends(steps):
            place = dice.one(places)
            step = steps[place]
            assert isinstance(step, Send)
            changed = list(step.frames)
            change(dice, changed)
            steps[place] = Send(step.connection, tuple(changed), step.cuts, step.waits)

    return mutation


def _change_one(change: Callable[[Dice, Frame], Frame]) -> Mutation:
    """A mutation of one frame of one step."""

    def mutation(dice: Dice, changed: list[Frame]) -> None:
        if changed:
            place = dice.below(len(changed))
            changed[place] = change(dice, changed[place])

    return _with_frames(mutation)


def _spoil(dice: Dice, frame: Frame) -> Frame:
    """Something more is wrong with the frame, or something else."""
    base = frame if dice.chance(50) and len(frame.edits) < 4 else Frame(frame.kind, frame.values)
    return wrong(dice, base, in_step=dice.chance(85))


def _revalue(dice: Dice, frame: Frame) -> Frame:
    if not frame.values:
        return Frame(dice.below(10), frame.values, frame.edits) if dice.chance(20) else frame
    label = dice.one(tuple(frame.values))
    return _with(frame, label, _signature(dice) if label == "signature" else _other(dice, frame.values[label]))


def _signature(dice: Dice) -> Value:
    """None, or that of another user, connection or challenge."""
    return frames.ZEROS if dice.chance(25) else Proof(dice.one(_USERS), dice.one((None, None, 0, 1)), dice.below(3))


def _other(dice: Dice, value: Value) -> Value:
    match value:
        case Name():
            return Name(dice.one(_USERS))
        case Key():
            return Key(dice.one(_USERS))
        case Body():
            return Body(value.number, body_size(dice))
        case Bytes():
            return Bytes(value.hex, dice.one((1, 2, 64))) if dice.chance(50) else Bytes(dice.one(TEXTS).hex())
        case Proof():
            return value
    return dice.below(256)


def _edits(dice: Dice, frame: Frame) -> Frame:
    """One edit less, or with another number."""
    if not frame.edits:
        return frame
    edits = list(frame.edits)
    place = dice.below(len(edits))
    edit = edits[place]
    if dice.chance(40):
        del edits[place]
    elif edit.kind != "repeat":
        number = edit.number + dice.one((1, -1, 2, -2, edit.number, -edit.number, 128))
        number = max(-(2**31), min(number, 2**32 - 1))
        edits[place] = Edit(edit.field, edit.kind, number, max(edit.at + dice.one((0, 1, -1)), 0), edit.hex)
    return Frame(frame.kind, frame.values, tuple(edits))


def _add_frame(dice: Dice, changed: list[Frame]) -> None:
    draft = Draft(dice, 2)
    frame = strange(dice) if dice.chance(8) else request(draft, Line(0, "in", "a"))
    changed.insert(dice.below(len(changed) + 1), frame)


def _less(dice: Dice, changed: list[Frame]) -> None:
    if changed:
        del changed[dice.below(len(changed))]


def _more(dice: Dice, changed: list[Frame]) -> None:
    if changed:
        place = dice.below(len(changed))
        times = dice.one(dice.pick(TIMES)) if dice.chance(40) else 2
        changed[place:place] = [changed[place]] * (times - 1)


def _order(dice: Dice, changed: list[Frame]) -> None:
    if len(changed) > 1:
        place = dice.below(len(changed) - 1)
        changed[place], changed[place + 1] = changed[place + 1], changed[place]


def _cut(dice: Dice, steps: Steps) -> None:
    """Other cuts: none, one, or every byte of the first hundred."""
    if places := _sends(steps):
        place = dice.one(places)
        step = steps[place]
        assert isinstance(step, Send)
        cuts = dice.one(((), (1 + dice.below(8),), (1 + dice.below(200),), tuple(range(1, 101))))
        steps[place] = Send(step.connection, step.frames, cuts, step.waits)


MUTATIONS: Final[Table[Mutation]] = Table(
    (20, _change_one(_spoil)),
    (14, _change_one(_revalue)),
    (14, _with_frames(_add_frame)),
    (8, _with_frames(_more)),
    (7, _with_frames(_less)),
    (6, _with_frames(_order)),
    (6, _change_one(_edits)),
    (6, _leave_out),
    (5, _double),
    (5, _exchange),
    (4, _move),
    (3, _waiting),
    (3, _session),
    (3, _end),
    (3, _cut),
    (2, _fence),
)
