"""What a user sees while a campaign runs: a live view on a terminal, else a line now and then."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cchatspec.fuzz.recorder import Recorder
from cchatspec.reports.text import brief, cut

_LINE_S = 10.0
_WINDOW_S = 5.0
_SHOWN = 6
_WIDTH = 76

#: Called when something may have changed, with the id of a finding if one is new.
Show = Callable[[str], None]


@contextmanager
def display(recorder: Recorder, limit: str, *, stream: object = None) -> Iterator[Show]:
    """Show how a campaign goes on, on standard error; `limit` says when it ends, such as `60 s`."""
    console = Console(file=sys.stderr if stream is None else stream)  # type: ignore[arg-type]
    pace = _Pace(recorder)
    if not console.is_terminal:
        yield _Lines(recorder, limit, pace, console).show
        return
    with Live(console=console, transient=True, auto_refresh=False) as live:

        def show(_: str) -> None:
            if pace.is_due(0.25):
                live.update(_view(recorder, limit, pace), refresh=True)

        yield show


class _Pace:
    """How fast it is now: over the last seconds."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._marks: list[tuple[float, int, int]] = [(monotonic(), 0, 0)]
        self._shown = 0.0

    def is_due(self, every: float) -> bool:
        """Whether to show something again."""
        if monotonic() < self._shown + every:
            return False
        self._shown = monotonic()
        return True

    def per_second(self) -> tuple[float, float]:
        """Executions and answered frames a second."""
        now = self._recorder.current
        self._marks.append((monotonic(), now.executions, now.answered))
        while len(self._marks) > 2 and self._marks[1][0] < monotonic() - _WINDOW_S:
            self._marks.pop(0)
        (then, executions, answered), (last, *_) = self._marks[0], self._marks[-1]
        span = max(last - then, 1e-3)
        return (now.executions - executions) / span, (now.answered - answered) / span


class _Lines:
    """A line every ten seconds, and one for each finding."""

    def __init__(self, recorder: Recorder, limit: str, pace: _Pace, console: Console) -> None:
        self._recorder, self._limit, self._pace, self._console = recorder, limit, pace, console
        pace.is_due(0)
        self._every = _LINE_S

    def show(self, found: str) -> None:
        if found:
            finding = self._recorder.findings[found]
            self._say(f"found {finding.kind}: {brief(finding.title)}")
        if self._pace.is_due(self._every):
            self._say(_summary(self._recorder, self._limit, self._pace))

    def _say(self, text: str) -> None:
        self._console.print(Text(f"cchatspec: {text}"), soft_wrap=True)


def _summary(recorder: Recorder, limit: str, pace: _Pace) -> str:
    now = recorder.current
    executions, answered = pace.per_second()
    parts = [
        f"{recorder.seconds:.0f} s{f' of {limit}' if limit else ''}",
        f"{now.executions:,} executions ({executions:,.0f}/s)",
        f"{answered:,.0f} frames/s answered",
        f"{len(recorder.triples)} triples",
        f"{len(recorder.findings)} findings",
    ]
    refused = sum(now.refused.values())
    parts += [f"{refused:,} refused"] if refused else []
    parts += [f"{now.restarts} restarts"] if now.restarts else []
    parts += [now.doing] if now.doing else []
    return ", ".join(parts)


def _view(recorder: Recorder, limit: str, pace: _Pace) -> Group:
    now = recorder.current
    executions, answered = pace.per_second()
    kinds = Counter(finding.kind for finding in recorder.findings.values())
    states = len({triple.state for triple in recorder.triples})
    rows = {
        "time": f"{recorder.seconds:.0f} s{f' of {limit}' if limit else ''}",
        "executions": f"{now.executions:,} delivered and answered, {executions:,.0f}/s",
        "frames": f"{now.answered:,} answered of {now.requests:,}, {answered:,.0f}/s",
        "seen": f"{states} states, {len(recorder.triples)} triples of state, request and reply",
        "refused": ", ".join(f"{times:,} {brief(words)}" for words, times in Counter(now.refused).most_common(3)),
        "restarts": f"{now.restarts:,}" if now.restarts else "",
        "findings": ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "none",
        "now": now.doing,
    }
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for label, text in rows.items():
        if text:
            table.add_row(Text(label, style="dim"), Text(cut(text, _WIDTH - 12)))
    found = list(recorder.findings.values())[-_SHOWN:]
    lines = [
        Text.assemble(
            "  ", (finding.kind, "bold red"), f"  {cut(brief(finding.title), _WIDTH - len(finding.kind) - 4)}"
        )
        for finding in found
    ]
    return Group(table, *lines, Text("Ctrl-C ends it and keeps everything found.", style="dim"))
