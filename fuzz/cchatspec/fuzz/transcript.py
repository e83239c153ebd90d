"""A run as a plan that can be played again without us: what was sent in which order, and what came meanwhile.

The plan is taken from the trace, so it has the fences too by which the runner proved that nothing more came, and what it
collected for users at the end. Names, keys, signatures and bodies stand in it by reference, since they differ when it is played.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cchatspec.conformance.harness.outcomes import Ending
from cchatspec.fuzz.alone import layouts
from cchatspec.fuzz.encode import encode
from cchatspec.fuzz.script import (
    NAME_SIZE,
    Bytes,
    Close,
    Connect,
    Edit,
    Frame,
    HalfClose,
    Key,
    Name,
    Proof,
    Reset,
    Resume,
    Send,
    Stall,
)
from cchatspec.fuzz.standalone.reading import Words
from cchatspec.fuzz.trace import Ended, Event, Noted, Received, Sent, Trace
from cchatspec.spec import HEADER_SIZE, LoginUser, Message, WireError, parse

#: What the runner itself sends on, to collect messages; each time it does, the plan has a connection from this number on.
_COLLECTOR = -3
_COLLECTED = 900

#: Who is registered so that a stranger's fence has a name to ask for.
_RESIDENT = "resident"

_ACTIONS = {
    "we close the connection": ("close", Close),
    "we reset the connection": ("reset", Reset),
    "we shut down our sending side": ("half-close", HalfClose),
    "we read no more": ("stall", Stall),
    "we read on": ("resume", Resume),
}


@dataclass(slots=True)
class Came:
    """What came on a connection, in words, and whether it ended."""

    frames: list[str] = field(default_factory=list)
    ended: str = ""


@dataclass(slots=True)
class Plan:
    """What to play: who is registered before, the steps, and what came on each connection."""

    registered: list[str]
    steps: list[dict[str, Any]]
    came: dict[int, Came]


class _Placeholders:
    """Stands for each reference by bytes of the right size, of which those of a body are like no others."""

    def __init__(self) -> None:
        self.meaning: dict[bytes, str] = {}

    def name(self, user: str) -> bytes:
        return bytes(NAME_SIZE)

    def key(self, user: str) -> bytes:
        return bytes(32)

    def proof(self, user: str, connection: int, age: int) -> bytes:
        return bytes(64)

    def body(self, number: int, size: int) -> bytes:
        data = f"<{number}>".encode().ljust(size, b"~")[:size]
        self.meaning[data] = f"body {number} of {size} bytes"
        return data


def known_bytes(trace: Trace) -> dict[bytes, str]:
    """What the names and keys of the script's users were, and its bodies as far as they were sent unchanged."""
    found = {account.name: f"name of {user}" for user, account in trace.accounts.items()}
    found |= {account.key: f"key of {user}" for user, account in trace.accounts.items()}
    for event, frame in _frames_sent(trace):
        holders = _Placeholders()
        shape = encode(frame, holders, event.connection)
        if len(shape.data) != len(event.data):
            continue
        for label, start, end in shape.spans:
            if label == "encrypted_message" and (meaning := holders.meaning.get(shape.data[start:end])):
                found[event.data[start:end]] = meaning
    return found


def _frames_sent(trace: Trace) -> Iterator[tuple[Sent, Frame]]:
    """What was sent for each frame of the script."""
    counts: dict[int, int] = {}
    for event in trace.events:
        if isinstance(event, Sent) and event.step >= 0 and not event.fence:
            step = trace.script.steps[event.step]
            number = counts.get(event.step, 0)
            counts[event.step] = number + 1
            if isinstance(step, Send) and number < len(step.frames):
                yield event, step.frames[number]


def sent_frames(trace: Trace) -> dict[int, list[Sent]]:
    """What was sent for the frames of each step of the script, by the number of the step."""
    found: dict[int, list[Sent]] = {}
    for event, _ in _frames_sent(trace):
        found.setdefault(event.step, []).append(event)
    return found


def script_size(trace: Trace) -> int:
    """How many bytes the steps of the script sent, their fences among them."""
    return sum(len(event.data) for event in trace.events if isinstance(event, Sent) and event.step >= 0)


def plan_of(trace: Trace) -> Plan:
    """The plan that does what was done in a run."""
    return _Planner(trace).plan()


