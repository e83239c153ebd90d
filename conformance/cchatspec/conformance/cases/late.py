"""What shows only when time has passed. These cases come late, and look at what was prepared when the run began."""

from __future__ import annotations

import time
from time import monotonic

import pytest

from cchatspec.conformance.cases.send import CLOCK_TOLERANCE_S
from cchatspec.conformance.fixtures import Login
from cchatspec.conformance.harness.expect import ANYTHING, before, near
from cchatspec.conformance.harness.foundations import Parked, park
from cchatspec.conformance.harness.outcomes import Blocked
from cchatspec.conformance.harness.peer import Peer
from cchatspec.conformance.harness.steps import deliver, poll
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.harness.wirelog import WireLog
from cchatspec.conformance.marks import clause
from cchatspec.spec import IncomingMessage

#: Timestamps count whole seconds; after so many, the clock of any target has moved on.
_MOVED_ON_S = 2.0


@pytest.fixture
def parked(target: Target, log: WireLog, queueing: None, alice: Peer) -> Parked:
    """A message that has been in the queue for two seconds: since the run began, unless the run was shorter."""
    found = target.parked or park(target, log, alice)
    remaining = found.since + _MOVED_ON_S - monotonic()
    if remaining > 0:
        alice.receive(remaining)
    return found


def present(alice: Peer, bob: Peer) -> int:
    """The present as the target has it: the time of a message that is sent now.

    Raises:
        Blocked: that is not the present.
    """
    came = deliver(alice, bob, b"what time is it?")
    if not isinstance(came, IncomingMessage) or came.timestamp != near(time.time(), CLOCK_TOLERANCE_S):
        raise Blocked("SEND-TIME", "the target gives no right time for a message that is pushed at once")
    return came.timestamp


@clause("QUEUE-DELIVER")
def test_time_after_seconds(sending: None, parked: Parked, alice: Peer, bob: Peer, login: Login) -> None:
    """A message that was queued for seconds carries the time when it was sent, and not when it was delivered"""
    now = present(alice, bob)

    assert poll(login(parked.recipient)) == [IncomingMessage(ANYTHING, ANYTHING, before(now), parked.body)]
