"""The runner against real servers: right ones under the readings that change most, and the ways in which one goes down."""

from __future__ import annotations

import shlex
import sys

import pytest
from tests.fuzz.conftest import PLANTED, ROOT, SEEDED, Start

from cchatspec.conformance.harness.launch import REFERENCE_COMMAND
from cchatspec.conformance.harness.outcomes import TargetError
from cchatspec.conformance.harness.target import Target
from cchatspec.fuzz.crowds import flood
from cchatspec.fuzz.dice import SeededDice
from cchatspec.fuzz.generate import Generator
from cchatspec.fuzz.line import Journal, Line
from cchatspec.fuzz.runner import Runner
from cchatspec.fuzz.script import Body, Connect, Fence, Frame, HalfClose, Name, Proof, Reset, Script, Send, Step
from cchatspec.fuzz.trace import Received, Sent
from cchatspec.fuzz.transcript import script_size
from cchatspec.spec import IncomingMessage, frame_bytes

PLAIN = f"{shlex.quote(sys.executable)} {ROOT / 'tests/conformance/plain_server.py'} {{port}}"

LOGIN, GET_KEY, SEND, LIST = 2, 3, 4, 7
IN: tuple[Step, ...] = (
    Connect(0),
    Send(0, (Frame(LOGIN, {"username": Name("a")}),)),
    Send(0, (Frame(LOGIN, {"username": Name("a"), "signature": Proof("a")}),)),
)
FLOOD_MESSAGES = sum(len(step.frames) for step in flood(SeededDice(1)).steps if isinstance(step, Send)) - 5
TO_B = Frame(SEND, {"recipient": Name("b"), "encrypted_message": Body(1, 300)})


def script(*steps: Step, registered: tuple[str, ...] = ("a", "b")) -> Script:
    return Script(registered=registered, steps=steps)


@pytest.mark.parametrize(
    "command",
    [
        REFERENCE_COMMAND,
        f"{REFERENCE_COMMAND} --rate 20/s --burst 40",
        PLAIN,
        f"{PLAIN} closes-after-malformed",
        f"{SEEDED} --close rst --point after-malformed=closes --point oversize=close --point second-session=both",
        f"{SEEDED} --point second-session=refused --point queued-delivery=login --point empty-poll=error",
        f"{SEEDED} --point rate-limit=limited --point connection-limit=limited --point body-limit=limited",
    ],
)
def test_a_right_server_is_never_accused(start: Start, command: str) -> None:
    runner, generator = start(command), Generator(7)
    found = [violation for _ in range(40) for violation in runner.run(generator.script()).violations]

    assert found == []


def test_a_message_goes_all_the_way(start: Start) -> None:
    trace = start(REFERENCE_COMMAND).run(script(*IN, Send(0, (TO_B,)), Fence(0)))

    assert (trace.delivered, trace.frames, trace.answered, trace.violations) == (True, 3, 3, [])


def test_what_was_queued_is_collected(start: Start) -> None:
    trace = start(REFERENCE_COMMAND).run(script(*IN, Send(0, (TO_B,))))

    assert "IncomingMessage" in {type(event.message).__name__ for event in trace.events if isinstance(event, Received)}


def test_steps_that_do_not_wait_leave_in_one_write(start: Start) -> None:
    keys = [Send(0, (Frame(GET_KEY, {"username": Name("a")}),), waits=False) for _ in range(5)]
    trace = start(REFERENCE_COMMAND).run(script(*IN, *keys, Fence(0)))

    sent = [event.ms for event in trace.events if isinstance(event, Sent) and event.step > 2 and event.connection == 0]
    assert len(sent) == 6 and len(set(sent)) == 1


def test_fences_count_for_the_size_of_a_script(start: Start) -> None:
    trace = start(REFERENCE_COMMAND).run(script(Connect(0), Fence(0), registered=()))

    assert script_size(trace) == sum(len(event.data) for event in trace.events if isinstance(event, Sent)) > 0


