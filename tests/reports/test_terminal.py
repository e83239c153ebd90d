"""What a run looks like at the terminal."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console
from tests.reports.test_results import case, results

from cchatspec.reports.results import CaseResult, Results, WireLine
from cchatspec.reports.terminal import show_results

HOSTILE = "\x1b[31mred\x1b[0m \x00 \u202e [bold]x[/bold] \x07 " + "long " * 100


def shown(run: Results, width: int = 80) -> str:
    buffer = StringIO()
    show_results(run, Console(file=buffer, width=width, color_system=None), "results.json")
    return buffer.getvalue()


def failed(text: str) -> CaseResult:
    wire = [WireLine(0.1, 1, "received", text, 3, "414243")]
    return CaseResult("REG-OK/x", text, ["REG-OK"], "MUST", "fail", text, None, 0.0, "cchatspec run", text, text, wire)


def test_no_line_is_wider_than_eighty_columns() -> None:
    assert max(len(line) for line in shown(results(failed("y" * 300), case("pass"))).splitlines()) <= 80


@pytest.mark.parametrize("bad", ["\x1b", "\x00", "\u202e", "\x07"], ids=["escape", "nul", "right-to-left", "bell"])
def test_a_hostile_targets_text_is_shown_escaped(bad: str) -> None:
    assert bad not in shown(results(failed(HOSTILE)))


def test_a_hostile_targets_text_is_no_markup() -> None:
    assert "[bold]x[/bold]" in shown(results(failed(HOSTILE)))


def test_a_failure_says_the_clauses_own_sentence() -> None:
    assert "A REGISTER_USER with a new, valid name" in " ".join(shown(results(failed("x"))).split())


def test_the_end_names_the_broken_clauses_and_what_to_do_next() -> None:
    run = results(failed("x"))
    text = shown(Results(**{name: getattr(run, name) for name in run.__struct_fields__} | {"clauses": []}))

    assert "1 fail" in text


def test_nothing_decided_is_not_called_good() -> None:
    assert "says nothing good" in shown(results(case("inconclusive")))


def test_an_unfinished_run_says_so() -> None:
    assert "was not finished" in shown(results(case("pass"), complete=False))
