"""What happened when a script ran: the events in their order, and what they show to be wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import Struct

from cchatspec.conformance.harness.outcomes import Ending
from cchatspec.fuzz.script import Script
from cchatspec.fuzz.users import Account
from cchatspec.reports.campaign import FindingKind
from cchatspec.spec import Message


class Sent(Struct, frozen=True, gc=False):
    """Bytes handed to a connection by one step of the script; `step` counts its steps from 0, and `ms` since it began.

    `fence` marks what the runner sent to prove that nothing more comes, and `step` is -1 for what is no part of the script.
    """

    ms: float
    connection: int
    data: bytes
    step: int
    fence: bool = False


class Received(Struct, frozen=True, gc=False):
    """One frame that came, as bytes and as a message, or None where nobody can read it."""

    ms: float
    connection: int
    data: bytes
    message: Message | None


class Ended(Struct, frozen=True, gc=False):
    """How a connection ended, or that a reply did not come before the deadline."""

    ms: float
    connection: int
    how: Ending


class Noted(Struct, frozen=True, gc=False):
    """Anything else that a reader wants to know: connected, refused, closed by us."""

    ms: float
    connection: int
    text: str


Event = Sent | Received | Ended | Noted


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that cannot happen on a right server, whatever it chose where the protocol leaves a choice.

    Attributes:
        kind: which oracle saw it.
        state: the state of the session in which it showed: `new`, `challenged`, `in`, `out`, or `bystander`.
        request: the request that it followed, by the name of its layout, such as `LOGIN_USER`, or `(none)`.
        field: the label of the edited field of that request, or empty.
        outcome: what came, in a few fixed words that are the same each time, such as `closed without ERROR`.
        clause: the clause that it breaks, if there is one.
        text: one or two sentences for a reader, with the values of this run.
        step: the step of the script at which it showed.
    """

    kind: FindingKind
    state: str
    request: str
    field: str
    outcome: str
    clause: str | None
    text: str
    step: int

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """By this, findings are told apart."""
        return self.kind, self.state, self.request, self.field, self.outcome


@dataclass(slots=True)
class Book:
    """What the model writes down about one run, whatever else runs at the same time.

    Attributes:
        violations: what was wrong.
        triples: what was answered.
        answered: how many requests of the script the target has dealt with.
        limits, failures: how often ERROR 06 came, and ERROR 07.
        on_challenge: is told of each challenge that comes on a connection of the run, by the connection's number.
    """

    violations: list[Violation] = field(default_factory=list)
    triples: list[tuple[str, str, str]] = field(default_factory=list)
    answered: int = 0
    limits: int = 0
    failures: int = 0
    on_challenge: Callable[[int, bytes], None] | None = None


@dataclass(slots=True)
class Trace:
    """One run of one script.

    Attributes:
        answered: frames of the script that the target has read, as shown by a reply to them or to a fence behind them.
        delivered: whether the run counts as an execution: all that could be was sent, and an answer or an ending was seen.
        triples: state, request and shape of the reply, one for each request that was answered; shapes such as `ERROR 05`,
            `LOGIN_RESPONSE 1`, `PUBLIC_KEY_RESPONSE 0`, `closed`, `nothing`.
        refused: the words of a refusal that kept the script from its question, such as `ERROR 06` or `connection refused`.
        violations: what was wrong, in the order in which it showed.
        output: the last that a launched target printed, if it died in this run.
        accounts: who played each user of the script.
    """

    script: Script
    events: list[Event] = field(default_factory=list)
    frames: int = 0
    answered: int = 0
    delivered: bool = False
    triples: list[tuple[str, str, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    output: str = ""
    accounts: dict[str, Account] = field(default_factory=dict)
