"""What is tried in a user's name and not proved, which changes nothing for that user.

Each attempt is one that a right server refuses: a challenge that nobody answers, a wrong proof, a name that is taken, requests
without a login. Each is tried on a user who is there and on one who is absent, and then held against all that users have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from cchatspec.conformance.fixtures import Connect, Login
from cchatspec.conformance.harness.expect import login_accepted, one_of, turned_away
from cchatspec.conformance.harness.outcomes import Ending
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import NOT_A_SIGNATURE, bodies, deliver, fail_login, listed, poll
from cchatspec.conformance.harness.target import Target
from cchatspec.spec import (
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    LoginUser,
    Logout,
    Message,
    MessageType,
    Presence,
    PublicKeyResponse,
    RegisterUser,
    SendMessage,
    SetStatus,
    StatusUpdate,
    build,
)

AWAY, OFFLINE, ONLINE = Presence.AWAY, Presence.OFFLINE, Presence.ONLINE

#: Tries something in the name of an account, and gives back the connection on which it was tried.
Attempt = Callable[[Connect, Login, Account], Peer]

_TIMES = 3


class Act(NamedTuple):
    """Something that is tried: the clause that it breaks if it changes anything, and the one without which it means nothing."""

    clause: str
    needs: str
    attempt: Attempt


def _asking(connect: Connect, login: Login, victim: Account) -> Peer:
    peer = connect(victim, "impostor")
    peer.ask()
    return peer


def _failing(connect: Connect, login: Login, victim: Account) -> Peer:
    peer = connect(victim, "impostor")
    for _ in range(_TIMES):
        fail_login(peer)
    return peer


def _asking_in_a_session(connect: Connect, login: Login, victim: Account) -> Peer:
    peer = login(who="impostor")
    peer.ask(victim.name)
    return peer


def _failing_in_a_session(connect: Connect, login: Login, victim: Account) -> Peer:
    peer = _asking_in_a_session(connect, login, victim)
    peer.request(LoginUser(victim.name, NOT_A_SIGNATURE))
    return peer


def _sending_zeros(connect: Connect, login: Login, victim: Account) -> Peer:
    """Ask again and again, which is to prove with 64 zero bytes where that is how it is read. Open point second-ask."""
    peer = connect(victim, "impostor")
    for _ in range(2 * _TIMES + 2):
        peer.ask()
    return peer


def _registering(connect: Connect, login: Login, victim: Account) -> Peer:
    peer = connect(Account(victim.name), "impostor")
    for _ in range(_TIMES):
        peer.register()
    return peer


def _registering_the_same_key(connect: Connect, login: Login, victim: Account) -> Peer:
    peer = connect(victim, "impostor")
    peer.register()
    return peer


def _registering_in_a_session(connect: Connect, login: Login, victim: Account) -> Peer:
    peer = login(who="impostor")
    peer.request(RegisterUser(victim.name, Account(b"").public_key))
    return peer


def _registering_cut_short(connect: Connect, login: Login, victim: Account) -> Peer:
    peer = connect(victim, "impostor")
    peer.send_raw(MessageType.REGISTER_USER, build(RegisterUser(victim.name, victim.public_key))[5:-1])
    peer.receive()
    return peer


def _then_logs_out(attempt: Attempt) -> Attempt:
    def act(connect: Connect, login: Login, victim: Account) -> Peer:
        peer = attempt(connect, login, victim)
        peer.send(Logout())
        peer.until_end()
        return peer

    return act


def _then_closes(attempt: Attempt) -> Attempt:
    def act(connect: Connect, login: Login, victim: Account) -> Peer:
        peer = attempt(connect, login, victim)
        peer.drop()
        connect(who="later").register()
        return peer

    return act


def _then_requests(attempt: Attempt, request: Callable[[Account], Message]) -> Attempt:
    def act(connect: Connect, login: Login, victim: Account) -> Peer:
        peer = attempt(connect, login, victim)
        peer.request(request(victim))
        return peer

    return act


def _to_be_away(victim: Account) -> Message:
    return SetStatus(AWAY)


def _to_be_offline(victim: Account) -> Message:
    return SetStatus(OFFLINE)


def _to_poll(victim: Account) -> Message:
    return GetMessages()


def _to_send_to_oneself(victim: Account) -> Message:
    return SendMessage(victim.name, b"from an impostor")


ACTS = {
    "challenge": Act("LOGIN-CLEAN", "LOGIN-CHALLENGE", _asking),
    "challenge-and-close": Act("LOGIN-CLEAN", "LOGIN-CHALLENGE", _then_closes(_asking)),
    "challenge-and-logout": Act("LOGIN-CLEAN", "LOGIN-CHALLENGE", _then_logs_out(_asking)),
    "challenge-in-a-session": Act("LOGIN-CLEAN", "LOGIN-CHALLENGE", _asking_in_a_session),
    "challenge-in-a-session-and-logout": Act("LOGIN-CLEAN", "LOGIN-CHALLENGE", _then_logs_out(_asking_in_a_session)),
    "failed-proofs": Act("LOGIN-CLEAN", "LOGIN-REFUSE", _failing),
    "failed-proofs-and-logout": Act("LOGIN-CLEAN", "LOGIN-REFUSE", _then_logs_out(_failing)),
    "failed-proof-in-a-session": Act("LOGIN-CLEAN", "LOGIN-REFUSE", _failing_in_a_session),
    "zeros-for-proofs": Act("LOGIN-REFUSE", "LOGIN-REFUSE", _sending_zeros),
    "registrations": Act("REG-DUPLICATE", "REG-DUPLICATE", _registering),
    "registration-and-close": Act("REG-DUPLICATE", "REG-DUPLICATE", _then_closes(_registering)),
    "registration-of-the-same-key": Act("REG-DUPLICATE", "REG-DUPLICATE", _registering_the_same_key),
    "registration-in-a-session": Act("REG-DUPLICATE", "REG-DUPLICATE", _registering_in_a_session),
    "registration-cut-short": Act("FRAME-MALFORMED", "REG-DUPLICATE", _registering_cut_short),
    "status-behind-a-challenge": Act("AUTH-STATUS", "AUTH-KEY", _then_requests(_asking, _to_be_away)),
    "status-behind-failed-proofs": Act("AUTH-STATUS", "LOGIN-REFUSE", _then_requests(_failing, _to_be_offline)),
    "message-behind-a-challenge": Act("AUTH-SEND", "AUTH-KEY", _then_requests(_asking, _to_send_to_oneself)),
    "poll-behind-a-challenge": Act("AUTH-POLL", "AUTH-KEY", _then_requests(_asking, _to_poll)),
    "poll-behind-failed-proofs": Act("AUTH-POLL", "LOGIN-REFUSE", _then_requests(_failing, _to_poll)),
}

#: Those after which the impostor's connection lives on without a session of its own.
OUTSIDE = {name: act for name, act in ACTS.items() if not name.endswith(("close", "logout", "in-a-session"))}


def _with_each_of(acts: dict[str, Act]) -> pytest.MarkDecorator:
    params = [
        pytest.param(act, id=name, marks=pytest.mark.clause(act.clause, level=None)) for name, act in acts.items()
    ]
    return pytest.mark.parametrize("act", params)


with_each_act = _with_each_of(ACTS)

#: Does what the case tries in the name of an account.
Impersonate = Callable[[Account], Peer]


@pytest.fixture
def impersonate(target: Target, connect: Connect, login: Login, act: Act) -> Impersonate:
    """Tries in a user's name what the case is about."""
    target.require(act.needs)
    return lambda victim: act.attempt(connect, login, victim)


