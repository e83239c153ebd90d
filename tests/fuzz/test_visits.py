"""First visits: every request behind every other one, and nothing wrong."""

from __future__ import annotations

from itertools import product

from tests.fuzz.simulated import Server, runner_for

from cchatspec.fuzz.corpus import Corpus
from cchatspec.fuzz.dice import SeededDice
from cchatspec.fuzz.generate import Generator
from cchatspec.fuzz.script import Script, Send
from cchatspec.fuzz.visits import visits

SEND, GET_KEY, POLL, SET_STATUS, LIST, LOGOUT = 4, 3, 5, 6, 7, 8


def kinds(script: Script) -> tuple[int, ...]:
    """The types of the frames of a script."""
    return tuple(frame.kind for step in script.steps if isinstance(step, Send) for frame in step.frames)


def test_each_begins_with_a_registration_and_a_login() -> None:
    assert {kinds(script)[:3] for script in visits(SeededDice(1))} == {(1, 2, 2)}


def test_every_request_comes_directly_behind_every_other() -> None:
    requests = (SEND, GET_KEY, POLL, SET_STATUS, LIST)
    pairs = {kinds(script)[3:5] for script in visits(SeededDice(1))}

    assert pairs == {*product(requests, repeat=2), *((one, LOGOUT) for one in requests)}


def test_a_right_server_answers_all_of_them_without_an_error() -> None:
    runner = runner_for(Server())
    shapes = {shape for script in visits(SeededDice(1)) for _, _, shape in runner.run(script).triples}

    assert not [shape for shape in shapes if shape.startswith("ERROR")]


def test_a_campaign_begins_with_them_behind_one_crowd() -> None:
    generator = Generator(1)
    generator.next(Corpus())

    assert {kinds(generator.next(Corpus()))[:3] for _ in range(42)} == {(1, 2, 2)}
