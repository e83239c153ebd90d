"""A fuzzing campaign as the page shows it: its findings, what was seen of states and message types, and how it went on.

Pure geometry and counting; how it looks is in the templates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cchatspec.reports.campaign import Campaign, Finding, Sample
from cchatspec.reports.html.conformance import replies_of
from cchatspec.reports.html.frames import BytesView, bytes_view
from cchatspec.reports.html.sequence import Diagram, diagram
from cchatspec.reports.html.words import campaign_answer, label, plural
from cchatspec.reports.text import plain, replay_command, words_of
from cchatspec.spec import MessageType

_WIDTH, _HEIGHT = 640, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 14, 14, 28
_SHADES = 5
_CLIENT_TYPES = tuple(kind.name for kind in MessageType if not kind & 0x80)


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding with what shows it again."""

    finding: Finding
    anchor: str
    text: str
    why: str
    replay: str
    sent: BytesView | None
    replies: tuple[tuple[str, BytesView], ...]
    diagram: Diagram | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one message type in one state; `shade` runs from 0, never, to 5, most often."""

    times: int
    replies: tuple[tuple[str, int], ...]
    shade: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """States by message types; what was never sent has an empty cell."""

    requests: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Seen, ...]], ...]
    seen: int
    cells: int


@dataclass(frozen=True, slots=True)
class Chart:
    """A curve over time with its axes; places are in a drawing of `width` by `height`."""

    title: str
    width: int
    height: int
    line: str
    area: str
    dots: tuple[tuple[float, float, str], ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    summary: str


@dataclass(frozen=True, slots=True)
class CampaignView:
    """All that is shown of one campaign."""

    number: int
    prefix: str
    campaign: Campaign
    label: str
    answer: str
    verdict: str
    findings: tuple[FindingView, ...]
    coverage: Coverage | None
    charts: tuple[Chart, ...]


def campaign_view(campaign: Campaign, number: int, *, alone: bool) -> CampaignView:
    """One campaign; if it is `alone`, its findings have the plain addresses."""
    prefix = "" if alone else f"{number}:"
    sentence, verdict = campaign_answer(campaign)
    return CampaignView(
        number,
        prefix,
        campaign,
        label(campaign),
        sentence,
        verdict,
        tuple(_finding(finding, campaign, prefix) for finding in campaign.findings),
        _coverage(campaign),
        tuple(_charts(campaign)),
    )


def _finding(finding: Finding, campaign: Campaign, prefix: str) -> FindingView:
    text, why = words_of(finding.clause, None) if finding.clause else ("", "")
    sent = bytes_view(finding.sent.hex, finding.sent.size) if finding.sent else None
    return FindingView(
        finding,
        f"{prefix}{finding.kind}/{plain(finding.id)}",
        text,
        why,
        plain(replay_command(finding, campaign)),
        sent,
        tuple(replies_of(finding.wire)),
        diagram(finding.wire),
    )


def _coverage(campaign: Campaign) -> Coverage | None:
    if not campaign.triples:
        return None
    cells: dict[tuple[str, str], dict[str, int]] = {}
    for triple in campaign.triples:
        replies = cells.setdefault((triple.state, triple.request), {})
        replies[triple.reply] = replies.get(triple.reply, 0) + triple.times
    states = list(dict.fromkeys(state for state, _ in cells))
    others = dict.fromkeys(request for _, request in cells if request not in _CLIENT_TYPES)
    requests = (*_CLIENT_TYPES, *others)
    most = max(sum(replies.values()) for replies in cells.values())
    rows = tuple(
        (plain(state), tuple(_seen(cells.get((state, request), {}), most) for request in requests)) for state in states
    )
    return Coverage(tuple(map(plain, requests)), rows, len(cells), len(states) * len(requests))


def _seen(replies: dict[str, int], most: int) -> Seen:
    times = sum(replies.values())
    shade = math.ceil(_SHADES * math.log1p(times) / math.log1p(most)) if times else 0
    ordered = sorted(replies.items(), key=lambda item: -item[1])
    return Seen(times, tuple((plain(reply), count) for reply, count in ordered), shade)


def _charts(campaign: Campaign) -> Iterator[Chart]:
    samples = sorted(campaign.samples, key=lambda sample: sample.s)
    if len(samples) < 2 or samples[-1].s <= 0:
        return
    last = samples[-1]
    rate = f"{last.executions:,} executions in {last.s:,.0f} s"
    yield _chart("Executions", samples, lambda sample: sample.executions, (), rate)
    marks = tuple((finding.found_s, f"{finding.kind}: {plain(finding.title)}") for finding in campaign.findings)
    newest = next(sample for sample in samples if sample.triples == last.triples)
    since = f"{last.triples:,} kinds of replies; the last new one was seen by {newest.s:,.0f} s"
    dots = f", and {plural(len(marks), 'finding')}, each a dot" if marks else ""
    yield _chart("Kinds of replies", samples, lambda sample: sample.triples, marks, since + dots)


def _chart(
    title: str,
    samples: list[Sample],
    value: Callable[[Sample], int],
    marks: tuple[tuple[float, str], ...],
    summary: str,
) -> Chart:
    end, top = samples[-1].s, _nice(max(map(value, samples)))
    across, down = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(s: float) -> float:
        return round(_LEFT + across * min(max(s, 0), end) / end, 1)

    def y(number: float) -> float:
        return round(_TOP + down * (1 - number / top), 1)

    line = " ".join(f"{x(sample.s)},{y(value(sample))}" for sample in samples)
    area = f"{x(samples[0].s)},{y(0)} {line} {x(end)},{y(0)}"
    return Chart(
        title,
        _WIDTH,
        _HEIGHT,
        line,
        area,
        tuple((x(s), y(_value_at(samples, value, s)), text) for s, text in marks),
        tuple(
            (x(end * part / 4), f"{end * part / 4:,.0f} s" if end >= 8 else f"{end * part / 4:.1f} s")
            for part in range(5)
        ),
        tuple((y(top * part / 2), f"{top * part / 2:,.0f}") for part in range(3)),
        summary,
    )


def _value_at(samples: list[Sample], value: Callable[[Sample], int], s: float) -> int:
    """The count at the last sample that is not later."""
    return next((value(sample) for sample in reversed(samples) if sample.s <= s), value(samples[0]))


def _nice(number: float) -> float:
    """The next higher number that looks well on an axis."""
    if number <= 2:
        return 2
    power = 10 ** math.floor(math.log10(number))
    return float(next(step * power for step in (1, 2, 4, 5, 6, 8, 10) if step * power >= number))
