"""Crowds: nothing is wrong in them, and what counts in one byte is wrong in one of them."""

from __future__ import annotations

import pytest
from tests.fuzz.simulated import End, Member, Server, runner_for

from cchatspec.fuzz.bounds import MOST_FRAMES, MOST_STEPS
from cchatspec.fuzz.corpus import Corpus
from cchatspec.fuzz.crowds import crowds, flood
from cchatspec.fuzz.dice import SeededDice
from cchatspec.fuzz.generate import Generator
from cchatspec.fuzz.script import Script, Send
from cchatspec.fuzz.visits import visits

CROWDS = crowds(SeededDice(1))


class CountsInOneByte(Server):
    """Its ids are numbers of one byte."""

    def relay(self, end: End, member: Member, body: bytes) -> None:
        self.last_id %= 256
        super().relay(end, member, body)


class CountsItsQueueInOneByte(Server):
    """Brings nothing if so many messages wait that their number has wrapped."""

    def deliver(self, end: End, member: Member) -> None:
        if len(member.queue) % 256:
            super().deliver(end, member)


def outcomes(server: Server) -> set[str]:
    runner = runner_for(server)
    return {found.outcome for script in CROWDS for found in runner.run(script, thorough=True).violations}


def frames(script: Script) -> int:
    return sum(len(step.frames) for step in script.steps if isinstance(step, Send))


@pytest.mark.parametrize("script", CROWDS)
def test_a_crowd_is_within_the_bounds_of_scripts(script: Script) -> None:
    assert (frames(script) <= MOST_FRAMES, len(script.steps) <= MOST_STEPS) == (True, True)


@pytest.mark.parametrize("script", CROWDS)
def test_a_right_server_answers_all_of_a_crowd(script: Script) -> None:
    trace = runner_for(Server()).run(script, thorough=True)

    assert (trace.violations, trace.answered) == ([], frames(script))


def test_ids_that_wrap_show() -> None:
    assert "one id for two messages" in outcomes(CountsInOneByte())


def test_a_queue_whose_number_wraps_shows() -> None:
    assert "a queued message was lost" in outcomes(CountsItsQueueInOneByte())


def test_a_campaign_begins_with_one_of_them_and_comes_to_the_others_behind_the_visits() -> None:
    generator = Generator(1)
    first = [generator.next(Corpus()) for _ in [*CROWDS, *visits(SeededDice(1))]]

    assert sorted(map(frames, [first[0], *first[1 - len(CROWDS) :]])) == sorted(map(frames, CROWDS))


def test_a_campaign_comes_to_the_flood() -> None:
    generator = Generator(1)
    scripts = [generator.next(Corpus()) for _ in range(600)]

    assert len([script for script in scripts if frames(script) == frames(flood(SeededDice(1)))]) == 1
