"""Several users and one connection or one key: who it is that sends, and who is there."""

from __future__ import annotations

import pytest

from cchatspec.conformance.fixtures import Connect
from cchatspec.conformance.harness.expect import ANYTHING, login_accepted
from cchatspec.conformance.harness.foundations import must_register
from cchatspec.conformance.harness.outcomes import NotApplicable
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import deliver, deliver_right, let_in, listed, picked, poll
from cchatspec.conformance.marks import clause
from cchatspec.spec import IncomingMessage, LoginResponse, Presence, StatusUpdate


def log_in_as(peer: Peer, other: Account) -> Peer:
    """The peer, which is logged in as another user on the same connection.

    Raises:
        NotApplicable: the target does not let that happen.
    """
    reply = peer.ask(other.name)
    challenge = reply.challenge if isinstance(reply, LoginResponse) else None
    if not challenge or peer.prove(other.sign(challenge), other.name) != login_accepted():
        raise NotApplicable("the target lets nobody log in as another user on a live session")
    peer.account = other
    return peer


@pytest.fixture
def switched(alice: Peer, absent: Account) -> tuple[bytes, Peer]:
    """The name of a user who was logged in first, and the connection on which another has logged in since."""
    return alice.name, log_in_as(alice, absent)


@clause("SEND-SENDER")
def test_after_logging_in_as_another(sending: None, switched: tuple[bytes, Peer], bob: Peer) -> None:
    """A user who logs in as another on the same connection sends under the other name from then on"""
    _, peer = switched

    assert deliver(peer, bob, b"hello") == IncomingMessage(ANYTHING, peer.name, ANYTHING, ANYTHING)


@clause("QUEUE-DELIVER")
def test_sender_logs_in_as_another(
    sending: None, queueing: None, alice: Peer, bob: Peer, absent: Account, new_account: Account, connect: Connect
) -> None:
    """A queued message carries the name under which it was sent, also if its sender has logged in as another since"""
    other, sender = must_register(connect(new_account)), alice.name
    deliver_right(alice, bob, b"pushed")
    alice.send_message(absent.name, b"later")
    log_in_as(alice, other.account)
    back = connect(absent)
    back.login()

    assert poll(back) == [IncomingMessage(ANYTHING, sender, ANYTHING, b"later")]


@clause("LIST-STATUS")
def test_whoever_was_there_before(listing: None, switched: tuple[bytes, Peer], bob: Peer) -> None:
    """A user on whose connection another has logged in is not listed as online"""
    before, _ = switched

    assert listed(bob, before) == [Presence.OFFLINE]


@clause("STATUS-TELL")
def test_whoever_was_there_before_is_told_as_offline(
    telling: None, listing: None, bob: Peer, switched: tuple[bytes, Peer]
) -> None:
    """A user on whose connection another has logged in is told as offline"""
    before, _ = switched

    assert bob.await_update(before, Presence.OFFLINE) == StatusUpdate(before, Presence.OFFLINE)


@clause("SEND-PRIVATE")
def test_not_to_whoever_came_after(sending: None, switched: tuple[bytes, Peer], bob: Peer) -> None:
    """A message to a user on whose connection another has logged in does not reach the other"""
    before, peer = switched
    bob.send_message(before, b"for the first")

    assert picked(peer.until_fence(), IncomingMessage) == []


def with_the_key_of(connect: Connect, account: Account, other: Account) -> Peer:
    """A logged-in user who has registered the key of another.

    Raises:
        NotApplicable: the target wants each user to have a key of their own.
    """
    return let_in(connect(Account(account.name, other.key)), "the target does not take a key that another user has")


@clause("SEND-SENDER")
def test_two_users_with_one_key(
    sending: None, connect: Connect, absent: Account, bob: Peer, new_account: Account
) -> None:
    """A user whose key another user has too sends under their own name"""
    peer = with_the_key_of(connect, new_account, absent)

    assert deliver(peer, bob, b"hello") == IncomingMessage(ANYTHING, peer.name, ANYTHING, ANYTHING)
