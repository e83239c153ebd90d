"""A badge: the verdict in a few words as a small SVG picture, for a README or a dashboard.

It needs no font and no network. The widths of the letters are estimated; `textLength` makes any font fit them. Colour never
says more than the words do.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from cchatspec.reports.campaign import Campaign
from cchatspec.reports.digest import Headline, Outcome, Report, headline, target_name
from cchatspec.reports.text import cut

_SVG = "http://www.w3.org/2000/svg"
#: White text on each of them has a contrast of at least 4.5 to 1.
_COLOURS: dict[Outcome, str] = {"good": "#1a7f37", "warned": "#8f6200", "bad": "#c4291c", "unknown": "#5b636b"}
_GREY = "#3f464d"
_GRAVITY: tuple[Outcome, ...] = ("bad", "unknown", "warned", "good")
_WIDE = frozenset("mwMWABCDEFGHKNOPQRSUVXYZ0123456789%@")
_NARROW = frozenset(" fijlrtI.,:;!|'()[]/-")
_HEIGHT = 20
_PADDING = 6
_MAX_NAMES = 300


def badge_svg(reports: Sequence[Report], *, strict: bool = False) -> bytes:
    """The badge of one report, or of how many of several are well."""
    heads = [headline(report, strict=strict) for report in reports]
    outcomes: list[Outcome] = [head.outcome for head in heads] or ["unknown"]
    worst = min(outcomes, key=_GRAVITY.index)
    label = "C-Chat fuzz" if reports and all(isinstance(report, Campaign) for report in reports) else "C-Chat"
    return _render(label, _short(heads), _COLOURS[worst], _title(reports, heads))


def _short(heads: list[Headline]) -> str:
    if len(heads) == 1:
        return heads[0].short
    well = sum(head.outcome in ("good", "warned") for head in heads)
    return f"{well}/{len(heads)} well" if heads else "no results"


def _title(reports: Sequence[Report], heads: list[Headline]) -> str:
    said = [f"{target_name(report)}: {head.sentence}" for report, head in zip(reports, heads, strict=True)]
    return cut(" ".join(said), _MAX_NAMES)


def _render(label: str, message: str, colour: str, title: str) -> bytes:
    left, right = _width(label), _width(message)
    svg = ET.Element("svg", xmlns=_SVG, width=str(left + right), height=str(_HEIGHT), role="img")
    svg.set("viewBox", f"0 0 {left + right} {_HEIGHT}")
    svg.set("aria-label", f"{label}: {message}")
    ET.SubElement(svg, "title").text = f"{label}: {message}. {title}"
    clip = ET.SubElement(ET.SubElement(svg, "clipPath", id="round"), "rect", rx="3")
    clip.attrib.update(width=str(left + right), height=str(_HEIGHT))
    boxes = ET.SubElement(svg, "g", {"clip-path": "url(#round)"})
    ET.SubElement(boxes, "rect", width=str(left), height=str(_HEIGHT), fill=_GREY)
    ET.SubElement(boxes, "rect", x=str(left), width=str(right), height=str(_HEIGHT), fill=colour)
    font = {"font-family": "Verdana,DejaVu Sans,sans-serif", "font-size": "11", "text-anchor": "middle", "fill": "#fff"}
    words = ET.SubElement(svg, "g", font)
    for text, start, width in ((label, 0, left), (message, left, right)):
        place = {"x": str(start + width / 2), "y": "14", "textLength": str(width - 2 * _PADDING)}
        ET.SubElement(words, "text", place).text = text
    document: bytes = ET.tostring(svg, encoding="utf-8")
    return document + b"\n"


def _width(text: str) -> int:
    """The width of a text in Verdana at 11 pixels, and the space around it."""
    return 2 * _PADDING + round(sum(8 if char in _WIDE else 4 if char in _NARROW else 6.7 for char in text))
