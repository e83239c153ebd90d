"""Scripts that run at the same time: each is judged as if it were alone, and what is suspicious is run again by itself."""

from __future__ import annotations

import pytest
from tests.fuzz.conftest import PLANTED, SEEDED, Start
from tests.fuzz.simulated import End, Server, runner_for

from cchatspec.fuzz.generate import Generator
from cchatspec.fuzz.joining import interleave
from cchatspec.fuzz.runner import WIDTH
from cchatspec.fuzz.script import Connect, Fence, Frame, Name, Proof, Script, Send
from cchatspec.fuzz.trace import Sent, Trace

LOGIN, UNKNOWN = 2, 0x91
HARMLESS = Script(
    registered=("a",),
    steps=(
        Connect(0),
        Send(0, (Frame(LOGIN, {"username": Name("a")}),)),
        Send(0, (Frame(LOGIN, {"username": Name("a"), "signature": Proof("a")}),)),
        Fence(0),
    ),
)
WICKED = Script(steps=(Connect(0), Send(0, (Frame(UNKNOWN),)), Fence(0)))


def kinds(traces: list[Trace]) -> list[tuple[str, bool]]:
    """What was wrong, and whether it was told of the wicked script alone."""
    return [(violation.kind, trace.script == WICKED) for trace in traces for violation in trace.violations]


@pytest.mark.parametrize(
    "command",
    [
        PLANTED,
        f"{SEEDED} --close rst --point after-malformed=closes --point oversize=close --point second-session=both",
        f"{SEEDED} --point second-session=refused --point queued-delivery=login --point empty-poll=error",
        f"{SEEDED} --point rate-limit=limited --point connection-limit=limited --point body-limit=limited",
    ],
)
def test_a_right_server_is_never_accused(start: Start, command: str) -> None:
    runner, generator = start(command), Generator(3)
    rounds = [runner.run_all([generator.script() for _ in range(runner.width)]) for _ in range(6)]

    assert [trace.violations for traces in rounds for trace in traces if trace.violations] == []


def test_each_trace_holds_what_its_own_script_sent_and_was_answered(start: Start) -> None:
    runner = start(PLANTED)
    alone = runner.run(HARMLESS)
    traces = runner.run_all([HARMLESS] * 5)

    assert [trace.triples for trace in traces] == [alone.triples] * 5
    assert [sum(isinstance(event, Sent) for event in trace.events) for trace in traces] == [3] * 5


def test_a_crash_is_told_of_the_script_that_brings_it_about_alone(start: Start) -> None:
    runner = start(f"{PLANTED} --bug unknown-type-crash")
    traces = runner.run_all([HARMLESS, WICKED, HARMLESS])

    assert kinds(traces) == [("crash", True)]
    assert [trace.delivered for trace in traces] == [True] * 3


def test_a_hang_is_told_of_the_script_that_brings_it_about_alone(start: Start) -> None:
    empty = Script(steps=(Connect(0), Send(0, (Frame(1),)), Fence(0)))
    traces = start(f"{PLANTED} --bug empty-name-waits").run_all([HARMLESS, empty, HARMLESS])

    assert [(violation.kind, trace.script) for trace in traces for violation in trace.violations] == [("hang", empty)]


def test_fewer_run_at_the_same_time_where_connections_are_refused(start: Start) -> None:
    many = Script(steps=tuple(step for number in range(10) for step in (Connect(number), Fence(number))))
    runner = start(f"{PLANTED} --point connection-limit=limited")
    rounds = [runner.run_all([many] * runner.width) for _ in range(3)]

    assert runner.width < WIDTH
    assert [trace.violations for traces in rounds for trace in traces if trace.violations] == []


class Answers(Server):
    """Answers a frame of an unassigned type with what nobody asked for."""

    times = 0

    def unknown(self, end: End) -> None:
        self.times += 1
        end.out += b"\0\0\0\1\x82\0"


def test_what_shows_alone_is_told_of_the_script_alone() -> None:
    traces = runner_for(Answers()).run_all([HARMLESS, WICKED])

    assert kinds(traces) == [("illegal-reply", True)]


def test_what_is_known_is_not_run_again() -> None:
    server = Answers()
    runner_for(server).run_all([HARMLESS, WICKED], lambda violation: True)

    assert server.times == 1


class Once(Answers):
    """Does it a single time."""

    def unknown(self, end: End) -> None:
        if self.times:
            Server.unknown(self, end)
        else:
            super().unknown(end)


def test_what_does_not_show_alone_is_told_of_all_together() -> None:
    traces = runner_for(Once()).run_all([HARMLESS, WICKED])

    assert kinds(traces) == [("illegal-reply", False)]
    assert traces[1].script == interleave([HARMLESS, WICKED])[0]


def test_scripts_that_are_interleaved_keep_users_and_connections_of_their_own() -> None:
    script, places = interleave([HARMLESS, WICKED])

    assert [step.connection for step in script.steps] == [0, 1000, 0, 1000, 0, 1000, 0]
    assert (script.registered, places[1, 2]) == (("a0",), 5)
