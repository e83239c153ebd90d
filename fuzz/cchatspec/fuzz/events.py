"""What a session of fuzzing tells while it goes on; a worker writes it to its standard output, one JSON object a line."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cchatspec.reports.campaign import Finding, Triple


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """The target registers users, so it can begin."""

    address: str


class Progress(msgspec.Struct, frozen=True, tag="progress", kw_only=True):
    """How far a session is: all counts since it began.

    Attributes:
        runs: scripts that were run; `executions` are those that were delivered and answered.
        requests, answered: frames of scripts that were sent, and that the target had read by its answers.
        times: how often each finding was met, by its id.
        doing: what it does besides running new scripts, or empty.
    """

    runs: int = 0
    executions: int = 0
    requests: int = 0
    answered: int = 0
    refused: dict[str, int] = {}
    restarts: int = 0
    triples: list[Triple] = []
    times: dict[str, int] = {}
    doing: str = ""


class Found(msgspec.Struct, frozen=True, tag="found"):
    """A finding has been written; `is_new` is false for one of an earlier campaign that still shows."""

    finding: Finding
    is_new: bool = True


class Fixed(msgspec.Struct, frozen=True, tag="fixed"):
    """A finding of an earlier campaign no longer shows."""

    id: str


class Missed(msgspec.Struct, frozen=True, tag="missed"):
    """Something was met that showed in no replay."""

    text: str


class Unreachable(msgspec.Struct, frozen=True, tag="unreachable"):
    """The target cannot be started, reached or used."""

    reason: str


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The session is at its end.

    Attributes:
        complete: whether nothing cut it short.
        note: why it was cut short, if the target was the reason.
        broken: what went wrong in the fuzzer itself.
    """

    complete: bool = True
    note: str = ""
    broken: str = ""


Event = Opened | Progress | Found | Fixed | Missed | Unreachable | Done

Listener = Callable[[Event], None]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a session has to do.

    Attributes:
        address, launch: the target; both None for the reference server.
        pid: the process behind an address, for its memory.
        seconds, executions, findings: when to end: after so long, so many executions, so many new findings; or None.
        seed: from which all scripts follow.
        out: the folder of the campaign.
        corpus: the folder of scripts to begin with and to keep.
        number: which of the workers this is, from 0; the first replays what is known.
        started: what had been done by an earlier campaign in this folder: seconds and executions.
    """

    address: str | None = None
    launch: str | None = None
    pid: int | None = None
    seconds: float | None = None
    executions: int | None = None
    findings: int | None = None
    seed: int = 0
    out: str = ""
    corpus: str = ""
    number: int = 0
    earlier_s: float = 0.0
    earlier_executions: int = 0
