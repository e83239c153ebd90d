"""A finding as a folder: what was found, minimised, for people and for programs.

    finding.json   all of it; what `cchatspec replay` reads
    README.md      what happens and what to do, for people
    replay.py      shows it again, with nothing installed
    wire.pcapng    what went over the wire, for Wireshark

A folder appears as a whole, under the id of the finding. The id is made of what findings are told apart by, so it is the same
whatever found it.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from time import time
from typing import Any, Literal

import msgspec

from cchatspec.conformance.harness.outcomes import Ending
from cchatspec.conformance.harness.pcap import PcapWriter
from cchatspec.conformance.harness.wirelog import WireEntry
from cchatspec.fuzz.alone import layouts, standalone_text
from cchatspec.fuzz.page import page_text
from cchatspec.fuzz.script import Script
from cchatspec.fuzz.trace import Ended, Noted, Received, Sent, Trace, Violation
from cchatspec.fuzz.transcript import plan_of
from cchatspec.reports.campaign import Finding
from cchatspec.reports.results import TargetInfo
from cchatspec.spec.framing import PAYLOAD_LIMIT

SCHEMA: Literal["cchatspec-finding/1"] = "cchatspec-finding/1"

FILE, PAGE, PROGRAM, CAPTURE = "finding.json", "README.md", "replay.py", "wire.pcapng"

Key = tuple[str, str, str, str, str]


class FindingError(ValueError):
    """A file or folder holds no finding; the text says why."""


class FindingFile(msgspec.Struct, frozen=True, kw_only=True):
    """What `finding.json` holds.

    Attributes:
        finding: what the results of the campaign say of it.
        target: against what it was found.
        script: what shows it, minimised.
        before: scripts that must have run before it, in this order, against the same process.
        also: other keys by which the same was met, which did not lead to a smaller script of their own.
    """

    schema: Literal["cchatspec-finding/1"] = SCHEMA
    finding: Finding
    target: TargetInfo
    script: Script
    before: tuple[Script, ...] = ()
    also: tuple[Key, ...] = ()

    @property
    def key(self) -> Key:
        """By this, findings are told apart."""
        found = self.finding
        return found.kind, found.state, found.request, found.field, found.outcome


@dataclass(frozen=True, slots=True)
class Shown:
    """A run that showed a finding: its trace, when it began in seconds since 1970, and where the target was."""

    trace: Trace
    violation: Violation
    address: tuple[str, int]
    began: float


def id_of(key: Key) -> str:
    """The id of a finding, such as `crash-in-send-message-recipient-1a2b3c`."""
    kind, _, request, field, _ = key
    words = [kind, "in", request, field] if request.strip("()") != "none" else [kind]
    text = re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-")
    return f"{text}-{blake2b(repr(key).encode(), digest_size=3).hexdigest()}"


def title_of(violation: Violation) -> str:
    """A finding in one line."""
    if violation.kind == "leak":
        return f"{violation.outcome}: {violation.request}"
    after = "" if violation.request == "(none)" else f" after {violation.request}"
    changed = f" with a wrong {violation.field}" if violation.field and after else ""
    return f"{violation.outcome}{after}{changed}{_STATES.get(violation.state, '')}"


_STATES = {
    "new": ", before login",
    "challenged": ", between challenge and proof",
    "in": ", logged in",
    "out": ", after LOGOUT",
    "bystander": ", for somebody who had no part in it",
}


def write_finding(folder: Path, file: FindingFile, shown: Shown) -> Path:
    """Write the folder of a finding into `folder`, in place of an older one, and give back where it is.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".", dir=folder))
    try:
        made.chmod(0o755)
        (made / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n")
        (made / PAGE).write_text(page_text(file, shown.trace, shown.violation), encoding="utf-8")
        program = made / PROGRAM
        program.write_text(standalone_text(program_data(file, shown)), encoding="utf-8")
        program.chmod(0o755)
        with PcapWriter(made / CAPTURE) as capture:
            capture.add(file.finding.id, shown.began, shown.address, wire_log(shown.trace))
        there = folder / file.finding.id
        shutil.rmtree(there, ignore_errors=True)
        made.rename(there)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return there


def update_finding(folder: Path, file: FindingFile) -> None:
    """Write `finding.json` anew, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    there = folder / file.finding.id
    partial = there / f".{FILE}"
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n")
    partial.replace(there / FILE)


def read_finding(path: Path) -> FindingFile:
    """Read a finding, from its file or its folder.

    Raises:
        FindingError: it is none.
        OSError: it cannot be read.
    """
    file = path / FILE if path.is_dir() else path
    try:
        return msgspec.json.decode(file.read_bytes(), type=FindingFile)
    except msgspec.ValidationError as problem:
        raise FindingError(f"{file} is no {SCHEMA} file: {problem}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise FindingError(f"{file} is no JSON, or is cut off: {problem}") from None


def read_findings(folder: Path) -> list[FindingFile]:
    """All findings of a folder, in the order in which they were met; a folder that holds none is passed over."""
    found = []
    for file in sorted(folder.glob(f"*/{FILE}")):
        try:
            found.append(read_finding(file))
        except FindingError:
            continue
    return sorted(found, key=lambda one: one.finding.found_execution)


def program_data(file: FindingFile, shown: Shown) -> dict[str, Any]:
    """What `replay.py` needs to know."""
    plan = plan_of(shown.trace)
    found = file.finding
    hung = {
        event.connection for event in shown.trace.events if isinstance(event, Ended) and event.how is Ending.DEADLINE
    }
    mute = {number: came for number, came in plan.came.items() if number in hung and found.kind == "hang"}
    is_bystander = found.state == "bystander"
    return {
        "id": found.id,
        "title": found.title,
        "kind": found.kind,
        "outcome": found.happens.rstrip(".") or found.outcome,
        "tries": 1 if found.shown == found.replays else 5,
        "bystanders": is_bystander,
        "statuses": "STATUS_UPDATE" in found.outcome or found.clause in _ABOUT_STATUS,
        "registered": plan.registered,
        "plan": plan.steps,
        "came": {at: {"frames": came.frames, "ended": came.ended} for at, came in (mute or plan.came).items()},
        "limit": PAYLOAD_LIMIT,
        "layouts": layouts(),
    }


_ABOUT_STATUS = ("STATUS-TELL", "STATUS-VALUE", "STATUS-LOGIN", "STATUS-LOGOUT", "STATUS-LOST", "STATUS-AUDIENCE")


def wire_log(trace: Trace) -> Sequence[WireEntry]:
    """The events of a run as the harness logs them; connections count from 1, those of the script before the runner's own."""
    numbers = sorted({event.connection for event in trace.events}, key=lambda number: (number < 0, abs(number)))
    called = {number: place for place, number in enumerate(numbers, 1)}
    return [_entry(event, called[event.connection]) for event in trace.events]


def _entry(event: Any, number: int) -> WireEntry:
    match event:
        case Sent(ms=ms, data=data):
            return WireEntry(ms, number, "sent", data)
        case Received(ms=ms, data=data):
            return WireEntry(ms, number, "received", data)
        case Ended(ms=ms, how=Ending.REFUSED):
            return WireEntry(ms, number, "event", b"", "not connected: connection refused")
        case Ended(ms=ms, how=how):
            return WireEntry(ms, number, "event", b"", how.value)
        case Noted(ms=ms, text=text):
            return WireEntry(ms, number, "event", b"", text)
    raise AssertionError(event)


def now() -> float:
    """Seconds since 1970, for `Shown.began`."""
    return time()
