"""What can come back from a target besides messages, and what stops a case before its question.

Outcomes are values: a case compares what came with what is right, and a connection that ended or a frame that nobody can read
is just another thing that can come. The exceptions are for what is not the case's question.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from cchatspec.spec import Message


class Ending(Enum):
    """How a connection stopped answering. These four are never taken for one another."""

    FIN = "connection closed (FIN)"
    RST = "connection reset (RST)"
    DEADLINE = "no reply before the deadline"
    REFUSED = "connection refused"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that are no right frame: which clause they break, and how."""

    clause: str
    reason: str
    data: bytes


Reply = Message | Unreadable | Ending


def unreadable(came: object) -> Unreadable | None:
    """The first of what came, one reply or a list of them, that nobody can read."""
    return next((reply for reply in _each(came) if isinstance(reply, Unreadable)), None)


def has_ended(came: object) -> bool:
    """Whether a connection stopped answering in what came, one reply or a list of them."""
    return any(isinstance(reply, Ending) for reply in _each(came))


def _each(came: object) -> list[object]:
    return came if isinstance(came, list) else [came]


class Blocked(Exception):
    """The case cannot get as far as its question: `clause` is what stopped it."""

    def __init__(self, clause: str, reason: str) -> None:
        super().__init__(reason)
        self.clause = clause
        self.reason = reason


class RateLimited(Exception):
    """The target answered ERROR 06 to a request that is no flood."""


class TooSlow(Exception):
    """A deadline passed, and the target is so slow now, for everybody, that it says nothing."""

    def __init__(self, deadline: float, round_trip: float) -> None:
        super().__init__(
            f"no reply came within {deadline:.1f} s, and a round trip on a fresh connection takes {round_trip:.2f} s now: "
            "too slow to tell"
        )


class NotApplicable(Exception):
    """The case does not apply to this target; the text says why."""


class TargetError(Exception):
    """The target cannot be reached or started; the text is for the user."""
