"""SEND and QUEUE: messages that are large or alike, users who are away, and those who come after a recipient has gone."""

from __future__ import annotations

import pytest

from cchatspec.conformance.cases.queue import QUEUED
from cchatspec.conformance.cases.send import pattern
from cchatspec.conformance.fixtures import AwaitOffline, Login
from cchatspec.conformance.harness.outcomes import NotApplicable, Reply
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import (
    bodies,
    deliver_right,
    ids,
    picked,
    poll,
    poll_to_the_end,
    send_all,
    up_to_an_ending,
)
from cchatspec.conformance.marks import clause
from cchatspec.spec import IncomingMessage


def kept(sender: Peer, absent: Account, bodies: list[bytes]) -> list[Reply]:
    """The acknowledgements of messages that the target says it has queued.

    Raises:
        NotApplicable: it refuses them.
    """
    queued: list[Reply] = [reply for reply in send_all(sender, absent.name, bodies) if reply == QUEUED]
    if not queued:
        raise NotApplicable(f"the target queues no body of {len(bodies[0])} bytes")
    return queued


@clause("SEND-PUSH")
def test_equal_messages(sending: None, alice: Peer, bob: Peer) -> None:
    """Three messages with the same body all arrive"""
    send_all(alice, bob.name, [b"again"] * 3)

    assert bodies(up_to_an_ending(bob, 3)) == [b"again"] * 3


@clause("SEND-PRIVATE")
def test_not_to_the_next_connection(
    sending: None, alice: Peer, bob: Peer, login: Login, await_offline: AwaitOffline
) -> None:
    """A message to a user whose connection is gone does not reach the one that was made next"""
    bob.drop()
    await_offline(alice, bob.name)
    newcomer = login(who="newcomer")
    alice.send_message(bob.name, b"for bob")

    assert picked(newcomer.until_fence(), IncomingMessage) == []


@clause("QUEUE-DELIVER")
@pytest.mark.parametrize("size", [2048, 4097, 65_535])
def test_large_body(
    sending: None, queueing: None, alice: Peer, bob: Peer, absent: Account, login: Login, size: int
) -> None:
    """A large body that can be pushed arrives from the queue as it was sent, if the target queues it"""
    deliver_right(alice, bob, pattern(size))
    kept(alice, absent, [pattern(size)])

    assert bodies(poll(login(absent))) == [pattern(size)]


@clause("QUEUE-ONCE")
def test_after_a_lost_connection(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """What was delivered on a connection that was then closed without LOGOUT does not come again"""
    alice.send_message(absent.name, b"once")
    back = login(absent)
    poll(back)
    back.drop()

    assert poll(login(absent)) == []


@clause("QUEUE-HONEST")
def test_equal_messages_in_the_queue(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """Of three messages with the same body, those acknowledged as queued are all delivered"""
    queued = kept(alice, absent, [b"again"] * 3)

    assert ids(poll_to_the_end(login(absent))) == ids(queued)


@clause("QUEUE-HONEST")
def test_many_kilobytes(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """Of forty messages of 4,000 bytes, those acknowledged as queued are all delivered"""
    queued = kept(alice, absent, [pattern(4000)] * 40)

    assert ids(poll_to_the_end(login(absent))) == ids(queued)
