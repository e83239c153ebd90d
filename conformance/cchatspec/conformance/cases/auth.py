"""AUTH: what needs a login."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cchatspec.conformance.fixtures import Attempt, Login
from cchatspec.conformance.harness.expect import error
from cchatspec.conformance.harness.outcomes import Ending, NotApplicable
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import NOT_A_SIGNATURE, bodies, listed, poll
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause
from cchatspec.spec import ErrorCode, GetMessages, GetPublicKey, ListUsers, Message, Presence, SendMessage, SetStatus

REFUSED = error(ErrorCode.AUTHENTICATION_FAILED)


@pytest.fixture(params=["before-login", "between-challenge-and-proof", "after-a-failed-proof"])
def unproved(request: pytest.FixtureRequest, target: Target, outsider: Peer) -> Peer:
    """A connection in each of the states in which nobody is logged in."""
    if request.param == "after-a-failed-proof":
        target.require("LOGIN-REFUSE")
    if request.param != "before-login":
        outsider.challenge()
    if request.param == "after-a-failed-proof":
        outsider.prove(NOT_A_SIGNATURE)
        if any(isinstance(reply, Ending) for reply in outsider.until_fence()):
            raise NotApplicable("the target ends the connection with a failed proof, so nothing is served on it")
    return outsider


@clause("AUTH-KEY")
def test_of_a_stranger(attempt: Attempt) -> None:
    """Who has not registered, or has not proved who they are, is told no key"""
    found = attempt("AUTH-KEY")

    assert found.came == found.expected


@clause("AUTH-KEY")
def test_public_key(unproved: Peer, bob: Peer) -> None:
    """GET_PUBLIC_KEY is refused"""
    assert unproved.request(GetPublicKey(bob.name)) == REFUSED


@clause("AUTH-KEY")
def test_missing_key(outsider: Peer, new_account: Account) -> None:
    """GET_PUBLIC_KEY for nobody is refused too, so that it tells nothing"""
    assert outsider.request(GetPublicKey(new_account.name)) == REFUSED


#: Requests of somebody who is not logged in; they are refused each time.
REQUESTS: dict[str, Callable[[Peer], Message]] = {
    "key": lambda peer: GetPublicKey(peer.name),
    "send": lambda peer: SendMessage(peer.name, b"unproved"),
    "poll": lambda peer: GetMessages(),
    "status": lambda peer: SetStatus(Presence.AWAY),
    "list": lambda peer: ListUsers(),
}


@pytest.mark.parametrize(
    "request_of",
    [
        pytest.param(make, id=name, marks=pytest.mark.clause(f"AUTH-{name.upper()}", level=None))
        for name, make in REQUESTS.items()
    ],
)
def test_again_and_again(refusing: None, outsider: Peer, request_of: Callable[[Peer], Message]) -> None:
    """A request before login is refused each time that it is made, six times"""
    assert [outsider.request(request_of(outsider)) for _ in range(6)] == [REFUSED] * 6


@clause("AUTH-SEND")
def test_message(unproved: Peer, bob: Peer) -> None:
    """SEND_MESSAGE is refused"""
    assert unproved.request(SendMessage(bob.name, b"unproved")) == REFUSED


@clause("AUTH-SEND")
def test_message_is_not_delivered(sending: None, unproved: Peer, bob: Peer, carol: Peer) -> None:
    """SEND_MESSAGE delivers nothing"""
    unproved.request(SendMessage(bob.name, b"unproved"))
    carol.send_message(bob.name, b"proved")

    assert bodies([bob.receive()]) == [b"proved"]


@clause("AUTH-SEND")
def test_message_is_not_queued(queueing: None, outsider: Peer, absent: Account, login: Login) -> None:
    """SEND_MESSAGE to an absent user queues nothing"""
    outsider.request(SendMessage(absent.name, b"unproved"))

    assert poll(login(absent)) == []


@clause("AUTH-POLL")
def test_messages(unproved: Peer) -> None:
    """GET_MESSAGES is refused"""
    assert unproved.request(GetMessages()) == REFUSED


@clause("AUTH-POLL")
def test_messages_are_not_lost(queueing: None, unproved: Peer, alice: Peer, login: Login) -> None:
    """GET_MESSAGES loses no message of the user in whose name the connection stands"""
    alice.send_message(unproved.name, b"kept")
    unproved.request(GetMessages())

    assert bodies(poll(login(unproved.account))) == [b"kept"]


@clause("AUTH-STATUS")
def test_status(unproved: Peer) -> None:
    """SET_STATUS is refused"""
    assert unproved.request(SetStatus(Presence.AWAY)) == REFUSED


@clause("AUTH-STATUS")
def test_status_stays(listing: None, unproved: Peer, bob: Peer) -> None:
    """SET_STATUS changes nobody's status"""
    unproved.request(SetStatus(Presence.AWAY))

    assert listed(bob, unproved.name) == [Presence.OFFLINE]


@clause("AUTH-LIST")
def test_list(unproved: Peer) -> None:
    """LIST_USERS is refused"""
    assert unproved.request(ListUsers()) == REFUSED