def turned_away_or_closed() -> object:
    """The refusal of a request for lack of a login, or the end of a connection on which too much was tried."""
    return one_of(turned_away(), Ending.FIN, Ending.RST)


# A user who is there


@with_each_act
def test_listed_in_spite_of(listing: None, alice: Peer, bob: Peer, impersonate: Impersonate) -> None:
    """A user who is there is listed as online, whatever somebody tries in their name"""
    impersonate(bob.account)

    assert listed(alice, bob.name) == [ONLINE]


@with_each_act
def test_nothing_told_of(telling: None, alice: Peer, bob: Peer, impersonate: Impersonate) -> None:
    """Others are told no change of a user who is there, whatever somebody tries in their name"""
    impersonate(bob.account)
    alice.until_fence()

    assert [status for status in alice.updates_about(bob.name) if status != ONLINE] == []


@with_each_act
def test_reached_in_spite_of(sending: None, alice: Peer, bob: Peer, impersonate: Impersonate) -> None:
    """Messages to a user who is there reach them, whatever somebody tries in their name"""
    impersonate(bob.account)

    assert bodies([deliver(alice, bob, b"hello")]) == [b"hello"]


@with_each_act
def test_changes_status_in_spite_of(telling: None, alice: Peer, bob: Peer, impersonate: Impersonate) -> None:
    """A change of status of a user who is there is told, whatever somebody tries in their name"""
    impersonate(bob.account)
    bob.send(SetStatus(AWAY))

    assert alice.await_update(bob.name, AWAY) == StatusUpdate(bob.name, AWAY)


