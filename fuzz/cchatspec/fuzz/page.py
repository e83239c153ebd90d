"""What a person reads about a finding: what happens, by which frames, what is wrong with them, and how to see it again.

Everything that came from a target is escaped, so that no control character of it reaches a terminal or a viewer of Markdown.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cchatspec.conformance.harness.describe import describe_wire
from cchatspec.fuzz.encode import Span, encode
from cchatspec.fuzz.script import (
    Body,
    Close,
    Connect,
    Edit,
    Fence,
    Frame,
    HalfClose,
    Key,
    Name,
    Proof,
    Reset,
    Resume,
    Script,
    ScriptError,
    Send,
    Stall,
    Step,
    Value,
)
from cchatspec.fuzz.trace import Ended, Noted, Received, Sent, Trace, Violation
from cchatspec.fuzz.transcript import sent_frames
from cchatspec.reports.results import Stimulus, WireLine
from cchatspec.reports.text import cut, plain, wire_line
from cchatspec.spec import CLAUSES, MessageType
from cchatspec.spec.show import escaped

if TYPE_CHECKING:
    from cchatspec.fuzz.findings import FindingFile

_ROW, _ROWS, _WIDTH = 8, 6, 80
_LONG_NAME = 31
_HEX_LIMIT = 512
_MOST_FRAMES, _MOST_LINES = 40, 60
_TEXT_LIMIT = 140


def page_text(file: FindingFile, trace: Trace, violation: Violation) -> str:
    """The page of a finding, as Markdown."""
    sections = [
        _head(file),
        _what_happens(file),
        _what_is_sent(file.script, trace, violation),
        _what_came(trace),
        _again(file),
        _output(file.finding.output),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _head(file: FindingFile) -> str:
    found = file.finding
    shown = f"It showed in {found.shown} of {found.replays} replays from a fresh start."
    if not found.replays:
        shown = "It could not be replayed, since the target did not come back."
    where = f"Found against {plain(file.target.launch or file.target.address)}."
    return f"# {found.kind.capitalize()}: {plain(found.title)}\n\n{_filled(f'`{found.id}`. {shown} {where}')}"


def _what_happens(file: FindingFile) -> str:
    found = file.finding
    parts = ["## What happens", _filled(plain(found.happens))]
    clause = CLAUSES.get(found.clause or "")
    if clause is not None:
        parts.append(_filled(f"{clause.id} ({clause.level.value}): {clause.text}"))
        parts.append(_filled(f"It matters: {clause.why}"))
    elif found.clause:
        parts.append(f"It breaks {found.clause}.")
    if file.before:
        count = len(file.before)
        parts.append(
            _filled(
                f"It takes {count} other script{'s' * (count > 1)} before it, against the same process; they are in finding.json."
            )
        )
    return "\n\n".join(parts)


def _what_is_sent(script: Script, trace: Trace, violation: Violation) -> str:
    frames = sent_frames(trace)
    lines = ["## What is sent", "", "```", *_registered(script)]
    shown = 0
    for number, step in enumerate(script.steps):
        lines += _step_lines(number, step)
        if isinstance(step, Send):
            for frame, event in zip(step.frames, frames.get(number, []), strict=False):
                shown += 1
                if shown <= _MOST_FRAMES:
                    lines += frame_dump(frame, event.data)
        if number == violation.step:
            lines.append("     ^ here it shows")
    if shown > _MOST_FRAMES:
        lines.append(f"({shown - _MOST_FRAMES} more frames are in finding.json)")
    return "\n".join([*lines, "```"])


def _registered(script: Script) -> list[str]:
    names = ", ".join(script.registered)
    return [f"  0. registered before: {names}"] if names else []


def _step_lines(number: int, step: Step) -> list[str]:
    start = f"{number + 1:3}. #{step.connection} "
    match step:
        case Send(frames=frames, cuts=cuts):
            words = ", ".join(frame_words(frame) for frame in frames[:4])
            more = f" and {len(frames) - 4} more" if len(frames) > 4 else ""
            pieces = f", cut at {', '.join(map(str, cuts))}" if cuts else ""
            lines = textwrap.wrap(f"send {words}{more}{pieces}", _WIDTH - len(start))
            return [start + lines[0], *(" " * len(start) + line for line in lines[1:])]
        case Fence():
            return [f"{start}ask for something whose answer is certain"]
        case _:
            return [start + _WORDS[type(step)]]


_WORDS: dict[type, str] = {
    Connect: "connect",
    HalfClose: "shut down our sending side",
    Close: "close the connection, without LOGOUT",
    Reset: "reset the connection",
    Stall: "read no more",
    Resume: "read on",
}


def frame_words(frame: Frame) -> str:
    """A frame by its name and what was done to it."""
    edits = [f"{edit.field}: {edit_words(edit)}" for edit in frame.edits]
    return f"{type_name(frame.kind)} ({'; '.join(edits)})" if edits else type_name(frame.kind)


def type_name(kind: int) -> str:
    """The name of a message type."""
    return MessageType(kind).name if kind in set(MessageType) else f"type 0x{kind:02x}"


def edit_words(edit: Edit) -> str:
    """What an edit does, in words."""
    added = textwrap.shorten(edit.hex, 24, placeholder=" …") if len(edit.hex) <= 24 else f"{len(edit.hex) // 2} bytes"
    return {
        "set": f"set to {edit.number}",
        "add": f"{edit.number:+}",
        "flip": f"bits {edit.number & 0xFF:#04x} of byte {edit.at} flipped",
        "cut": f"cut to {edit.number} bytes",
        "grow": f"{added} added behind it",
        "replace": f"replaced by {added or 'nothing'}",
        "repeat": f"{edit.number} times",
        "swap": "swapped with what follows",
        "drop": "left out",
        "malleate": "another signature for the same",
    }[edit.kind]


# --- Hexdumps


class _Sizes:
    """Stands for each reference by as many bytes as it has."""

    def name(self, user: str) -> bytes:
        return bytes(12)

    def key(self, user: str) -> bytes:
        return bytes(32)

    def proof(self, user: str, connection: int, age: int) -> bytes:
        return bytes(64)

    def body(self, number: int, size: int) -> bytes:
        return bytes(size)


def frame_dump(frame: Frame, data: bytes) -> list[str]:
    """A hexdump of a frame that was sent, with the offset, name and value of each field, and what was done to it."""
    try:
        spans: Sequence[Span] = encode(frame, _Sizes(), 0).spans
    except ScriptError:
        spans = ()
    if not spans or spans[-1].end != len(data):
        spans = (Span("bytes", 0, len(data)),)
    lines: list[str] = []
    for span in spans:
        edits = "; ".join(edit_words(edit) for edit in frame.edits if edit.field == span.label)
        part = data[span.start : span.end]
        note = f"{span.label}: {_meaning(span.label, part, frame.values.get(span.label))}"
        lines += _rows(part, span.start, f"{note} <- {edits}" if edits else note)
    return lines


def _meaning(label: str, part: bytes, value: Value | None) -> str:
    if not part:
        return "empty"
    match value:
        case Name(user=user):
            more = f" and so on, {len(part)} bytes" if len(part) > _LONG_NAME else ""
            return f"{escaped(part[:_LONG_NAME])}{more}, the name of {user}"
        case Key(user=user):
            return f"the key of {user}"
        case Proof(user=user):
            return f"a signature by {user}"
        case Body():
            return f"{len(part)} bytes"
    if label == "type":
        known = f" {type_name(part[0])}" if len(part) == 1 and part[0] in set(MessageType) else ""
        return f"0x{part.hex()}{known}"
    if len(part) <= 4 and label not in ("payload", "username", "recipient"):
        return str(int.from_bytes(part, "big"))
    is_text = part.isascii() and part.decode("ascii").isprintable()
    return escaped(part) if is_text and len(part) <= 24 else f"{len(part)} bytes"


def _rows(part: bytes, offset: int, note: str) -> Iterator[str]:
    """Rows of a hexdump; those that are like the one before are left out, which a star tells, and so is what is too long."""
    notes = iter(textwrap.wrap(note, _WIDTH - 41))
    shown, before = 0, None
    for at in range(0, max(len(part), 1), _ROW):
        row = part[at : at + _ROW]
        if shown == _ROWS:
            yield f"      ........  {len(part) - at} more bytes"
            break
        if row != before:
            yield f"      {offset + at:08x}  {row.hex(' '):<{_ROW * 3 - 1}}  {next(notes, '')}".rstrip()
            shown += 1
        elif at == _ROW or part[at - 2 * _ROW : at - _ROW] != row:
            yield f"      {'*':<{_ROW * 3 + 9}}  {next(notes, '')}".rstrip()
        before = row
    for text in notes:
        yield f"{' ' * (_ROW * 3 + 17)}{text}"


# --- What came


def stimulus_of(trace: Trace, violation: Violation) -> Stimulus | None:
    """The frame at which it showed, or the last that was sent."""
    sent = [(step, event) for step, events in sent_frames(trace).items() for event in events]
    here = [(step, event) for step, event in sent if violation.step < 0 or step <= violation.step] or sent
    if not here:
        return None
    number, event = here[-1]
    step = trace.script.steps[number]
    assert isinstance(step, Send)
    frame = step.frames[min(sum(other == number for other, _ in here), len(step.frames)) - 1]
    dump = [line.removeprefix("    ") for line in frame_dump(frame, event.data)]
    return Stimulus(event.connection, frame_words(frame), len(event.data), event.data[:_HEX_LIMIT].hex(), dump)


def wire_lines(trace: Trace) -> list[WireLine]:
    """The events of a run as lines for reports; what bystanders did is left out unless they are all there is."""
    events = [event for event in trace.events if event.connection >= 0] or trace.events
    return [_wire_line(event) for event in events]


def _wire_line(event: Sent | Received | Ended | Noted) -> WireLine:
    match event:
        case Sent(ms=ms, connection=number, data=data, fence=fence):
            part = "fence" if fence else None
            return WireLine(
                ms,
                number,
                "sent",
                describe_wire(data),
                len(data),
                data[:_HEX_LIMIT].hex(),
                part=part,  # type: ignore[arg-type]
            )
        case Received(ms=ms, connection=number, data=data):
            return WireLine(ms, number, "received", describe_wire(data), len(data), data[:_HEX_LIMIT].hex())
        case Ended(ms=ms, connection=number, how=how):
            return WireLine(ms, number, "event", how.value)
        case Noted(ms=ms, connection=number, text=text):
            return WireLine(ms, number, "event", text)


def _what_came(trace: Trace) -> str:
    lines = [cut(wire_line(line), _TEXT_LIMIT) for line in wire_lines(trace)]
    left_out = len(lines) - _MOST_LINES
    shown = [f"({left_out} lines before are in wire.pcapng)", *lines[left_out:]] if left_out > 0 else lines
    return "\n".join(["## What went over the wire", "", "```", *shown, "```"])


def _again(file: FindingFile) -> str:
    pid = " --pid N" if file.finding.kind == "leak" else ""
    return f"""## Seeing it again

With nothing installed but Python 3.8 or later:

```sh
python3 replay.py HOST:PORT{pid}
```

With cchatspec, which judges by its model of the protocol and can start the server itself:

```sh
cchatspec replay {file.finding.id} HOST:PORT{pid}
cchatspec replay {file.finding.id} --launch 'COMMAND … {{port}}'
cchatspec replay {file.finding.id} HOST:PORT --pytest test_{file.finding.id.replace("-", "_")}.py
```

The last writes a regression test. `wire.pcapng` opens in Wireshark."""


def _output(output: str) -> str:
    if not output:
        return ""
    lines = "\n".join(f"    {plain(line)}" for line in output.splitlines())
    return f"## The last that the server printed\n\n{lines}"


def _filled(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
