from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cchatspec.fuzz.bounds import MOST_STEPS, check, size
from cchatspec.fuzz.corpus import load, shipped_folder
from cchatspec.fuzz.dice import SeededDice
from cchatspec.fuzz.frames import prove
from cchatspec.fuzz.generate import conversation
from cchatspec.fuzz.mutate import MUTATIONS, Mutation, mutate, splice
from cchatspec.fuzz.script import Connect, Script, Send, Step, read_script, script_json

seeds = st.integers(0, 2**32)


def script_of(seed: int) -> Script:
    return conversation(SeededDice(seed))


@given(seeds)
def test_a_mutated_script_can_be_run(seed: int) -> None:
    check(mutate(SeededDice(seed), script_of(seed)))


@given(seeds)
def test_a_mutated_script_can_be_stored(seed: int) -> None:
    script = mutate(SeededDice(seed), script_of(seed))

    assert read_script(script_json(script)) == script


@given(seeds, seeds)
def test_a_spliced_script_can_be_run(seed: int, other: int) -> None:
    check(splice(SeededDice(seed), script_of(seed), script_of(other)))


@pytest.mark.parametrize("seed", range(5))
def test_a_script_stays_bounded_however_often_it_is_mutated(seed: int) -> None:
    dice, script = SeededDice(seed), script_of(seed)
    for _ in range(300):
        script = mutate(dice, script)
        check(script)

    assert len(script.steps) <= MOST_STEPS
    assert size(script) <= max(size(script_of(seed)), 60_000)


@given(seeds)
def test_the_same_seed_changes_a_script_in_the_same_way(seed: int) -> None:
    assert mutate(SeededDice(seed), script_of(1)) == mutate(SeededDice(seed), script_of(1))


def test_the_script_that_is_mutated_stays_what_it_was() -> None:
    script, dice = script_of(3), SeededDice(1)
    before = script_json(script)
    for _ in range(200):
        mutate(dice, script)

    assert script_json(script) == before


@pytest.mark.parametrize("mutation", MUTATIONS.items)
def test_every_mutation_changes_something_now_and_then(mutation: Mutation) -> None:
    def changed(seed: int, script: Script) -> bool:
        steps: list[Step] = list(script.steps)
        mutation(SeededDice(seed), steps)
        return tuple(steps) != script.steps

    assert any(changed(seed, script) for seed in range(5) for script in load(shipped_folder())[:20])


def test_two_scripts_at_once_keep_their_connections_and_proofs_apart() -> None:
    one = Script(steps=(Connect(0), Send(0, (prove("a", connection=0),))))

    steps = [step for seed in range(50) for step in splice(SeededDice(seed), one, one).steps]

    assert Send(1, (prove("a", connection=1),)) in steps
