"""The results of a fuzzing campaign: `results.json` with `"kind": "fuzz"`.

They stand in the same format as a conformance run (`cchatspec.reports.results`), and use its words for tool, target and wire.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from cchatspec.reports.results import SCHEMA, Stimulus, TargetInfo, Tool, WireLine

FindingKind = Literal["crash", "hang", "illegal-reply", "state", "leak", "disconnect"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong, minimised, with what replays it.

    Attributes:
        id: names its folder, and is the same for the same fault, whatever found it.
        minimised_bytes: what the minimised script sends, signatures and all.
        reproducer: path of its `finding.json`, seen from the folder in which the results lie.
        clause: the clause that it breaks, if it is one of the protocol's.
        state, request, field, outcome: by what findings are told apart: the session's state, the request that was wrong or the
            last before it showed, the field that was changed, and what came.
        shown, replays: it showed in so many of so many replays from a fresh start.
        times: how often the campaign met it.
        found_s, found_execution: when it was met first, in seconds and executions since the campaign began.
        happens: what happens, in a sentence or two.
        output: the last that the target printed, if it was launched.
    """

    id: str
    kind: FindingKind
    title: str
    minimised_bytes: int
    reproducer: str
    clause: str | None = None
    state: str = ""
    request: str = ""
    field: str = ""
    outcome: str = ""
    shown: int = 0
    replays: int = 0
    times: int = 1
    found_s: float = 0.0
    found_execution: int = 0
    happens: str = ""
    sent: Stimulus | None = None
    wire: list[WireLine] = []
    output: str = ""


class Triple(msgspec.Struct, frozen=True):
    """What was seen: in this state of its session, this request got a reply of this shape, so often."""

    state: str
    request: str
    reply: str
    times: int


class Sample(msgspec.Struct, frozen=True):
    """How far the campaign was at one moment: seconds since it began, and the counts by then."""

    s: float
    executions: int
    triples: int
    findings: int


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """One fuzzing campaign; `complete` is false if it was interrupted, and then it holds what was found by then.

    Attributes:
        seed: with the same seed and the same behaviour of the target, the inputs are the same.
        executions: conversations whose last fence was answered, or whose ending was seen; what was never delivered is not one.
        executions_per_s: executions divided by the duration.
        requests: frames that were sent, and `answered` those that the target had read by its answer to a fence behind them.
        refused: what the target refused, by the words of the refusal: connections, registrations, ERROR 06 and so on.
        restarts: how often a launched target was started again.
        triples, samples: what was seen, and when.
        hollow: why the campaign proves nothing, such as a target that refused everything; None if it does.
        notes: what else one must know to read the numbers.
    """

    schema: Literal["cchatspec-results/1"] = SCHEMA
    kind: Literal["fuzz"] = "fuzz"
    tool: Tool
    target: TargetInfo
    started: str
    duration_s: float
    complete: bool = True
    seed: int
    workers: int = 1
    executions: int
    executions_per_s: float
    requests: int = 0
    answered: int = 0
    refused: dict[str, int] = {}
    restarts: int = 0
    findings: list[Finding]
    triples: list[Triple] = []
    samples: list[Sample] = []
    hollow: str | None = None
    broken: list[str] = []
    notes: list[str] = []
