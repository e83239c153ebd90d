"""From what happened in a case to its verdict and to all that is kept of it.

A comparison that held is a `pass`; one that did not is a `fail` or, for a SHOULD, a `warn`; a case that was barred from its
question is `inconclusive` and names the clause that barred it. Anything else that goes wrong is a fault of the suite.
"""

from __future__ import annotations

import shlex
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic, time

import pytest

from cchatspec.conformance.catalogue import Case
from cchatspec.conformance.harness.describe import describe, describe_wire
from cchatspec.conformance.harness.expect import is_no_room
from cchatspec.conformance.harness.outcomes import (
    Blocked,
    NotApplicable,
    RateLimited,
    TooSlow,
    has_ended,
    unreadable,
)
from cchatspec.conformance.harness.wirelog import WireEntry, WireLog
from cchatspec.conformance.stimulus import HEX_LIMIT, parts_of, stimulus_of
from cchatspec.reports.results import CaseResult, LevelName, Part, Verdict, WireLine
from cchatspec.spec import (
    HEADER_SIZE,
    Error,
    MalformedPayload,
    Message,
    RegisterResponse,
    UnknownType,
    parse,
)

_RATE_ADVICE = "the target answered ERROR 06 to a few requests; raise its rate limit for the suite to get further"


@dataclass
class Attempt:
    """One run of one case: what it compared, and what stopped it.

    `own_entries` counts the first entries of the log, those that are the case's own; None if all are.
    """

    case: Case
    log: WireLog = field(default_factory=WireLog)
    began: float = field(default_factory=time)
    started: float = field(default_factory=monotonic)
    came: object = None
    expected: object = None
    compared: bool = False
    own_entries: int | None = None
    problem: BaseException | None = None
    phase: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and why; `broken` if it is the suite that failed."""

    verdict: Verdict
    reason: str | None = None
    blocked_by: str | None = None
    broken: bool = False


def failure(level: LevelName) -> Verdict:
    """What a comparison that did not hold means at a level. An open point cannot fail."""
    return {"MUST": "fail", "SHOULD": "warn", "OPEN": "inconclusive"}[level]  # type: ignore[return-value]


def met_no_room(attempt: Attempt) -> bool:
    """Whether a registration was refused in a case as by a limit on users."""
    return any(isinstance(came, RegisterResponse | Error) and is_no_room(came) for came in _messages(attempt))


def _messages(attempt: Attempt) -> Iterator[Message]:
    """What came in a case and can be read."""
    for entry in attempt.log.entries:
        if entry.direction == "received" and len(entry.data) >= HEADER_SIZE:
            with suppress(MalformedPayload, UnknownType):
                yield parse(entry.data[HEADER_SIZE - 1], entry.data[HEADER_SIZE:])


def judge(attempt: Attempt) -> Judgement:
    """The verdict on what happened in a case."""
    match attempt.problem:
        case None:
            return Judgement("pass")
        case Blocked(clause=clause, reason=reason):
            return Judgement("inconclusive", reason, clause)
        case RateLimited():
            return Judgement("inconclusive", _RATE_ADVICE, "RATE-LIMIT")
        case TooSlow():
            return Judgement("inconclusive", str(attempt.problem))
        case NotApplicable() | pytest.skip.Exception():
            return Judgement("skip", str(attempt.problem))
        case AssertionError() if attempt.phase == "call":
            return _judge_comparison(attempt)
        case _:
            assert attempt.problem is not None
            where = traceback.format_exception(attempt.problem)[-3:]
            return Judgement("inconclusive", " ".join("".join(where).split()), broken=True)


def _judge_comparison(attempt: Attempt) -> Judgement:
    found = unreadable(attempt.came)
    if found is not None and found.clause not in attempt.case.clauses:
        return Judgement("inconclusive", f"the reply cannot be read: {found.reason}", found.clause)
    if has_ended(attempt.came) and (slip := _unreadable_refusal(attempt)) is not None:
        return Judgement("inconclusive", f"an ERROR came that cannot be read: {slip}", "FRAME-LAYOUT")
    if not attempt.compared:
        return Judgement("inconclusive", f"the case asserted no comparison: {attempt.problem}", broken=True)
    return Judgement(failure(attempt.case.level), compared(attempt))


def _unreadable_refusal(attempt: Attempt) -> str | None:
    """Why an ERROR of this case cannot be read: what then does not come on another connection may have been refused."""
    if "FRAME-LAYOUT" in attempt.case.clauses:
        return None
    for entry in attempt.log.entries:
        if entry.direction == "received" and entry.data[HEADER_SIZE - 1 : HEADER_SIZE] == bytes([Error.type]):
            try:
                parse(Error.type, entry.data[HEADER_SIZE:])
            except MalformedPayload as slip:
                return str(slip)
    return None


def compared(attempt: Attempt) -> str:
    """Both sides of the comparison in words."""
    return f"came: {describe(attempt.came)}; right would be: {describe(attempt.expected)}"


def result(attempt: Attempt, judgement: Judgement, replay: str) -> CaseResult:
    """What is kept of a case; the log is kept for what did not pass."""
    case = attempt.case
    entries = (
        attempt.log.entries[: attempt.own_entries] if judgement.verdict in ("fail", "warn", "inconclusive") else []
    )
    parts = parts_of(entries)
    both = attempt.compared and judgement.verdict in ("fail", "warn")
    return CaseResult(
        id=case.id,
        title=case.title,
        clauses=list(case.clauses),
        level=case.level,
        verdict=judgement.verdict,
        reason=judgement.reason,
        blocked_by=judgement.blocked_by,
        duration_s=round(monotonic() - attempt.started, 4),
        replay=f"{replay} --select {shlex.quote(case.id)}",
        expected=describe(attempt.expected) if both else None,
        came=describe(attempt.came) if both else None,
        sent=stimulus_of(entries, parts),
        wire=_wire_lines(entries, parts),
    )


def _wire_lines(entries: Sequence[WireEntry], parts: Sequence[Part | None]) -> list[WireLine]:
    return [_wire_line(entry, part) for entry, part in zip(entries, parts, strict=True)]


def _wire_line(entry: WireEntry, part: Part | None) -> WireLine:
    text = entry.text
    if entry.data:
        text = f"{describe_wire(entry.data)} ({text})" if text else describe_wire(entry.data)
    return WireLine(
        round(entry.ms, 2), entry.connection, entry.direction, text, len(entry.data), entry.data[:HEX_LIMIT].hex(), part
    )
