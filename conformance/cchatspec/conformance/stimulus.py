"""What each line of a wire log was for: on the way to the question, the stimulus, or the fence that shows that no more came.

Pure: it reads the log and knows nothing of the case. The stimulus is the last thing that was sent and is no fence. A request that
was written in pieces is one stimulus.
"""

from __future__ import annotations

from collections.abc import Sequence

from cchatspec.conformance.harness.describe import describe_wire
from cchatspec.conformance.harness.wirelog import FENCE, WireEntry
from cchatspec.reports.results import Part, Stimulus
from cchatspec.spec import HEADER_SIZE, MessageType
from cchatspec.spec.capture import decode
from cchatspec.spec.show import piece_text

HEX_LIMIT = 512
_SHOWN_PIECES = 2

#: What a registration and a login look like on a connection: each frame, with the first byte of its payload where that matters.
_REGISTRATION = (("sent", MessageType.REGISTER_USER, None), ("received", MessageType.REGISTER_RESPONSE, 1))
_LOGIN = 2 * (("sent", MessageType.LOGIN_USER, None), ("received", MessageType.LOGIN_RESPONSE, 1))
_WAYS: tuple[tuple[Part, tuple[tuple[str, int, int | None], ...]], ...] = (
    ("registration", _REGISTRATION),
    ("login", _LOGIN),
)


def parts_of(entries: Sequence[WireEntry]) -> list[Part | None]:
    """What each entry was for."""
    parts: list[Part | None] = ["fence" if _is_fence(entry) else None for entry in entries]
    sent = [index for index, entry in enumerate(entries) if entry.direction == "sent" and not _is_fence(entry)]
    group = _last_request(entries, sent)
    for index in group:
        parts[index] = "stimulus"
    _mark_ways(entries[: group[0]] if group else entries, parts)
    return parts


def _is_fence(entry: WireEntry) -> bool:
    """Whether a request was sent for its reply alone, which shows what came before it."""
    return entry.direction == "sent" and entry.text == FENCE


def _same_side(one: WireEntry, other: WireEntry) -> bool:
    return one.connection == other.connection and one.direction == other.direction


def _last_request(entries: Sequence[WireEntry], sent: Sequence[int]) -> list[int]:
    """The entries of the last request: one write, or those in which a frame was sent piece by piece."""
    if not sent:
        return []
    mine = [index for index in sent if _same_side(entries[index], entries[sent[-1]])]
    group: list[int] = []
    rest = b""
    for index in mine:
        group = [*group, index] if rest else [index]
        rest = _unfinished(rest + entries[index].data)
    return group


def _unfinished(data: bytes) -> bytes:
    """What is left behind the last whole frame."""
    at = 0
    while len(data) - at >= HEADER_SIZE:
        end = at + HEADER_SIZE + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            break
        at = end
    return data[at:]


def _mark_ways(entries: Sequence[WireEntry], parts: list[Part | None]) -> None:
    """Mark the registrations and logins that went as they should; to register a name twice is no way to anything."""
    names: set[bytes] = set()
    for number in sorted({entry.connection for entry in entries}):
        mine = [index for index, entry in enumerate(entries) if entry.connection == number and entry.data]
        at = 0
        while at < len(mine):
            part, length = _way(entries, mine[at:])
            if part == "registration" and _is_known(_name(entries[mine[at]].data), names):
                length = 0
            for index in mine[at : at + length]:
                parts[index] = part
            at += max(length, 1)


def _name(request: bytes) -> bytes:
    """The name that a registration starts with."""
    return request[HEADER_SIZE : HEADER_SIZE + 1 + request[HEADER_SIZE]]


def _is_known(name: bytes, names: set[bytes]) -> bool:
    """Whether a name is there; if not, it is from now on."""
    before = len(names)
    names.add(name)
    return len(names) == before


def _way(entries: Sequence[WireEntry], indexes: Sequence[int]) -> tuple[Part | None, int]:
    for part, frames in _WAYS:
        shown = [entries[index] for index in indexes[: len(frames)]]
        if len(shown) == len(frames) and all(map(_fits, shown, frames)):
            return part, len(frames)
    return None, 0


def _fits(entry: WireEntry, frame: tuple[str, int, int | None]) -> bool:
    direction, kind, first = frame
    return (
        entry.direction == direction
        and not _unfinished(entry.data)
        and entry.data[4] == kind
        and (first is None or entry.data[HEADER_SIZE : HEADER_SIZE + 1] == bytes([first]))
    )


def stimulus_of(entries: Sequence[WireEntry], parts: Sequence[Part | None]) -> Stimulus | None:
    """The stimulus in words and as a hexdump with the offset of each field."""
    group = [entry for entry, part in zip(entries, parts, strict=True) if part == "stimulus"]
    if not group:
        return None
    data = b"".join(entry.data for entry in group)
    pieces = f" (in {len(group)} pieces)" if len(group) > 1 else ""
    return Stimulus(group[0].connection, describe_wire(data) + pieces, len(data), data[:HEX_LIMIT].hex(), _dump(data))


def _dump(data: bytes) -> list[str]:
    pieces = list(decode(data))
    left_out = max(0, len(pieces) - _SHOWN_PIECES)
    lines = [f"  ({left_out} frame{'s' * (left_out > 1)} before)"] if left_out else []
    for number, piece in enumerate(pieces[left_out:], left_out + 1):
        title, *rows = piece_text(number, piece).splitlines()
        lines += [f"  {title}", *rows] if len(pieces) > 1 else rows
    return lines