def test_everything_before_a_half_close_is_answered(start: Start) -> None:
    trace = start(REFERENCE_COMMAND).run(script(*IN, Send(0, (Frame(LIST),) * 3, waits=False), HalfClose(0)))

    assert trace.answered == 5


@pytest.mark.parametrize("command", [REFERENCE_COMMAND, PLAIN, SEEDED])
def test_what_somebody_did_not_read_comes_when_they_read_on(start: Start, command: str) -> None:
    trace = start(command).run(flood(SeededDice(1)))
    came = [event for event in trace.events if isinstance(event, Received) and event.connection == 1]

    assert (trace.violations, sum(isinstance(event.message, IncomingMessage) for event in came)) == ([], FLOOD_MESSAGES)


def test_same_seed_same_bytes(start: Start) -> None:
    one = script(Connect(0), Send(0, (Frame(1, {"username": Name("x")}),)))
    first, second = start(REFERENCE_COMMAND).run(one), start(REFERENCE_COMMAND).run(one)

    assert [event.data for event in first.events if isinstance(event, Sent)] == [
        event.data for event in second.events if isinstance(event, Sent)
    ]


def test_a_second_campaign_on_one_server_takes_other_names(start: Start) -> None:
    runner = start(REFERENCE_COMMAND)
    again = Runner(Target(runner.target.host, runner.target.port), 1)
    trace = again.run(script(*IN, Fence(0)))
    again.close()

    assert trace.violations == [] and again.users.tag > runner.users.tag


def test_a_crash_is_told_with_the_last_output_and_the_target_started_again(start: Start) -> None:
    runner = start(f"{PLANTED} --bug unknown-type-crash")
    trace = runner.run(script(Connect(0), Send(0, (Frame(0x91),)), Fence(0)))

    assert [(violation.kind, violation.request) for violation in trace.violations] == [("crash", "0x91")]
    assert trace.output
    assert runner.restarts == 1
    assert runner.run(script(*IN, Fence(0))).violations == []


def test_a_hang_is_told_with_what_still_lives(start: Start) -> None:
    trace = start(f"{PLANTED} --bug empty-name-waits").run(script(Connect(0), Send(0, (Frame(1),)), Fence(0)))

    assert [(violation.kind, violation.request) for violation in trace.violations] == [("hang", "REGISTER_USER")]


def test_frames_without_end_end_the_wait(start: Start) -> None:
    line = Line(start(f"{PLANTED} --bug malformed-stays").setting, 0, Journal())
    line.tracker.give_up()
    line.queue(frame_bytes(LOGIN, b"cut"))
    line.flush()
    line.wait(until=lambda: False)

    assert [violation.outcome for violation in line.journal.book.violations] == ["frames without end"]


def test_a_session_that_stays_after_a_reset_is_told(start: Start) -> None:
    trace = start(f"{PLANTED} --bug reset-leaves-session").run(script(*IN, Reset(0)))

    assert [(violation.state, violation.clause) for violation in trace.violations] == [("bystander", "STATUS-LOST")]


def test_the_script_that_the_bystanders_noticed_is_found_among_the_last_ones(start: Start) -> None:
    runner = start(f"{PLANTED} --bug connections-256")
    harmless = script(Connect(0), Fence(0), registered=())
    traces = [runner.run(harmless) for _ in range(8)]

    assert [trace.violations for trace in traces] == [[]] * 8


def test_a_server_that_registers_nobody_is_said_so(start: Start) -> None:
    with pytest.raises(TargetError, match="registers no user"):
        start(f"{SEEDED} --fault registers-nobody")


def test_refusals_are_counted_and_not_reported(start: Start) -> None:
    runner = start(f"{SEEDED} --point rate-limit=limited")
    trace = runner.run(script(*IN, Send(0, (Frame(LIST),) * 150), Fence(0)))

    assert (trace.refused, trace.violations, trace.delivered) == (["ERROR 06"], [], False)
