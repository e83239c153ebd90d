"""What a fuzzing campaign looks like at the terminal."""

from __future__ import annotations

from io import StringIO

import msgspec
import pytest
from rich.console import Console
from tests.reports.samples import FINDING, campaign

from cchatspec.reports.campaign import Campaign
from cchatspec.reports.campaigning import show_campaign


def shown(report: Campaign, width: int = 80, written: str | None = "out/results.json") -> str:
    buffer = StringIO()
    show_campaign(report, Console(file=buffer, width=width, color_system=None), written, ["out/r.xml"])
    return buffer.getvalue()


def words(text: str) -> str:
    """The text without its lines, and without the backslashes that continue a command."""
    return " ".join(word for line in text.splitlines() for word in line.rstrip().removesuffix("\\").split())


def test_a_finding_says_what_where_and_how_surely() -> None:
    text = words(shown(campaign(FINDING)))
    said = [
        "FOUND crash The target dies after LOGIN_USER",
        "clause ROBUST-ALIVE: ",
        "happens The process ends with SIGSEGV.",
        "where in state challenged, after LOGIN_USER, with field username_length changed, came closed without ERROR",
        "bytes 87 in the minimised script",
        "printed Segmentation fault",
        "shown in 3 of 3 replays; met 12 times, first after 4.2 s",
        "script out/findings/crash-1a2b3c/finding.json",
        "again cchatspec replay out/findings/crash-1a2b3c/finding.json --launch './server {port}'",
    ]

    assert [part for part in said if part not in text] == []


def test_the_work_that_was_done_is_told() -> None:
    text = words(shown(campaign()))
    said = [
        "executions 6,000 in 60.0 s, 100 a second",
        "requests 500 a second sent, 450 a second answered (90 %)",
        "seen 2 states, 2 triples of state, request and reply",
        "refused 12 times ERROR 06, 3 times connection refused",
        "restarts 2 of the target",
        "seed 7",
    ]

    assert [part for part in said if part not in text] == []


def test_the_end_says_what_was_found_where_it_is_and_what_to_do_next() -> None:
    assert words(shown(campaign(FINDING))).endswith(
        "1 finding (1 crash) in 6,000 executions against ./server {port}. "
        "All of it is in out/results.json; written too: out/r.xml. "
        "Next: cchatspec replay out/findings/crash-1a2b3c/finding.json --launch './server {port}'"
    )


def test_a_path_that_needs_the_whole_line_stands_whole_below_the_label() -> None:
    path = f"findings/{'x' * 40}/finding.json"
    text = shown(campaign(msgspec.structs.replace(FINDING, reproducer=path)))

    assert f"\n    out/{path} \\" in "\n".join(line.rstrip() for line in text.splitlines())


def test_after_nothing_was_found_the_next_thing_is_a_longer_campaign_with_other_inputs() -> None:
    assert words(shown(campaign())).endswith("Next: cchatspec fuzz --launch './server {port}' --max-time 10m --seed 8")


def test_a_campaign_that_proves_nothing_says_why_and_is_not_called_clean() -> None:
    text = words(shown(campaign(hollow="every registration was refused")))

    assert ("This campaign proves nothing: every registration was refused" in text, "no finding" in text) == (
        True,
        False,
    )


def test_after_a_campaign_that_proves_nothing_the_next_thing_is_a_run() -> None:
    assert "Next: cchatspec run --launch './server {port}'" in words(shown(campaign(hollow="refused")))


def test_an_unfinished_campaign_says_so() -> None:
    assert "It was not finished." in shown(campaign(complete=False))


def test_of_many_findings_ten_are_shown_in_full_and_the_rest_in_a_line() -> None:
    many = [msgspec.structs.replace(FINDING, id=f"n{number}", title=f"number {number}") for number in range(14)]
    text = shown(campaign(*many))

    assert (text.count("FOUND"), text.count("crash  number")) == (10, 14)


@pytest.mark.parametrize("width", [60, 80])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, shown(campaign(FINDING), width).splitlines())) <= width


def test_a_campaign_without_a_single_execution_is_shown() -> None:
    assert "proves nothing" in shown(campaign(executions=0))
