"""RATE: the rate limit. These cases flood the target, so they come late.

Those about others come first: where a limit is everybody's, the first flood bars what comes behind it.
"""

from __future__ import annotations

import pytest

from cchatspec.conformance.fixtures import Connect, Login
from cchatspec.conformance.harness.expect import acknowledged, error
from cchatspec.conformance.harness.foundations import must_register
from cchatspec.conformance.harness.outcomes import Blocked, Ending, NotApplicable, Reply
from cchatspec.conformance.harness.peer import Peer
from cchatspec.conformance.harness.steps import enter, entered, picked
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause
from cchatspec.spec import AckStatus, Error, ErrorCode, GetPublicKey, PublicKeyResponse, SendMessage

LIMITED = error(ErrorCode.RATE_LIMIT_EXCEEDED)

#: More requests in a row than any program sends in good faith.
FLOOD = 4000


def flood(busy: Peer) -> Reply:
    """The first thing that a flood of requests brings and that is no reply to one of them."""
    served = PublicKeyResponse(1, busy.account.public_key)
    busy.expects_limit = True
    busy.send(*[GetPublicKey(busy.name)] * FLOOD)
    return next((reply for reply in (busy.receive() for _ in range(FLOOD)) if reply != served), served)


def said(reply: Reply) -> Reply:
    """What stopped a flood, if it was said.

    Raises:
        Blocked: the connection just ended, which is the question of RATE-HEARD.
    """
    if isinstance(reply, Ending):
        raise Blocked("RATE-HEARD", "the connection ended without ERROR 06")
    return reply


@pytest.fixture
def busy(target: Target, login: Login) -> Peer:
    """A user who floods the target, which answers requests that come together."""
    target.require("FRAME-SEGMENT")
    return login(who="busy")


@pytest.fixture
def stopped_by(busy: Peer) -> Reply:
    """What stopped a flood, on a target that has a limit."""
    reply = flood(busy)
    if reply == PublicKeyResponse(1, busy.account.public_key):
        raise NotApplicable(f"the target shows no limit within {FLOOD} requests")
    return reply


def from_elsewhere(connect: Connect, who: str) -> Peer:
    """A connection from another address than the flood's, so that a limit to an address is none to it.

    Where there is no other address, an ERROR 06 leaves the case undecided.
    """
    peer = connect(who=who, elsewhere=True)
    peer.expects_limit = peer.is_elsewhere
    return peer


@pytest.fixture
def bystander(target: Target, connect: Connect) -> Peer:
    """A user who is logged in before the flood."""
    target.require("KEY-FOUND")
    peer = from_elsewhere(connect, "bystander")
    must_register(peer).login()
    return peer


@clause("RATE-FAIR")
def test_live_session_of_another(bystander: Peer, stopped_by: Reply) -> None:
    """While one user is over the limit, another who was there is served"""
    assert bystander.request(GetPublicKey(bystander.name)) == PublicKeyResponse(1, bystander.account.public_key)


@clause("RATE-FAIR")
def test_new_session_of_another(stopped_by: Reply, connect: Connect) -> None:
    """While one user is over the limit, another can register, log in and is served"""
    newcomer = from_elsewhere(connect, "newcomer")

    assert enter(newcomer) == entered(newcomer)


def flood_of_messages(busy: Peer, recipient: bytes) -> None:
    """Send thousands of messages to one user, and wait until the target has dealt with them."""
    busy.expects_limit = True
    busy.send(*[SendMessage(recipient, b"flood")] * FLOOD)
    next((None for _ in range(FLOOD) if busy.receive() != acknowledged(AckStatus.DELIVERED)), None)


@clause("RATE-FAIR")
def test_recipient_of_two_floods(sending: None, bystander: Peer, busy: Peer, login: Login) -> None:
    """A user who is sent more messages than they may send is not limited for it"""
    flood_of_messages(busy, bystander.name)
    flood_of_messages(login(who="busy_too"), bystander.name)

    assert picked(bystander.until_fence(), Error) == []


@clause("RATE-LIMIT")
def test_flood(busy: Peer) -> None:
    """Thousands of requests in a row meet a limit"""
    assert said(flood(busy)) == LIMITED


@clause("RATE-HEARD")
def test_error_arrives(stopped_by: Reply) -> None:
    """The limit is said by ERROR 06 and not by the end of the connection alone"""
    assert stopped_by == LIMITED
