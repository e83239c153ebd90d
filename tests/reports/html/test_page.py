"""The page as text: what stands in it, and what never does."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from tests.reports.samples import EACH, FINDING, campaign, case, hostile_campaign, hostile_results, results

from cchatspec.reports.digest import Report
from cchatspec.reports.html import render
from cchatspec.reports.results import changed

HOSTILE: dict[str, list[Report]] = {
    "conformance": [hostile_results()],
    "fuzz": [hostile_campaign()],
    "both": [hostile_results(), hostile_campaign(), hostile_results()],
}
VOID = {"meta", "link", "input", "br", "rect", "line", "circle", "path", "polygon", "polyline"}


class Reader(HTMLParser):
    """The elements of a page, their attributes, and which were never closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.ids: list[str] = []
        self.open: list[str] = []
        self.crossed: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name in ("href", "src"):
                self.links.add(value or "")
            if name == "id":
                self.ids.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)


def cases(number: int) -> list[str]:
    return [f"case-{at}" for at in range(number)]


@pytest.fixture(params=list(HOSTILE))
def hostile(request: pytest.FixtureRequest) -> str:
    return render(HOSTILE[request.param])


def test_a_hostile_text_stays_printable(hostile: str) -> None:
    assert {char for char in hostile if not char.isprintable()} == {"\n"}


def test_a_hostile_text_leaves_the_page_whole(hostile: str) -> None:
    read = Reader(hostile)

    assert (read.open, read.crossed) == ([], [])


def test_a_hostile_text_adds_no_link_out_of_the_page(hostile: str) -> None:
    assert {link for link in Reader(hostile).links if not link.startswith(("#", "data:,"))} == set()


def test_a_hostile_text_adds_no_attribute_that_runs(hostile: str) -> None:
    assert {name for name in Reader(hostile).attributes if name.startswith("on") or name == "style"} == set()


def test_a_hostile_text_of_64_kib_everywhere_keeps_the_page_small() -> None:
    assert len(render([hostile_results()])) < 1_000_000


def test_the_page_is_whole_and_has_each_id_once() -> None:
    read = Reader(render([results(*EACH), campaign(FINDING)]))

    assert (read.open, read.crossed, len(read.ids) - len(set(read.ids))) == ([], [], 0)


def test_the_policy_allows_our_own_style_and_scripts_alone() -> None:
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', render([results(*EACH)]))

    assert (policy.startswith("default-src &#39;none&#39;; img-src data:"), "unsafe" in policy, "http" in policy) == (
        True,
        False,
        False,
    )


def test_the_same_results_give_the_same_page() -> None:
    assert render([results(*EACH), campaign(FINDING)]) == render([results(*EACH), campaign(FINDING)])


def test_the_title_is_the_answer() -> None:
    assert "<title>127.0.0.1:4000: 1 MUST is broken: FRAME-LAYOUT.</title>" in render([results(*EACH)])


def test_no_results_make_a_page_too() -> None:
    assert "No results were given." in render([])


def test_of_several_it_says_how_many_are_broken() -> None:
    assert "1 of 2 runs shows a broken MUST." in render([results(*EACH), results(case("REG-OK", "pass"))])


@pytest.mark.parametrize(
    "said",
    [
        "The payload of every frame has exactly the layout of its type",
        "clients in other languages parse by the layout",
        "SET_STATUS status=9",
        "cchatspec run 127.0.0.1:4000 --select FRAME-LAYOUT/x",
        "blocked by",
        "the suite plays the client and judges servers.",
        "after GET_MESSAGES.",
    ],
    ids=["sentence", "consequence", "sent", "replay", "undecided", "untestable", "open point"],
)
def test_a_failing_run_tells(said: str) -> None:
    assert said in render([results(*EACH)])


def test_of_many_failures_of_a_clause_the_rest_is_folded() -> None:
    page = render([results(*(case("REG-OK", "fail", name) for name in cases(20)))])

    assert "15 more cases of <bdi>REG-OK</bdi>" in page


def test_known_and_flaky_failures_are_marked() -> None:
    known = changed(case("REG-OK", "fail"), known="ticket 7", runs={"pass": 2, "fail": 1})

    assert re.findall(r'<span class="tag">(known|flaky)</span>', render([results(known)])) == ["known", "flaky"]


def test_what_does_not_fit_is_packed() -> None:
    many = results(*(case("REG-OK", "fail", name) for name in cases(50)))
    plain, packed = render([many]), render([many], plain_budget=0)

    assert (len(packed) < len(plain) / 2, packed.count("data-packed=")) == (True, 50)
