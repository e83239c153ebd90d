"""Scripts that are like others but for something: what a reduction does to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from cchatspec.fuzz.encode import fields_of
from cchatspec.fuzz.script import Frame, Script, Send, Step
from cchatspec.spec.model import PrefixedBytes

#: A step of a script and a frame of it.
Place = tuple[int, int]

_Struct = TypeVar("_Struct", bound=msgspec.Struct)


def with_steps(script: Script, steps: Iterable[Step]) -> Script:
    """The script with other steps."""
    return changed(script, steps=tuple(steps))


def all_frames(script: Script) -> list[tuple[Place, Frame]]:
    """Every frame with its step and its place in it."""
    return [
        ((at, n), frame)
        for at, step in enumerate(script.steps)
        if isinstance(step, Send)
        for n, frame in enumerate(step.frames)
    ]


def map_frames(script: Script, change: Callable[[Place, Frame], Frame]) -> Script:
    """The script with each frame changed."""
    steps = [
        changed(step, frames=tuple(change((at, n), frame) for n, frame in enumerate(step.frames)))
        if isinstance(step, Send)
        else step
        for at, step in enumerate(script.steps)
    ]
    return with_steps(script, steps)


def frame_at(script: Script, place: Place) -> Frame:
    """The frame at a place."""
    step = script.steps[place[0]]
    assert isinstance(step, Send)
    return step.frames[place[1]]


def put_frame(script: Script, place: Place, frame: Frame) -> Script:
    """The script with another frame at a place."""
    return map_frames(script, lambda other, old: frame if other == place else old)


def changed(struct: _Struct, **values: Any) -> _Struct:
    """The same with some of its fields replaced."""
    return msgspec.structs.replace(struct, **values)


def length_of(kind: int, label: str) -> str:
    """The label of a field's length, empty if it has none."""
    fields = [field for field in fields_of(kind) if isinstance(field, PrefixedBytes)]
    return next((field.prefix_name for field in fields if field.name == label), "")
