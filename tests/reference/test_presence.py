"""Who is told whose status, turn by turn: here, turns end when the test says so."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from tests.reference.conftest import Client, Talk, prove, register

from cchatspec.reference.effects import Snapshot
from cchatspec.spec import GetPublicKey, IncomingMessage, ListUsers, Presence, PublicKeyResponse, SendMessage, SetStatus
from cchatspec.spec import StatusUpdate as Told

ONLINE, AWAY, OFFLINE = Presence.ONLINE, Presence.AWAY, Presence.OFFLINE


@pytest.fixture
def talk() -> Talk:
    return Talk(turns=False)


@pytest.fixture
def bob(talk: Talk, alice: Client) -> Client:
    bob = talk.login(b"bob")
    talk.end_turn()
    alice.got()
    return bob


def test_nobody_is_told_before_the_turn_ends(alice: Client, bob: Client) -> None:
    bob.send(SetStatus(AWAY))

    assert alice.got() == []


def test_what_changes_in_one_turn_comes_in_one_piece(talk: Talk, alice: Client, bob: Client) -> None:
    before = len(alice.sends)
    bob.send(SetStatus(AWAY), SetStatus(ONLINE))
    talk.login(b"carol")
    talk.end_turn()

    assert alice.got() == [Told(b"bob", AWAY), Told(b"bob", ONLINE), Told(b"carol", ONLINE)]
    assert len(alice.sends) == before + 1


def test_a_turn_without_changes_tells_nothing(talk: Talk, alice: Client, bob: Client) -> None:
    talk.end_turn()

    assert alice.got() == []


def test_a_message_never_overtakes_its_senders_status(alice: Client, bob: Client) -> None:
    bob.send(SetStatus(AWAY), SendMessage(b"alice", b"x"))

    assert [type(message) for message in alice.got()] == [Told, IncomingMessage]


def test_a_reply_never_overtakes_a_status(talk: Talk, alice: Client, bob: Client) -> None:
    bob.send(SetStatus(AWAY))

    assert alice.ask(GetPublicKey(b"x")) == [Told(b"bob", AWAY), PublicKeyResponse(0)]


def test_nothing_is_told_twice(talk: Talk, alice: Client, bob: Client) -> None:
    bob.send(SetStatus(AWAY))
    alice.ask(ListUsers())
    talk.end_turn()

    assert alice.got() == []


def test_a_new_session_is_told_of_what_came_after_it_alone(talk: Talk, alice: Client) -> None:
    alice.send(SetStatus(AWAY))
    carol = talk.login(b"carol")
    alice.send(SetStatus(ONLINE))
    talk.end_turn()

    assert carol.got() == [Told(b"alice", ONLINE)]


def test_a_second_session_is_told_of_nothing(talk: Talk, alice: Client, bob: Client) -> None:
    talk.login(b"alice")
    talk.end_turn()

    assert bob.got() == []


def test_one_who_comes_and_goes_in_a_turn_is_told_as_both(talk: Talk, alice: Client) -> None:
    talk.login(b"carol").lose()
    talk.end_turn()

    assert alice.got() == [Told(b"carol", ONLINE), Told(b"carol", OFFLINE)]


def test_one_who_changes_who_they_are_is_told_of_neither(talk: Talk, alice: Client, bob: Client) -> None:
    talk.register(b"carol")
    alice.send(prove(b"carol", alice.challenge(b"carol")))
    alice.got()
    talk.end_turn()

    assert alice.got() == [] and bob.got() == [Told(b"alice", OFFLINE), Told(b"carol", ONLINE)]


def names(count: int) -> list[bytes]:
    return [b"user%d" % number for number in range(count)]


def a_burst(talk: Talk, logins: Iterable[bytes]) -> list[Client]:
    clients = []
    for name in logins:
        client = talk.connect()
        client.send(prove(name, client.challenge(name)))
        client.got()
        clients.append(client)
    talk.end_turn()
    return clients


def test_a_burst_of_logins_costs_one_write_for_each() -> None:
    talk = Talk(Snapshot(tuple((name, register(name).public_key) for name in names(50))), turns=False)
    clients = a_burst(talk, names(50))

    assert [len(client.sends) for client in clients] == [3] * 49 + [2]


def test_in_a_burst_everybody_is_told_of_all_who_came_after() -> None:
    talk = Talk(Snapshot(tuple((name, register(name).public_key) for name in names(20))), turns=False)
    clients = a_burst(talk, names(20))

    assert [client.got() for client in clients] == [
        [Told(name, ONLINE) for name in names(20)[place + 1 :]] for place in range(20)
    ]
