"""The short way for a message from session to session does what the long one does, whatever has come before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st
from tests.reference.conftest import Client, Talk, ask_login

from cchatspec.reference.limits import Limits
from cchatspec.spec import GetMessages, ListUsers, SendMessage, SetStatus, build

T = TypeVar("T")

NAMES = (b"alice", b"bob", b"carol", b"nobody")
LIMITS = Limits(rate=2, burst=12, queue_limit=3, idle_timeout=2)
MESSAGE = build(SendMessage(b"bob", b"body"))

Step = Callable[[Talk, list[Client]], object]


def _on_client(step: Callable[[Client], object], place: int) -> Step:
    return lambda _, clients: step(clients[place])


def _elsewhere(place: int) -> Step:
    """The user logs in on another connection."""

    def step(talk: Talk, clients: list[Client]) -> None:
        clients[place] = talk.login(NAMES[place])

    return step


WHOLE = st.builds(SendMessage, st.sampled_from(NAMES[:3]), st.binary(min_size=1, max_size=9)).map(build)
CUT = st.sampled_from([MESSAGE[:7], MESSAGE[7:], MESSAGE[:-1], MESSAGE + b"x", MESSAGE * 2, b"\0\0\0\0\4", b"\0\0"])
OTHERS = st.sampled_from([GetMessages(), ListUsers(), SetStatus(2), ask_login(b"alice")]).map(build)
CALLS = st.sampled_from([*[Client.choke] * 6, Client.drain, Client.drain, Client.lose, Client.finish])


def _mostly(one: st.SearchStrategy[T], *others: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """Four times of five the one; `one_of` takes all with the same weight."""
    return st.integers(0, 4).flatmap(lambda number: st.one_of(*others) if number == 4 else one)


SENDING = _mostly(WHOLE, CUT, OTHERS).map(lambda data: lambda client: client.send(data))
STEPS: st.SearchStrategy[Step] = _mostly(
    st.builds(_on_client, _mostly(SENDING, CALLS), st.integers(0, 2)),
    st.integers(0, 2).map(_elsewhere),
    st.just(lambda talk, _: talk.end_turn()),
    st.floats(0, 1).map(lambda seconds: lambda talk, _: talk.tick(seconds)),
)


def _play(steps: list[Step], *, pushes: bool, drains: bool, turns: bool) -> tuple[object, ...]:
    talk = Talk(limits=LIMITS, pushes=pushes)
    clients = [talk.login(name) for name in NAMES[:3]]
    talk.drains, talk.turns = drains, turns
    for step in steps:
        step(talk, clients)
    counts = talk.core.counts
    counted = [getattr(counts, name) for name in counts.__slots__]
    ends = [(each.sends, each.is_closed) for each in talk.clients.values()]
    return ends, talk.writes, talk.notes, counted


@given(st.lists(STEPS, min_size=25, max_size=50), st.booleans(), st.booleans())
def test_the_short_way_does_what_the_long_one_does(steps: list[Step], drains: bool, turns: bool) -> None:
    short, long = (_play(steps, pushes=pushes, drains=drains, turns=turns) for pushes in (True, False))

    assert short == long


def test_a_message_between_sessions_takes_the_short_way(talk: Talk, alice: Client, bob: Client) -> None:
    alice.send(MESSAGE)

    push = talk.core.push(alice.number, MESSAGE, talk.now, talk.date)

    assert push is not None and push[0] == bob.number
