"""SEND and QUEUE: messages to and from users who are connected, whatever status they show."""

from __future__ import annotations

import time

import pytest

from cchatspec.conformance.fixtures import Login
from cchatspec.conformance.harness.expect import ANYTHING, acknowledged, near, one_of
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import (
    CLOCK_TOLERANCE_S,
    bodies,
    deliver,
    deliver_right,
    ids,
    picked,
    poll,
    up_to_an_ending,
)
from cchatspec.conformance.marks import clause
from cchatspec.spec import AckStatus, IncomingMessage, Logout, Presence, SetStatus


def set_statuses(peer: Peer, *statuses: int) -> None:
    """Set one status after the other; the target has taken the last one when this returns."""
    peer.send(*(SetStatus(status) for status in statuses))
    peer.until_fence()


@clause("SEND-TIME")
@pytest.mark.parametrize("status", [Presence.AWAY, Presence.OFFLINE], ids=["away", "offline"])
def test_from_one_who_is(sending: None, alice: Peer, bob: Peer, status: int) -> None:
    """A message of a user who is shown as away or offline carries the time and the sender"""
    set_statuses(alice, status)
    came = deliver(alice, bob, b"hello")

    assert came == IncomingMessage(ANYTHING, alice.name, near(time.time(), CLOCK_TOLERANCE_S), b"hello")


@clause("SEND-ID")
def test_id_to_one_who_is_away(sending: None, alice: Peer, bob: Peer) -> None:
    """A message to a user who is shown as away carries the id of its acknowledgement"""
    set_statuses(bob, Presence.AWAY)
    reply = alice.send_message(bob.name, b"hello")

    assert ids([bob.receive()]) == ids([reply])


@clause("SEND-ONCE")
def test_while_shown_as_offline(sending: None, alice: Peer, bob: Peer) -> None:
    """A message to a connected user with status 0 does not come twice, pushed and when they ask. Open point invisible"""
    set_statuses(bob, Presence.OFFLINE)
    alice.send_message(bob.name, b"psst")
    came = [*picked(bob.until_fence(), IncomingMessage), *poll(bob), *poll(bob)]

    assert bodies(came) == one_of([b"psst"], [])


@clause("SEND-ACK")
def test_to_one_who_is_set_to_away(sending: None, alice: Peer, bob: Peer) -> None:
    """A message to a user who is there, and shown as away, is acknowledged as delivered"""
    set_statuses(bob, Presence.AWAY)

    assert alice.send_message(bob.name, b"hello") == acknowledged(AckStatus.DELIVERED)


@clause("SEND-PUSH")
@pytest.mark.parametrize(
    "statuses",
    [[Presence.AWAY], [Presence.AWAY, Presence.ONLINE], [Presence.OFFLINE, Presence.ONLINE]],
    ids=["away", "back-from-away", "back-from-offline"],
)
def test_after_a_change_of_status(sending: None, alice: Peer, bob: Peer, statuses: list[int]) -> None:
    """A user who is shown as away, or as online again, gets messages without asking for them"""
    set_statuses(bob, *statuses)
    alice.send_message(bob.name, b"hello")

    assert bob.receive() == IncomingMessage(ANYTHING, ANYTHING, ANYTHING, b"hello")


@clause("QUEUE-DELIVER")
def test_asked_for_while_shown_as_offline(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """A user who is shown as offline, and asks for messages, gets those that were queued before"""
    alice.send_message(absent.name, b"early")
    back = login(absent)
    back.send(SetStatus(Presence.OFFLINE))

    assert bodies(poll(back)) == [b"early"]


@clause("SEND-ONCE")
def test_pushed_while_away(sending: None, alice: Peer, bob: Peer) -> None:
    """A message that was pushed to a user who is away is not brought again by GET_MESSAGES"""
    set_statuses(bob, Presence.AWAY)
    deliver_right(alice, bob, b"once")

    assert poll(bob) == []


@clause("SEND-PUSH")
def test_after_asking_for_another_challenge(sending: None, alice: Peer, bob: Peer) -> None:
    """A user who asks for a challenge on a live session, and proves nothing, goes on to get messages"""
    bob.ask()
    alice.send_message(bob.name, b"hello")

    assert bob.receive() == IncomingMessage(ANYTHING, ANYTHING, ANYTHING, b"hello")


@clause("SEND-PUSH")
@pytest.mark.parametrize("status", [Presence.AWAY, Presence.OFFLINE], ids=["away", "offline"])
def test_from_one_who_is_shown_as(sending: None, alice: Peer, bob: Peer, status: int) -> None:
    """A user who is shown as away or offline goes on to send messages"""
    set_statuses(alice, status)
    alice.send_message(bob.name, b"hello")

    assert bob.receive() == IncomingMessage(ANYTHING, ANYTHING, ANYTHING, b"hello")


@clause("QUEUE-DELIVER")
def test_to_one_who_is_shown_as_offline(sending: None, queueing: None, alice: Peer, bob: Peer, login: Login) -> None:
    """A message to a connected user with status 0 reaches them: pushed, when they ask, or after their next login"""
    set_statuses(bob, Presence.OFFLINE)
    reply = alice.send_message(bob.name, b"psst")
    came = [*up_to_an_ending(bob, int(reply == acknowledged(AckStatus.DELIVERED))), *poll(bob)]
    bob.send(Logout())
    bob.until_end()

    assert bodies([*came, *poll(login(bob.account))])[:1] == [b"psst"]
