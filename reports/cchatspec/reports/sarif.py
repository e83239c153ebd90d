"""Findings as SARIF 2.1.0, for code scanning: each clause is a rule, and each case that broke one is a result.

What passed is no result. What the baseline knows is a suppressed result; what could not be decided is a notification of the
invocation, since nothing was found there. A server has no source file that the suite knows of, so a result points at the line of
PROTOCOL.md where its clause stands, and a finding of the fuzzer at its reproducer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from typing import Any
from urllib.parse import quote

from cchatspec.reports.campaign import Campaign
from cchatspec.reports.digest import FAMILY_TEXTS, Entry, Report, entries, problems, target_name
from cchatspec.reports.results import Results
from cchatspec.reports.text import plain, words_of
from cchatspec.spec.document import protocol_path

SCHEMA_URI = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_SPEC = "SPEC"


def sarif_json(reports: Sequence[Report]) -> bytes:
    """All reports as one log, each as a run of its own."""
    log = {"$schema": SCHEMA_URI, "version": "2.1.0", "runs": [_run(report) for report in reports]}
    return json.dumps(log, indent=1).encode() + b"\n"


def _run(report: Report) -> dict[str, Any]:
    listed = entries(report)
    found = [entry for entry in listed if entry.verdict in ("fail", "warn")]
    rules = list(dict.fromkeys(map(_rule_id, found)))
    driver = {
        "name": plain(report.tool.name),
        "version": plain(report.tool.version),
        "rules": [_rule(rule, report, next(entry for entry in found if _rule_id(entry) == rule)) for rule in rules],
    }
    return {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"cchatspec/{report.kind}/{target_name(report)}/"},
        "originalUriBaseIds": {_SPEC: {"description": _message(f"The folder of cchatspec's {protocol_path().name}.")}},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(report, listed)],
        "results": [_result(entry, rules.index(_rule_id(entry))) for entry in found],
    }


def _rule_id(entry: Entry) -> str:
    return entry.clause or entry.key.rpartition("/")[0].replace("/", "-").upper()


def _rule(rule: str, report: Report, entry: Entry) -> dict[str, Any]:
    judged = {clause.id: clause for clause in report.clauses} if isinstance(report, Results) else {}
    sentence, why = (plain(text) for text in words_of(rule, judged.get(rule)))
    short = sentence or FAMILY_TEXTS.get(entry.family) or rule
    return {
        "id": rule,
        "shortDescription": _message(short),
        "fullDescription": _message(f"{short} It matters: {why}" if why else short),
        "help": _message(
            f"'cchatspec explain {rule}' says more." if entry.clause else "'cchatspec replay' shows it again."
        ),
        "defaultConfiguration": {"level": _level(entry)},
        "properties": {"tags": ["C-Chat", entry.family, entry.level]},
    }


def _level(entry: Entry) -> str:
    return "error" if entry.verdict == "fail" else "warning"


def _message(text: str) -> dict[str, str]:
    """Text as a message, in which `[text](address)` would be a link."""
    return {"text": text.replace("](", "] (")}


def _result(entry: Entry, index: int) -> dict[str, Any]:
    compared = [f"Right: {entry.expected}", f"came: {entry.came}"] if entry.expected is not None else [entry.reason]
    key = hashlib.sha256(entry.key.encode()).hexdigest()[:16]
    return {
        "ruleId": _rule_id(entry),
        "ruleIndex": index,
        "level": _level(entry),
        "message": _message(f"{entry.title}. {'; '.join(compared)}"),
        "locations": [_location(entry)],
        "partialFingerprints": {"primaryLocationLineHash": f"{key}:1", "cchatspecCase/v1": entry.key},
        "suppressions": [] if entry.known is None else [{"kind": "external", "justification": entry.known}],
        "properties": {"case": entry.key, "replay": entry.replay, "details": entry.text},
    }


def _location(entry: Entry) -> dict[str, Any]:
    logical = [{"fullyQualifiedName": entry.key, "kind": "function"}]
    if entry.reproducer is not None:
        artifact: dict[str, Any] = {"uri": quote(plain(entry.reproducer))}
        return {"physicalLocation": {"artifactLocation": artifact}, "logicalLocations": logical}
    artifact = {"uri": protocol_path().name, "uriBaseId": _SPEC}
    region = {"startLine": _lines().get(entry.clause or "", 1)}
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}, "logicalLocations": logical}


@cache
def _lines() -> dict[str, int]:
    """The line of PROTOCOL.md on which each clause has its heading."""
    lines = protocol_path().read_text(encoding="utf-8").splitlines()
    return {line.lstrip("# ").split(" ")[0]: number for number, line in enumerate(lines, 1) if line.startswith("#")}


def _invocation(report: Report, listed: list[Entry]) -> dict[str, Any]:
    started = datetime.fromisoformat(report.started).astimezone(UTC)
    seconds = min(max(report.duration_s, 0.0), 1e9)
    return {
        "executionSuccessful": report.complete and not report.broken,
        "startTimeUtc": f"{started:%Y-%m-%dT%H:%M:%SZ}",
        "endTimeUtc": f"{started + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}",
        "toolExecutionNotifications": [
            *({"level": "error", "message": _message(problem)} for problem in problems(report)),
            *({"level": "warning", "message": _message(text)} for text in _undecided(listed)),
            *({"level": "note", "message": _message(plain(note))} for note in report.notes),
        ],
        "properties": _properties(report),
    }


def _undecided(listed: Iterable[Entry]) -> Iterator[str]:
    """What could not be decided, once for each cause."""
    undecided = sorted(
        (entry for entry in listed if entry.verdict == "inconclusive"), key=lambda e: (e.blocked_by or "", e.reason)
    )
    for (clause, reason), group in groupby(undecided, key=lambda entry: (entry.blocked_by, entry.reason)):
        keys = [entry.key for entry in group]
        because = f"blocked by {clause}: {reason}" if clause else reason
        yield f"{len(keys)} not decided, {because} ({', '.join(keys)})"


def _properties(report: Report) -> dict[str, Any]:
    about: dict[str, Any] = {"target": target_name(report), "address": plain(report.target.address)}
    if isinstance(report, Campaign):
        return {**about, "executions": report.executions, "seed": str(report.seed)}
    return about
