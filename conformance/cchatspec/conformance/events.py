"""What a run tells while it goes on: the target is there, a case starts, a case ends, the end.

A run in this process hands these to whoever listens; a worker writes them to its standard output, one JSON object a line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from cchatspec.conformance.harness.wirelog import WireEntry
from cchatspec.reports.results import CaseResult
from cchatspec.spec import HEADER_SIZE, MessageType


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """The target accepts connections; `launch` is the command if it was started for the run."""

    host: str
    port: int
    launch: str | None


class Unreachable(msgspec.Struct, frozen=True, tag="unreachable"):
    """The target cannot be started or reached."""

    reason: str


class Started(msgspec.Struct, frozen=True, tag="started"):
    """A case starts."""

    case: str


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """A case has its verdict.

    Attributes:
        began: when it started, in seconds since 1970.
        host, port: where the target was.
        answers: how many frames of each kind the target sent.
        entries: all that crossed the wire.
    """

    result: CaseResult
    began: float
    host: str
    port: int
    answers: dict[str, int] = {}
    entries: tuple[WireEntry, ...] = ()


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """One run over the cases is at its end.

    Attributes:
        leftovers: results for what is broken and may have failed in no case of its own.
        observed: the reading of each open point that showed.
        broken: what went wrong in the suite itself.
        complete: whether no case is missing.
        restarts: how often the target died and was started again.
        advice: what could be better in the target, though it is not wrong.
    """

    leftovers: list[CaseResult]
    observed: dict[str, str]
    broken: list[str]
    complete: bool
    restarts: int
    advice: list[str] = []


Event = Opened | Unreachable | Started | Finished | Ended

#: Told of each event; true stops the run.
Listener = Callable[[Event], bool]


_TYPES = frozenset(MessageType)


def answers(entries: Sequence[WireEntry]) -> dict[str, int]:
    """How many frames of each kind came; errors are told apart by their code."""
    counted: dict[str, int] = {}
    for entry in entries:
        if entry.direction == "received" and len(entry.data) >= HEADER_SIZE:
            name = _kind(entry.data)
            counted[name] = counted.get(name, 0) + 1
    return counted


def _kind(frame: bytes) -> str:
    if frame[4] not in _TYPES:
        return "frames of unknown type"
    if frame[4] == MessageType.ERROR and len(frame) > HEADER_SIZE:
        return f"ERROR {frame[HEADER_SIZE]:02x}"
    return MessageType(frame[4]).name
