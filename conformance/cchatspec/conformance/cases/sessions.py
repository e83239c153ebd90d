"""Two sessions of one user at the same time, on targets that let the second one in."""

from __future__ import annotations

import pytest

from cchatspec.conformance.cases.login import session_of
from cchatspec.conformance.fixtures import Connect
from cchatspec.conformance.harness.expect import one_of
from cchatspec.conformance.harness.outcomes import Reply
from cchatspec.conformance.harness.peer import Peer
from cchatspec.conformance.harness.steps import bodies, deliver, listed, second_session, up_to_an_ending
from cchatspec.conformance.marks import clause
from cchatspec.spec import IncomingMessage, Logout, Message, MessageAck, Presence, PublicKeyResponse


@pytest.fixture
def second(alice: Peer, connect: Connect) -> Peer:
    """A second session of alice; whether the first still lives is an open point."""
    return second_session(alice, connect(alice.account))


def until_fence_or_end(peer: Peer, kind: type[Message]) -> list[Reply]:
    """What comes of this type before the reply to a fence, or before the end of the connection."""
    return [reply for reply in peer.until_fence() if isinstance(reply, kind)]


def arrivals(peer: Peer) -> list[bytes]:
    """The bodies of the messages that come, of which the first is waited for."""
    came = [*up_to_an_ending(peer, 1), *peer.until_fence()]
    return [reply.encrypted_message for reply in came if isinstance(reply, IncomingMessage)]


@clause("SEND-ONCE")
def test_once_to_each(sending: None, alice: Peer, second: Peer, bob: Peer) -> None:
    """A message to a user with two sessions comes to each of them once at most, and to one at least"""
    bob.send_message(alice.name, b"once")
    came = [arrivals(peer) for peer in (alice, second)]

    assert came == one_of([[b"once"], [b"once"]], [[b"once"], []], [[], [b"once"]])


@clause("FRAME-UNASKED")
def test_acknowledged_where_it_was_sent(sending: None, alice: Peer, second: Peer, bob: Peer) -> None:
    """A message that one session sends is not acknowledged to the other"""
    second.send_message(bob.name, b"hello")

    assert until_fence_or_end(alice, MessageAck) == []


@clause("LOGIN-STATUS")
def test_reached_after_the_other_logs_out(sending: None, alice: Peer, second: Peer, bob: Peer) -> None:
    """After the LOGOUT of a first session, a message reaches the second"""
    alice.send(Logout())
    alice.until_end()

    assert bodies([deliver(bob, second, b"hello")]) == [b"hello"]


@clause("LOGIN-STATUS")
def test_listed_after_the_other_logs_out(listing: None, alice: Peer, second: Peer, bob: Peer) -> None:
    """After the LOGOUT of a first session, the user is listed as online for the second"""
    alice.send(Logout())
    alice.until_end()

    assert listed(bob, alice.name) == [Presence.ONLINE]


@clause("LOGOUT-END")
def test_of_one_session(refusing: None, alice: Peer, second: Peer) -> None:
    """The LOGOUT of a first session does not end the second"""
    alice.send(Logout())
    alice.until_end()

    assert session_of(second) == PublicKeyResponse(1, second.account.public_key)