class _Planner:
    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._known = known_bytes(trace)
        self._words = Words({layout["code"]: layout for layout in layouts()}, self._known)
        self._frames = {id(event): frame for event, frame in _frames_sent(trace)}
        self._steps: list[dict[str, Any]] = []
        self._came: dict[int, Came] = {}
        self._awaited: dict[int, int] = {}
        self._next = 0
        self._collectors = _COLLECTED
        self._uses_resident = False

    def plan(self) -> Plan:
        events = [
            event
            for event in _until_silence(self._trace.events)
            if event.connection >= 0 or event.connection == _COLLECTOR
        ]
        for group in _writes(events):
            if isinstance(group[0], Sent):
                self._send([event for event in group if isinstance(event, Sent)])
            else:
                self._take(group[0])
        self._open_up_to(len(self._trace.script.steps))
        self._await()
        registered = [*self._trace.script.registered, *([_RESIDENT] if self._uses_resident else [])]
        return Plan(registered, self._steps, self._came)

    def _number(self, connection: int) -> int:
        return self._collectors if connection == _COLLECTOR else connection

    def _take(self, event: Event) -> None:
        came = self._came.setdefault(self._number(event.connection), Came())
        match event:
            case Received(data=data):
                text = self._words.frame(data)
                if text is not None:
                    came.frames.append(text)
            case Ended(how=how):
                came.ended = "ended" if how in (Ending.FIN, Ending.RST) else came.ended
                came.ended = "refused" if how is Ending.REFUSED else came.ended
            case Noted(connection=connection, text=text) if text in _ACTIONS:
                self._act(connection, *_ACTIONS[text])

    def _act(self, connection: int, action: str, kind: type[Any]) -> None:
        """An action that the script asks for: what came before it is awaited, and what it opens before it is opened."""
        for at in range(self._next, len(self._trace.script.steps)):
            step = self._trace.script.steps[at]
            if isinstance(step, kind) and step.connection == connection:
                self._open_up_to(at)
                break
        self._await()
        self._steps.append({"do": action, "on": connection})

    def _open_up_to(self, end: int) -> None:
        while self._next < end:
            step = self._trace.script.steps[self._next]
            self._next += 1
            if isinstance(step, Connect):
                self._await()
                self._steps.append({"do": "connect", "on": step.connection})
                self._came.setdefault(step.connection, Came())

    def _await(self) -> None:
        for number, came in self._came.items():
            count = len(came.frames)
            if count > self._awaited.get(number, 0):
                self._awaited[number] = count
                self._steps.append({"do": "await", "on": number, "count": count})

    def _send(self, written: Sequence[Sent]) -> None:
        connection = written[0].connection
        self._open_up_to(max(event.step for event in written))
        if connection == _COLLECTOR and _asks_for_challenge(written[0]):
            if self._collectors == _COLLECTED:
                self._close_all()
            self._collectors += 1
            self._steps.append({"do": "connect", "on": self._collectors})
        self._await()
        frames = [self._frame(event) for event in written]
        step = {"do": "send", "on": self._number(connection), "frames": frames}
        cuts = self._cuts(written)
        self._steps.append({**step, "cuts": cuts} if cuts else step)

    def _close_all(self) -> None:
        """The script's connections are closed by the time at which messages are collected."""
        self._await()
        opened = dict.fromkeys(step["on"] for step in self._steps if step["do"] == "connect")
        self._steps += [{"do": "close", "on": number} for number in opened]

    def _cuts(self, written: Sequence[Sent]) -> list[int]:
        """Where the script cuts what was written at once; its offsets count from the first frame of the step."""
        at = 0
        for event in written:
            step = self._trace.script.steps[event.step] if event.step >= 0 else None
            if isinstance(step, Send) and step.cuts:
                return [at + cut for cut in step.cuts]
            at += len(event.data)
        return []

    def _frame(self, event: Sent) -> dict[str, Any]:
        frame = self._frames.get(id(event))
        if frame is None:
            frame = self._own_frame(event.data)
        return {**msgspec.to_builtins(frame), "kind": int(frame.kind)}

    def _own_frame(self, data: bytes) -> Frame:
        """A frame that the runner sent for reasons of its own."""
        try:
            message = parse(data[4], data[HEADER_SIZE:])
        except WireError:
            return Frame(data[4], {}, (_replaced(data),))
        values: dict[str, Any] = {}
        for label in message.__struct_fields__:
            values[label] = self._value(label, getattr(message, label), message)
        return Frame(int(message.type), values)

    def _value(self, label: str, item: Any, message: Message) -> Any:
        if isinstance(item, int):
            return int(item)
        meaning = self._known.get(item, "")
        owner = meaning.removeprefix("name of ").removeprefix("key of ")
        if label == "signature" and isinstance(message, LoginUser):
            owner = self._known.get(message.username, "").removeprefix("name of ")
            return Proof(owner) if any(item) and owner else Bytes(item.hex())
        if label == "public_key":
            return Key(owner or self._resident())
        if label == "username":
            return Name(owner or self._resident())
        return Bytes(item.hex())

    def _resident(self) -> str:
        self._uses_resident = True
        return _RESIDENT


def _until_silence(events: Sequence[Event]) -> Sequence[Event]:
    """The events up to a reply that did not come; what follows is only what we did about it."""
    for at, event in enumerate(events):
        if isinstance(event, Ended) and event.how is Ending.DEADLINE:
            return events[:at]
    return events


def _replaced(data: bytes) -> Edit:
    return Edit("payload", "replace", hex=data[HEADER_SIZE:].hex())


def _asks_for_challenge(event: Sent) -> bool:
    return event.data[4] == LoginUser.type and not any(event.data[-64:])


def _writes(events: Sequence[Event]) -> Iterator[list[Event]]:
    """The events, where those that left in one write stand together."""
    group: list[Event] = []
    for event in events:
        last = group[-1] if group else None
        if (
            isinstance(event, Sent)
            and isinstance(last, Sent)
            and (event.ms, event.connection) == (last.ms, last.connection)
        ):
            group.append(event)
            continue
        if group:
            yield group
        group = [event]
    if group:
        yield group
