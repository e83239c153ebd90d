"""What a run looks like at the terminal."""

from __future__ import annotations

import shlex
from io import StringIO

import msgspec
import pytest
from rich.console import Console
from tests.reports.samples import EACH
from tests.reports.samples import case as sample
from tests.reports.samples import results as sampled
from tests.reports.test_results import case, results

from cchatspec.reports.results import CaseResult, OpenPointResult, Results, Stimulus, WireLine, changed
from cchatspec.reports.terminal import printed, show_durations, show_results

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


def test_what_was_sent_is_shown_with_its_hexdump() -> None:
    sent = Stimulus(2, "SET_STATUS status=9", 6, "000000010609", ["  00000005  09                       status: 9"])

    lines = [line.rstrip() for line in shown(results(changed(failed("x"), sent=sent))).splitlines()]

    assert lines[lines.index("  sent     #2 SET_STATUS status=9") + 1] == sent.dump[0]


def test_the_way_to_the_question_is_folded() -> None:
    way = [WireLine(float(ms), 1, "sent", "LOGIN_USER", part="login") for ms in range(4)]
    text = shown(results(changed(failed("x"), wire=way)))

    assert (text.count("logged in"), "LOGIN_USER" in text) == (1, False)


def test_of_many_failures_of_a_clause_three_are_shown_in_full() -> None:
    many = [changed(failed("x"), id=f"REG-OK/{number}") for number in range(5)]
    text = shown(results(*many))

    assert (text.count("  case "), "and 2 more, which are in the JSON: REG-OK/3, REG-OK/4" in text) == (3, True)


def test_known_failures_are_listed_apart() -> None:
    text = shown(results(changed(failed("x"), known="ticket 7")))

    assert ("REG-OK/x: ticket 7" in text, "FAIL  REG-OK" in text, "(1 known)" in text) == (True, False, True)


def test_what_is_wrong_with_the_baseline_is_said() -> None:
    run = results(case("pass"))
    text = shown(Results(**{name: getattr(run, name) for name in run.__struct_fields__} | {"baseline": ["it is old"]}))

    assert "The baseline is wrong: it is old." in text


def test_the_slowest_cases_come_first() -> None:
    buffer = StringIO()
    cases = [changed(case("pass"), id=f"REG-OK/{number}", duration_s=number / 10) for number in range(12)]
    show_durations(results(*cases), Console(file=buffer, width=80))

    assert [line.split("/")[1] for line in buffer.getvalue().splitlines()[2:]] == [str(n) for n in range(11, 1, -1)]


@pytest.mark.parametrize("colours", [None, "standard"])
def test_no_line_ends_in_white_space(colours: str | None) -> None:
    buffer = StringIO()
    console = Console(file=buffer, width=80, color_system=colours, force_terminal=bool(colours))  # type: ignore[arg-type]
    with printed(console):
        show_results(results(failed("x"), case("pass")), console)

    assert [line for line in buffer.getvalue().splitlines() if line.endswith((" ", " \x1b[0m"))] == []


def test_no_colour_is_printed_if_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    buffer = StringIO()
    show_results(results(failed("x")), Console(file=buffer, width=80, force_terminal=True))

    assert [code for code in ("\x1b[31m", "[1;31m", "[32m") if code in buffer.getvalue()] == []


@pytest.mark.parametrize("width", [40, 60])
def test_a_narrow_terminal_shows_everything_in_its_width(width: int) -> None:
    assert max(len(line) for line in shown(results(failed("y" * 300), case("pass")), width).splitlines()) <= width


def ending(run: Results) -> list[str]:
    lines = [line.rstrip() for line in shown(run).splitlines()]
    return lines[lines.index("All of it is in results.json.") - 1 :]


def test_the_last_lines_are_the_next_commands() -> None:
    assert ending(sampled(*EACH))[1:] == [
        "All of it is in results.json.",
        "  Next:    cchatspec explain FRAME-LAYOUT",
        "           cchatspec report results.json --html report.html",
    ]


def test_the_clause_that_most_cases_wait_for_is_named() -> None:
    assert ending(sampled(*EACH))[0] == "Mend LOGIN-PROOF first: 1 case waits for it."


def test_a_should_is_not_to_be_mended_before_a_must() -> None:
    expected = sample("LOGIN-PROOF", "warn", level="SHOULD")

    assert "Mend" not in shown(sampled(*EACH, expected))


def test_what_is_expected_besides_is_named_behind_what_is_broken() -> None:
    assert "Broken: FRAME-LAYOUT. Expected of a robust server, and not met: LOGIN-BURN." in " ".join(
        shown(sampled(*EACH)).split()
    )


def test_the_end_counts_the_clauses_that_hold() -> None:
    assert "1 of 4 clauses hold. Broken: FRAME-LAYOUT." in shown(sampled(*EACH))


def test_a_command_is_broken_so_that_it_can_be_copied() -> None:
    long = "cchatspec run --launch './server --port {port} --with many --options that --are long' --select REG-OK/x"
    lines = [line.rstrip() for line in shown(results(changed(failed("x"), replay=long))).splitlines()]
    first = next(index for index, line in enumerate(lines) if line.startswith("  again"))

    assert shlex.split(
        "\n".join([lines[first].replace("again", ""), *lines[first + 1 : first + 2]]).replace("\\\n", "")
    )[-2:] == [
        "--select",
        "REG-OK/x",
    ]


def test_an_open_point_that_was_asked_for_and_did_not_show_says_so() -> None:
    asked = changed(case("pass"), id="OPEN/name-case", clauses=["name-case"])
    run = msgspec.structs.replace(results(asked), open_points={"name-case": OpenPointResult(None)})

    assert "name-case  not seen  what came fits none of its readings." in shown(run)


def test_values_of_open_points_are_no_markup() -> None:
    run = msgspec.structs.replace(results(case("pass")), open_points={"x": OpenPointResult("[/x] [bold]y[/bold]")})

    assert "[/x] [bold]y[/bold]" in shown(run)


@pytest.mark.parametrize("text", ["GET_PUBLIC_KEY", "GET_PUBLIC_KEY (fence)"])
def test_a_fence_is_marked_once(text: str) -> None:
    wire = [WireLine(0.1, 1, "sent", text, part="fence")]

    assert shown(results(changed(failed("x"), wire=wire))).count("(fence)") == 1


def test_a_flaky_case_says_how_often_it_did_what() -> None:
    assert "flaky    pass in 1, fail in 2" in shown(results(changed(failed("x"), runs={"pass": 1, "fail": 2})))


def test_of_a_long_wire_log_the_end_is_shown() -> None:
    wire = [WireLine(float(ms), 1, "sent", f"frame {ms}.") for ms in range(30)]
    text = shown(results(changed(failed("x"), wire=wire)))

    assert ("frame 13." in text, "frame 14." in text, "(14 earlier lines are in the JSON)" in text) == (
        False,
        True,
        True,
    )


def test_a_failure_without_a_comparison_says_its_reason() -> None:
    assert "reason   it died" in shown(results(changed(failed("x"), reason="it died", came=None, expected=None)))