@with_each_act
def test_left_in_peace(bob: Peer, impersonate: Impersonate) -> None:
    """A user who is there gets nothing that they did not ask for, whatever somebody tries in their name"""
    impersonate(bob.account)

    assert bob.until_fence() == []


@with_each_act
def test_told_in_spite_of(telling: None, alice: Peer, bob: Peer, impersonate: Impersonate) -> None:
    """A user who is there is told of others, whatever somebody tries in their name"""
    impersonate(bob.account)
    alice.send(SetStatus(AWAY))

    assert bob.await_update(alice.name, AWAY) == StatusUpdate(alice.name, AWAY)


@_with_each_of(OUTSIDE)
def test_opens_no_session_of(refusing: None, bob: Peer, impersonate: Impersonate) -> None:
    """Whoever tries something in the name of a user who is there is not served"""
    assert impersonate(bob.account).request(GetPublicKey(bob.name)) == turned_away_or_closed()


# A user who is absent, and was there before


@pytest.fixture
def absent(alice: Peer, login: Login) -> Account:
    """A user who was logged in and has gone."""
    user = login(who="absent")
    user.send(Logout())
    user.until_end()
    # Where others are told, they are told before anything else that comes of the next steps.
    alice.until_fence()
    alice.updates.clear()
    return user.account


@_with_each_of(OUTSIDE)
def test_opens_no_session_of_the_absent(refusing: None, absent: Account, impersonate: Impersonate) -> None:
    """Whoever tries something in the name of an absent user is not served"""
    assert impersonate(absent).request(GetPublicKey(absent.name)) == turned_away_or_closed()


@with_each_act
def test_queue_in_spite_of(
    queueing: None, alice: Peer, absent: Account, login: Login, impersonate: Impersonate
) -> None:
    """What is queued for an absent user before and after comes to them, whatever somebody tries in their name"""
    alice.send_message(absent.name, b"before")
    impersonate(absent)
    alice.send_message(absent.name, b"after")

    assert bodies(poll(login(absent))) == [b"before", b"after"]


@with_each_act
def test_gets_no_message(queueing: None, alice: Peer, absent: Account, impersonate: Impersonate) -> None:
    """No message for an absent user comes to whoever tries something in their name"""
    alice.send_message(absent.name, b"before")
    impostor = impersonate(absent)
    alice.send_message(absent.name, b"after")

    assert [reply for reply in impostor.until_fence() if isinstance(reply, IncomingMessage)] == []


@with_each_act
def test_absent_in_spite_of(listing: None, alice: Peer, absent: Account, impersonate: Impersonate) -> None:
    """An absent user is listed as offline, whatever somebody tries in their name"""
    impersonate(absent)

    assert listed(alice, absent.name) in ([OFFLINE], [])


@with_each_act
def test_no_coming_told_of(telling: None, alice: Peer, absent: Account, impersonate: Impersonate) -> None:
    """Others are not told that an absent user has come, whatever somebody tries in their name"""
    impersonate(absent)
    alice.until_fence()

    assert [status for status in alice.updates_about(absent.name) if status != OFFLINE] == []


@with_each_act
def test_key_in_spite_of(alice: Peer, absent: Account, impersonate: Impersonate) -> None:
    """An absent user's key stays what it was, whatever somebody tries in their name"""
    impersonate(absent)

    assert alice.request(GetPublicKey(absent.name)) == PublicKeyResponse(1, absent.public_key)


@with_each_act
def test_can_log_in_in_spite_of(absent: Account, connect: Connect, impersonate: Impersonate) -> None:
    """An absent user can log in, whatever somebody tries in their name"""
    impersonate(absent)

    assert connect(absent).ask_and_prove() == login_accepted()
