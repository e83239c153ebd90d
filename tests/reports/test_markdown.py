"""Markdown for a job's summary or a comment: what it says, how long it gets, and that any text in it stays text."""

from __future__ import annotations

from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from tests.reports.samples import EACH, FINDING, campaign, case, results

from cchatspec.reports.digest import Report
from cchatspec.reports.markdown import LIMIT, code, escaped, fenced, markdown
from cchatspec.reports.results import changed
from cchatspec.reports.text import plain

READER = MarkdownIt("commonmark", {"html": True}).enable("table")
ANY_LINE = st.text().map(plain)
SPECIAL = st.text(alphabet="`*_[]()<>!#@:/|~&$\\-+=0.w hx").map(plain)


class Words(HTMLParser):
    """The text of an HTML document, and its tags."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(ANY_LINE | SPECIAL)
def test_escaped_text_is_read_as_that_text(text: str) -> None:
    words = Words(READER.render(escaped(text.strip())))

    assert (words.tags - {"p"}, words.text.strip().replace("\u200b", "")) == (set(), text.strip())


@given(ANY_LINE | SPECIAL)
def test_escaped_text_has_no_mention_no_reference_and_no_address(text: str) -> None:
    words = unescape(escaped(text))

    assert [bad for bad in ("@a", "#1", "://", "www.") if bad in words] == []


@given((ANY_LINE | SPECIAL).filter(lambda text: bool(text.strip())))
def test_code_is_read_as_that_text(text: str) -> None:
    words = Words(READER.render(f"x {code(text)}"))

    assert (words.tags - {"p"}, words.text.rstrip("\n").removeprefix("x ")) == ({"code"}, text)


@given(st.lists(ANY_LINE | SPECIAL, min_size=1).map("\n".join))
def test_fenced_lines_are_read_as_those_lines(text: str) -> None:
    words = Words(READER.render(fenced(text)))

    assert (words.tags, words.text) == ({"pre", "code"}, f"{text}\n\n")


def test_the_first_line_is_the_answer() -> None:
    lines = markdown([results(*EACH)]).splitlines()

    assert lines[:3] == [
        "### ❌ C-Chat conformance: `127.0.0.1:4000`",
        "",
        "**The target does not conform. 1 of 4 clauses hold; cases: 1 pass, 1 fail, 1 warn, 1 undecided, 1 skip.**",
    ]


def test_the_clause_that_most_cases_wait_for_is_named() -> None:
    assert "- 1 undecided case waits for LOGIN-PROOF; mend that first" in markdown([results(*EACH)])


def test_a_campaign_says_how_much_it_did() -> None:
    text = markdown([campaign()])

    assert ("- 100 executions a second; 27,000 of 30,000 requests answered" in text, "12 times ERROR 06" in text) == (
        True,
        True,
    )


def test_families_are_a_table() -> None:
    words = READER.render(markdown([results(*EACH)]))

    assert (words.count("<tr>"), "<code>REG</code> registration" in words) == (4, True)


def test_a_failure_has_its_clause_its_reason_and_its_replay() -> None:
    words = Words(READER.render(markdown([results(case("REG-OK", "fail"))])))

    assert [said in words.text for said in ("A REGISTER_USER with a new, valid name", "came: it is so")] == [True, True]
    assert words.text.count("cchatspec run 127.0.0.1:4000 --select REG-OK/x") == 2


def test_details_are_folded() -> None:
    assert {"details", "summary"} <= Words(READER.render(markdown([results(*EACH)]))).tags


def test_failures_of_one_clause_stand_together() -> None:
    text = markdown([results(*(case("REG-OK", "fail", f"n{number}") for number in range(30)))])

    assert (text.count("<details>"), "(30 cases)" in text, "and 9 more" in text) == (1, True, True)


def test_a_broken_must_comes_before_a_broken_should() -> None:
    text = markdown([results(case("FRAME-ORDER", "warn"), case("REG-OK", "fail"))])

    assert text.index("<b>FAIL</b>") < text.index("<b>WARN</b>")


def test_what_the_baseline_knows_is_not_listed() -> None:
    assert "<details>" not in markdown([results(changed(case("REG-OK", "fail"), known="ticket 7"))])


@pytest.mark.parametrize("strict", [False, True])
def test_strict_takes_a_warning_for_broken(strict: bool) -> None:
    head = markdown([results(case("REG-OK", "pass"), case("LOGIN-BURN", "warn"))], strict=strict).splitlines()[0]

    assert ("❌" in head) is strict


MANY = [case(f"REG-{number}", "fail", said="y" * 3000) for number in range(1500)]


@pytest.mark.parametrize("number", [1, 2, 20, 500])
def test_it_fits_into_a_comment_whatever_it_is_made_of(number: int) -> None:
    reports: list[Report] = [results(*(MANY if number < 5 else MANY[:10]))] * number

    assert len(markdown(reports)) <= LIMIT


def test_what_does_not_fit_is_counted() -> None:
    text = markdown([results(*MANY)])
    shown = text.count("<details>") + text.count("\n- **FAIL**")

    assert f"…and {1500 - shown} more" in text


def test_results_that_do_not_fit_are_counted() -> None:
    assert " more of 500 results do not fit here." in markdown([results(*EACH)] * 500)


def test_a_finding_is_shown_with_what_replays_it() -> None:
    text = markdown([campaign(FINDING)])

    assert "cchatspec replay findings/crash-1a2b3c/finding.json --launch './server {port}'" in text


def test_a_campaign_that_proves_nothing_says_so() -> None:
    assert "### ❔" in markdown([campaign(hollow="everything was refused")])
