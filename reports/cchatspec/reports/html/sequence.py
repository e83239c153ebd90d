"""A sequence diagram of what crossed the wire: one lane for each peer, one for the target, an arrow for each frame.

Pure geometry: from the lines of a wire log to places on a canvas. A registration or a login that only leads to the question is
one note. What is long ago is left out, and said to be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cchatspec.reports.results import WireLine
from cchatspec.reports.text import cut, plain

_ROWS = 24
_LANES = 6
_LABEL = 54
_LEFT, _LANE, _SPAN, _RIGHT = 104, 124, 430, 64
_TOP, _STEP = 46, 30
_CONNECT = re.compile(r"connect(?: \((.*)\))?", re.DOTALL)
_FOLDED = {"registration": "registers", "login": "logs in"}


@dataclass(frozen=True, slots=True)
class Lane:
    """A vertical line with its name; the target's is the last."""

    x: int
    name: str


@dataclass(frozen=True, slots=True)
class Step:
    """An arrow, or a note beside a lane, at one height; `kind` is sent, received, fence, stimulus, came, fold or event."""

    y: int
    x1: int
    x2: int
    kind: str
    text: str
    full: str
    ms: str


@dataclass(frozen=True, slots=True)
class Diagram:
    """All that is drawn; `left_out` steps came before, and `hidden` belong to peers for which there is no lane."""

    width: int
    height: int
    lanes: tuple[Lane, ...]
    steps: tuple[Step, ...]
    left_out: int
    hidden: int
    summary: str


@dataclass(slots=True)
class _Reader:
    """Goes through a wire log and gathers what is drawn."""

    names: dict[int, str] = field(default_factory=dict)
    rows: list[tuple[WireLine, str, str]] = field(default_factory=list)
    folding: dict[int, str | None] = field(default_factory=dict)
    asked: bool = False

    def take(self, line: WireLine) -> None:
        """Take one line, in the order of the log."""
        connect = _CONNECT.fullmatch(line.text) if line.direction == "event" else None
        self.names.setdefault(line.connection, "")
        if connect:
            self.names[line.connection] = plain(connect[1] or "")
            return
        part = line.part if line.part in _FOLDED else None
        if part is None:
            self.rows.append((line, self._kind(line), plain(line.text)))
        elif self.folding.get(line.connection) != part:
            self.rows.append((line, "fold", _FOLDED[part]))
        self.folding[line.connection] = part

    def _kind(self, line: WireLine) -> str:
        if line.part in ("stimulus", "fence"):
            self.asked = self.asked or line.part == "stimulus"
            return line.part
        return "came" if self.asked and line.direction == "received" else line.direction


def diagram(wire: Sequence[WireLine]) -> Diagram | None:
    """The diagram of a wire log; None if nothing crossed the wire."""
    reader = _Reader()
    for line in wire:
        reader.take(line)
    last = reader.rows[-_ROWS:]
    if not last:
        return None
    numbers = sorted({line.connection for line, _, _ in reversed(last)})[:_LANES]
    places = {number: _LEFT + index * _LANE for index, number in enumerate(numbers)}
    target = _LEFT + (len(numbers) - 1) * _LANE + _SPAN
    drawn = [row for row in last if row[0].connection in places]
    steps = tuple(_step(_TOP + (at + 1) * _STEP, row, places, target) for at, row in enumerate(drawn))
    lanes = [Lane(x, _name(number, reader.names[number])) for number, x in places.items()]
    return Diagram(
        target + _RIGHT,
        _TOP + (len(drawn) + 1) * _STEP,
        (*lanes, Lane(target, "target")),
        steps,
        len(reader.rows) - len(last),
        len(last) - len(drawn),
        _summary(steps, len(numbers)),
    )


def _name(number: int, who: str) -> str:
    return cut(f"#{number} {who}".rstrip(), 16)


def _step(y: int, row: tuple[WireLine, str, str], places: dict[int, int], target: int) -> Step:
    line, kind, text = row
    mine = places[line.connection]
    ends = (target, mine) if line.direction == "received" and kind != "fold" else (mine, target)
    return Step(y, *ends, kind, cut(text, _LABEL), text if len(text) > _LABEL else "", _moment(line.ms))


def _moment(ms: float) -> str:
    return f"{ms:,.1f}" if ms < 1000 else f"{ms:,.0f}"


def _summary(steps: tuple[Step, ...], peers: int) -> str:
    frames = sum(step.kind not in ("fold", "event") for step in steps)
    return f"Sequence of {frames} frame{'s' * (frames != 1)} between {peers} peer{'s' * (peers != 1)} and the target"
