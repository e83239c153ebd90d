"""The words at the top of the page, and what becomes of texts from a target."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reports.samples import FINDING, HOSTILE, campaign, case, results

from cchatspec.reports.html.words import address, answer, campaign_answer, clean, label, shown, visible
from cchatspec.reports.results import CaseResult, Results, TargetInfo, Tool, changed, summarise

FAIL = case("REG-OK", "fail")
WARN = case("LOGIN-BURN", "warn", level="SHOULD")
PASS = case("REG-KEY", "pass")
LOST = case("REG-ALIAS", "inconclusive")


@pytest.mark.parametrize(
    ("cases", "sentence", "verdict"),
    [
        ((FAIL, WARN, PASS), "1 MUST is broken: REG-OK.", "fail"),
        ((WARN, PASS, LOST), "No MUST is broken; 1 SHOULD is not met: LOGIN-BURN.", "warn"),
        ((PASS, LOST), "No MUST is broken as far as could be decided.", "inconclusive"),
        ((PASS,), "All is well: 1 clause holds in 1 case.", "pass"),
        ((LOST,), "This run says nothing good about the target: nothing could be decided.", "inconclusive"),
        ((), "This run says nothing good about the target: nothing could be decided.", "inconclusive"),
        ((changed(FAIL, known="#7"), PASS), "Nothing is broken that the baseline does not know.", "pass"),
    ],
    ids=["a MUST", "a SHOULD", "undecided", "well", "nothing", "empty", "known"],
)
def test_the_answer_is_one_sentence(cases: tuple[CaseResult, ...], sentence: str, verdict: str) -> None:
    assert answer(results(*cases)) == (sentence, verdict)


def test_many_broken_clauses_are_counted() -> None:
    clauses = ("REG-OK", "REG-KEY", "REG-ALIAS", "KEY-FOUND", "KEY-EXACT", "SEND-ACK", "SEND-ID", "SEND-BODY")

    assert answer(results(*(case(clause, "fail") for clause in clauses)))[0].endswith("SEND-ACK and 2 more.")


def test_an_unfinished_run_is_not_called_well() -> None:
    assert answer(results(PASS, complete=False))[1] == "inconclusive"


def test_a_campaign_tells_what_it_found() -> None:
    assert campaign_answer(campaign(FINDING)) == ("The fuzzer found 1 fault in 6,000 executions: 1 crash.", "fail")


def test_a_hollow_campaign_is_not_called_well() -> None:
    assert campaign_answer(campaign(hollow="the target refused everything."))[1] == "inconclusive"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("127.0.0.1:4000", "127.0.0.1:4000"),
        ("python /opt/x/server.py {port} --fault a", "server.py --fault a"),
        ("./my-server --port {port} -v", "my-server -v"),
        ("./my-server {port}", "my-server"),
        ("{port}", "unnamed"),
    ],
)
def test_a_target_has_a_short_name(name: str, short: str) -> None:
    run = Results(
        tool=Tool("x", "1"),
        target=TargetInfo(name, "127.0.0.1:1", name),
        started="2026-01-01T00:00:00Z",
        duration_s=1.0,
        summary=summarise([]),
        open_points={},
        cases=[],
        clauses=[],
    )

    assert label(run) == short


def test_control_characters_are_seen() -> None:
    assert visible("a\x1b\u202eb") == '<bdi>a<span class="ctl">\\x1b\\u202e</span>b</bdi>'


def test_letters_of_other_scripts_stay() -> None:
    assert visible("אב é") == "<bdi>אב é</bdi>"


def test_a_long_text_is_folded_and_an_endless_one_cut() -> None:
    text = shown(HOSTILE)

    assert ("<details" in text, len(text) < 20_000, "more characters are in the results file" in text) == (True,) * 3


@given(st.text())
def test_no_text_brings_markup_or_control_characters(text: str) -> None:
    made = str(visible(text)).removeprefix("<bdi>").removesuffix("</bdi>")
    made = made.replace('<span class="ctl">', "").replace("</span>", "")

    assert (set("<>\"'") & set(made), all(char.isprintable() or char == "\n" for char in made)) == (set(), True)


@given(st.text())
def test_no_attribute_has_control_characters(text: str) -> None:
    assert str(clean(text)).isprintable()


@given(st.text())
def test_an_address_is_plain_ascii(text: str) -> None:
    assert address(text).isascii() and not set(address(text)) & set(" \"'<>")
