from __future__ import annotations

from tests.fuzz.simulated import End, Member, Server, runner_for

from cchatspec.fuzz.script import Connect, Fence, Frame, Script, Send
from cchatspec.spec import MessageAck

HARMLESS = Script(steps=(Connect(0), Fence(0)))
WICKED = Script(steps=(Connect(0), Send(0, (Frame(0x55),)), Fence(0)))


class LosesTheNext(Server):
    """Loses the next two messages, whoever sends them, after a frame of an unassigned type."""

    lost = 0

    def unknown(self, end: End) -> None:
        self.lost = 2
        super().unknown(end)

    def relay(self, end: End, member: Member, body: bytes) -> None:
        if not self.lost:
            super().relay(end, member, body)
            return
        self.lost -= 1
        self.last_id += 1
        end.say(MessageAck(self.last_id, 1))


class ThrowsOut(Server):
    """Closes everybody's connections after a frame of an unassigned type."""

    def unknown(self, end: End) -> None:
        for other in list(self.ends):
            other.end()


def test_bystanders_of_a_right_server_notice_nothing() -> None:
    runner = runner_for(Server())

    assert [runner.run(WICKED).violations for _ in range(40)] == [[]] * 40


def test_bystanders_make_way_for_others_who_log_in() -> None:
    server = Server()
    runner = runner_for(server)
    runner.run(HARMLESS, thorough=True)
    before = len(server.members)

    for _ in range(60):
        runner.run(HARMLESS, thorough=True)

    assert len(server.members) >= before + 2


def test_bystanders_notice_a_message_that_does_not_come() -> None:
    trace = runner_for(LosesTheNext()).run(WICKED, thorough=True)

    assert [(violation.state, violation.clause) for violation in trace.violations] == [("bystander", "SEND-PUSH")] * 2


def test_bystanders_notice_that_they_are_thrown_out() -> None:
    runner = runner_for(ThrowsOut())
    runner.run(HARMLESS, thorough=True)
    trace = runner.run(WICKED, thorough=True)

    assert ("disconnect", "bystander") in [(violation.kind, violation.state) for violation in trace.violations]


def test_the_script_that_they_noticed_is_found_among_the_last_ones() -> None:
    runner = runner_for(LosesTheNext())
    traces = [runner.run(script) for script in (HARMLESS, HARMLESS, WICKED, *[HARMLESS] * 5)]

    assert [trace.script for trace in traces if trace.violations] == [WICKED]
