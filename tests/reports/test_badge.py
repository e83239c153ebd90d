"""The badge says the verdict in words, with a colour to it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from tests.reports.samples import EACH, FINDING, campaign, case, results

from cchatspec.reports.badge import badge_svg
from cchatspec.reports.digest import Report
from cchatspec.reports.results import changed

SVG = "{http://www.w3.org/2000/svg}"
GREEN, YELLOW, RED, GREY = "#1a7f37", "#8f6200", "#c4291c", "#5b636b"


def picture(*reports: Report, strict: bool = False) -> ET.Element:
    return ET.fromstring(badge_svg(reports, strict=strict))


def said(svg: ET.Element) -> tuple[str, str]:
    """What it says, and the colour behind that."""
    words = [text.text or "" for text in svg.iter(f"{SVG}text")]
    return ": ".join(words), [box.get("fill", "") for box in svg.iter(f"{SVG}rect")][-1]


GOOD, FAILED = case("REG-OK", "pass"), case("REG-KEY", "fail")
WARNED = case("LOGIN-BURN", "warn", level="SHOULD")


@pytest.mark.parametrize(
    ("report", "words", "colour"),
    [
        (results(GOOD), "C-Chat: 1/1 clauses", GREEN),
        (results(GOOD, WARNED), "C-Chat: 1/2 clauses", YELLOW),
        (results(GOOD, FAILED), "C-Chat: 1/2 clauses", RED),
        (results(GOOD, changed(FAILED, known="so")), "C-Chat: 1/2 clauses", GREEN),
        (results(GOOD, case("REG-KEY", "inconclusive")), "C-Chat: 1/2 clauses", YELLOW),
        (results(GOOD, case("REG-KEY", "skip")), "C-Chat: 1/1 clauses", GREEN),
        (results(case("REG-KEY", "inconclusive")), "C-Chat: 0/1 clauses", GREY),
        (results(), "C-Chat: nothing decided", GREY),
        (campaign(FINDING), "C-Chat fuzz: 1 finding", RED),
        (campaign(), "C-Chat fuzz: no finding", GREEN),
        (campaign(hollow="refused"), "C-Chat fuzz: proves nothing", GREY),
    ],
    ids=["good", "warned", "broken", "known", "undecided", "skipped", "nothing", "empty", "found", "clean", "hollow"],
)
def test_what_it_says(report: Report, words: str, colour: str) -> None:
    assert said(picture(report)) == (words, colour)


def test_strict_takes_a_warning_for_broken() -> None:
    assert said(picture(results(GOOD, WARNED), strict=True))[1] == RED


def test_several_results_are_counted_and_the_worst_gives_the_colour() -> None:
    assert said(picture(results(GOOD), results(FAILED))) == ("C-Chat: 1/2 well", RED)


def test_it_is_read_aloud() -> None:
    svg = picture(results(*EACH))

    assert (svg.get("role"), svg.get("aria-label"), (svg.findtext(f"{SVG}title") or "")[:20]) == (
        "img",
        "C-Chat: 1/4 clauses",
        "C-Chat: 1/4 clauses.",
    )


@pytest.mark.parametrize("colour", [GREEN, YELLOW, RED, GREY, "#3f464d"])
def test_white_text_can_be_read_on_every_colour(colour: str) -> None:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert 1.05 / (luminance + 0.05) >= 4.5
