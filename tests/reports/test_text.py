"""Text that every form of report shares: printable whatever comes, and commands in lines that a shell takes for one."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reports.samples import EACH, FINDING, campaign, case, hostile_campaign, hostile_results

from cchatspec.reports.results import changed
from cchatspec.reports.text import case_text, cut, finding_text, plain, shell_lines, telling_lines

ANY = st.text(alphabet=st.characters(exclude_categories=()))  # halves of surrogate pairs too
WORDS = st.lists(st.text(alphabet="ab-./ {}'", min_size=1, max_size=30).filter(str.strip), min_size=1, max_size=8)


def joined(lines: list[str]) -> str:
    """What a shell makes of lines: a backslash at the end of one takes it and the end away."""
    return "\n".join(lines).replace("\\\n", "")


@given(ANY)
def test_plain_text_is_printable(text: str) -> None:
    assert plain(text).isprintable()


@given(st.text().filter(str.isprintable))
def test_printable_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@given(ANY, st.integers(2, 50))
def test_cut_text_is_no_longer_than_the_limit(text: str, limit: int) -> None:
    assert len(cut(text, limit)) <= limit


@given(WORDS, st.integers(10, 80))
def test_a_shell_reads_the_lines_of_a_command_as_the_command(words: list[str], width: int) -> None:
    lines = shell_lines(shlex.join(words), width)

    assert [word.split() for word in shlex.split(joined(lines))] == [word.split() for word in words]


@given(st.lists(st.text(alphabet="ab-./", min_size=1, max_size=9), min_size=1), st.integers(16, 80))
def test_the_lines_of_a_command_fit_if_its_words_do(words: list[str], width: int) -> None:
    assert max(map(len, shell_lines(" ".join(words), width))) <= width


def test_a_long_launch_command_is_broken_where_white_space_parts_words() -> None:
    command = shlex.join(["cchatspec", "run", "--launch", "./server --port {port} --fast", "--select", "REG-OK"])

    assert shell_lines(command, 34) == [
        "cchatspec run --launch './server",
        "--port {port} --fast' --select \\",
        "  REG-OK",
    ]


def test_a_real_shell_reads_the_lines_as_the_command() -> None:
    words = ["printf", "%s|", "--launch", "./server --port {port} --fast", "--select", "REG-OK/x"]
    said = subprocess.run(
        ["sh", "-c", "\n".join(shell_lines(shlex.join(words), 20))], capture_output=True, text=True, check=True
    )

    assert [word.split() for word in said.stdout.split("|")[:-1]] == [word.split() for word in words[2:]]


def test_what_is_quoted_twice_is_not_broken() -> None:
    inner = shlex.join(["sh", "-c", "exec  ./server"])

    assert shlex.split(joined(shell_lines(shlex.join(["run", "--launch", inner]), 12))) == ["run", "--launch", inner]


@pytest.mark.parametrize(
    "shown", [case("REG-OK", "fail"), changed(case("REG-OK", "warn"), known="so", runs={"pass": 1, "warn": 2})]
)
def test_the_text_of_a_case_ends_with_the_command_that_shows_it_again(shown: object) -> None:
    assert case_text(shown, None).endswith("\nagain    cchatspec run 127.0.0.1:4000 --select REG-OK/x")  # type: ignore[arg-type]


def test_the_text_of_a_finding_says_how_surely_it_shows() -> None:
    assert "in 3 of 3 replays; met 12 times, first after 4.2 s" in finding_text(FINDING, campaign(FINDING))


def test_the_text_of_anything_hostile_is_printable() -> None:
    run, fuzz = hostile_results(), hostile_campaign()
    texts = [*(case_text(shown, None) for shown in run.cases), finding_text(fuzz.findings[0], fuzz)]

    assert [line for text in texts for line in text.split("\n") if not line.isprintable()] == []


def test_a_case_that_passed_needs_no_more_than_its_clause_and_its_command() -> None:
    assert len(case_text(EACH[0], None).splitlines()) == 4


SANITIZED = [
    "listening",
    "==7==ERROR: AddressSanitizer: heap-use-after-free",
    "READ of size 8",
    "#0 in send",
    *["shadow"] * 30,
]


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (SANITIZED, SANITIZED[1:4]),
        (["one", "two", "three", "four"], ["two", "three", "four"]),
        (["one", "panic: index out of range"], ["one", "panic: index out of range"]),
        ([], []),
    ],
    ids=["sanitizer", "nothing-telling", "at-the-end", "nothing"],
)
def test_what_a_program_says_when_it_goes_down_is_shown_before_its_last_lines(
    output: list[str], told: list[str]
) -> None:
    assert telling_lines("\n".join(output), 3) == told
