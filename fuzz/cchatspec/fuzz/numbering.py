"""One way to call the users and connections of a script: `a`, `b` … and 1, 2 … in the order in which they come."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, product
from string import ascii_lowercase

import msgspec

from cchatspec.fuzz.script import Body, Frame, Key, Name, Proof, Script, Send, Step, Value

#: The number of the first connection, as in wire logs.
FIRST = 1


def renumbered(script: Script) -> Script:
    """The script with its users, connections and bodies called in their order."""
    users = dict(zip(_users(script), _letters(), strict=False))
    numbers = dict(zip(dict.fromkeys(step.connection for step in script.steps), count(FIRST), strict=False))
    bodies = dict(zip(dict.fromkeys(_bodies(script)), count(1), strict=False))

    def value(old: Value) -> Value:
        match old:
            case Name(user=user):
                return Name(users[user])
            case Key(user=user):
                return Key(users[user])
            case Body(number=number, size=size):
                return Body(bodies[number], size)
            case Proof(user=user, connection=connection, age=age):
                # A challenge of a connection that is never made stays one that never comes.
                there = None if connection is None else numbers.get(connection, len(numbers) + FIRST)
                return Proof(users[user], there, age)
        return old

    def frame(old: Frame) -> Frame:
        return msgspec.structs.replace(old, values={label: value(item) for label, item in old.values.items()})

    def step(old: Step) -> Step:
        new = msgspec.structs.replace(old, connection=numbers[old.connection])
        return msgspec.structs.replace(new, frames=tuple(map(frame, new.frames))) if isinstance(new, Send) else new

    registered = tuple(sorted(users[user] for user in script.registered))
    return msgspec.structs.replace(script, registered=registered, steps=tuple(map(step, script.steps)))


def _values(script: Script) -> Iterator[Value]:
    for step in script.steps:
        if isinstance(step, Send):
            for frame in step.frames:
                yield from frame.values.values()


def _users(script: Script) -> list[str]:
    """All users, those whom a frame names first."""
    named = [value.user for value in _values(script) if isinstance(value, Name | Key | Proof)]
    return list(dict.fromkeys([*named, *script.registered]))


def _bodies(script: Script) -> Iterator[int]:
    return (value.number for value in _values(script) if isinstance(value, Body))


def _letters() -> Iterator[str]:
    for size in count(1):
        yield from map("".join, product(ascii_lowercase, repeat=size))
