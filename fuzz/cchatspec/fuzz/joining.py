"""One script of several, each with users, connections and bodies of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import msgspec

from cchatspec.fuzz.script import Body, Close, Connect, Frame, Key, Name, Proof, Script, Send, Step, Value


def join(scripts: Sequence[Script]) -> Script:
    """A script that does what several do, one after the other."""
    steps: list[Step] = []
    for number, script in enumerate(scripts):
        steps += _Renamed(number).steps(script)
        if number < len(scripts) - 1:
            steps += [Close(_Renamed(number).connection(connection)) for connection in _connections(script)]
    return Script(registered=_users(scripts), steps=tuple(steps))


def interleave(scripts: Sequence[Script]) -> tuple[Script, dict[tuple[int, int], int]]:
    """A script that does what several do at the same time: the first step of each, then the second of each, and so on.

    With it comes where each step stands in it, by the number of its script and its own.
    """
    rows = zip_longest(*[_Renamed(number).steps(script) for number, script in enumerate(scripts)])
    steps: list[Step] = []
    places: dict[tuple[int, int], int] = {}
    for row_number, row in enumerate(rows):
        for number, step in enumerate(row):
            if step is not None:
                places[number, row_number] = len(steps)
                steps.append(step)
    return Script(registered=_users(scripts), steps=tuple(steps)), places


def connection_of(number: int, connection: int) -> int:
    """What a connection of one of the scripts is called; those of nobody's stay as they are."""
    return _Renamed(number).connection(connection) if connection >= 0 else connection


def _users(scripts: Sequence[Script]) -> tuple[str, ...]:
    return tuple(_Renamed(number).user(user) for number, script in enumerate(scripts) for user in script.registered)


def _connections(script: Script) -> list[int]:
    return list(dict.fromkeys(step.connection for step in script.steps if isinstance(step, Connect)))


@dataclass(frozen=True, slots=True)
class _Renamed:
    """What the users, connections and bodies of one script among several are called."""

    number: int

    def user(self, user: str) -> str:
        return f"{user}{self.number}"

    def connection(self, connection: int) -> int:
        return self.number * 1000 + connection

    def steps(self, script: Script) -> list[Step]:
        return [self.step(step) for step in script.steps]

    def step(self, step: Step) -> Step:
        moved = msgspec.structs.replace(step, connection=self.connection(step.connection))
        return (
            msgspec.structs.replace(moved, frames=tuple(map(self._frame, moved.frames)))
            if isinstance(moved, Send)
            else moved
        )

    def _frame(self, frame: Frame) -> Frame:
        return msgspec.structs.replace(frame, values={label: self._value(item) for label, item in frame.values.items()})

    def _value(self, value: Value) -> Value:
        match value:
            case Name(user=user):
                return Name(self.user(user))
            case Key(user=user):
                return Key(self.user(user))
            case Body(number=number, size=size):
                return Body(self.number * 1000 + number, size)
            case Proof(user=user, connection=connection, age=age):
                there = None if connection is None else self.connection(connection)
                return Proof(self.user(user), there, age)
        return value
