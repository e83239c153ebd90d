"""What shows only when time has passed. These cases come late, and look at what was prepared when the run began."""

from __future__ import annotations

import time
from time import monotonic

import pytest

from cchatspec.conformance.cases.queue import QUEUED
from cchatspec.conformance.fixtures import Login
from cchatspec.conformance.harness.expect import ANYTHING, at_least, before, near
from cchatspec.conformance.harness.foundations import Parked, park
from cchatspec.conformance.harness.outcomes import Blocked, NotApplicable, has_ended
from cchatspec.conformance.harness.peer import Peer
from cchatspec.conformance.harness.steps import CLOCK_TOLERANCE_S, deliver, poll
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.harness.wirelog import WireLog
from cchatspec.conformance.marks import clause
from cchatspec.spec import IncomingMessage

#: Timestamps count whole seconds; after so many, in seconds, the clock of any target has moved on by one.
_MOVED_ON_S = 1.05


@pytest.fixture
def parked(target: Target, log: WireLog, queueing: None, alice: Peer) -> Parked:
    """Messages that have been in the queue for more than a second: since the run began, unless the run was shorter."""
    found = target.parked or park(target, log, alice)
    wait(alice, found.since + _MOVED_ON_S)
    return found


@pytest.fixture
def earlier(target: Target, sending: None, alice: Peer, bob: Peer) -> int:
    """The time that the first message of the run had, more than a second ago."""
    if target.first_time is None:
        deliver(alice, bob, b"first")
    if target.first_time is None:
        raise Blocked("SEND-PUSH", "no message came by which the target's clock could be told")
    timestamp, came_at = target.first_time
    wait(alice, came_at + _MOVED_ON_S)
    return timestamp


@pytest.fixture
def veteran(target: Target, log: WireLog, sending: None) -> Peer:
    """A user whose session began more than a second ago: when the run began, unless the run was shorter.

    Raises:
        NotApplicable: the target ended that session, or was started again since.
    """
    if target.veteran is None:
        raise NotApplicable("no session of this run is old enough")
    peer, since = target.veteran.peer, target.veteran.since
    target.veteran = None
    peer.go_on_in(log, "veteran")
    wait(peer, since + _MOVED_ON_S)
    if has_ended(peer.until_fence()):
        raise NotApplicable("the target has ended the session that began early, or was started again since")
    return peer


def wait(peer: Peer, until: float) -> None:
    """Let time pass on a connection to which nobody sends anything; nothing, if it has passed."""
    remaining = until - monotonic()
    if remaining > 0:
        peer.receive(remaining)


def present(alice: Peer, bob: Peer) -> int:
    """The present as the target has it: the time of a message that is sent now.

    Raises:
        Blocked: that is not the present.
    """
    came = deliver(alice, bob, b"what time is it?")
    if not isinstance(came, IncomingMessage) or came.timestamp != near(time.time(), CLOCK_TOLERANCE_S):
        raise Blocked("SEND-TIME", "the target gives no right time for a message that is pushed at once")
    return came.timestamp


@clause("SEND-TIME")
def test_moves_on(earlier: int, alice: Peer, bob: Peer) -> None:
    """A message carries a later time than one that was sent more than a second before"""
    came = deliver(alice, bob, b"later")

    assert came == IncomingMessage(ANYTHING, ANYTHING, at_least(earlier + 1), ANYTHING)


@clause("SEND-TIME")
def test_of_an_old_session(veteran: Peer, alice: Peer, bob: Peer) -> None:
    """A message from a session that began a while ago carries the time when it was sent"""
    now = present(alice, bob)

    assert deliver(veteran, bob, b"still here") == IncomingMessage(ANYTHING, ANYTHING, at_least(now), ANYTHING)


@clause("QUEUE-DELIVER")
def test_time_after_seconds(sending: None, parked: Parked, alice: Peer, bob: Peer, login: Login) -> None:
    """Of messages that were queued a while ago and now, each carries the time when it was sent"""
    now = present(alice, bob)
    reply = alice.send_message(parked.recipient.name, b"now")
    late = [IncomingMessage(ANYTHING, ANYTHING, at_least(now), b"now")] if reply == QUEUED else []
    early = [IncomingMessage(ANYTHING, ANYTHING, before(now), body) for body in parked.bodies]

    assert poll(login(parked.recipient)) == [*early, *late]
