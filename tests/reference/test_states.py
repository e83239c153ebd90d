from __future__ import annotations

import pytest

from cchatspec.reference.states import ACTIONS, NEXT, REQUESTS, Action, Outcome, State
from cchatspec.spec import MessageType


def test_every_state_has_a_row_in_both_tables() -> None:
    assert set(ACTIONS) == set(NEXT) == set(State)


def test_every_request_and_action_is_used() -> None:
    rows = ACTIONS.values()

    assert {kind for row in rows for kind in row} == set(REQUESTS) == {kind for kind in MessageType if kind < 0x80}
    assert {do for row in rows for do in row.values()} == set(Action)


def test_every_state_can_be_reached() -> None:
    assert {State.STRANGER} | {state for row in NEXT.values() for state in row.values()} == set(State)


@pytest.mark.parametrize("state", set(State) - {State.ENDED}, ids=lambda state: state.name)
def test_everything_can_end(state: State) -> None:
    assert NEXT[state][Outcome.ENDED] is State.ENDED


def test_what_has_ended_does_nothing_more() -> None:
    assert not ACTIONS[State.ENDED] and not NEXT[State.ENDED]


@pytest.mark.parametrize("state", set(State) - {State.ENDED}, ids=lambda state: state.name)
def test_a_challenge_stands_for_exactly_one_proof(state: State) -> None:
    checks_proof = ACTIONS[state][MessageType.LOGIN_USER] is Action.CHECK_PROOF

    assert checks_proof == (Outcome.PROVED in NEXT[state]) == (Outcome.REFUSED in NEXT[state])
