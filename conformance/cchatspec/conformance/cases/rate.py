"""RATE: the rate limit. These cases flood the target, so they come late.

Those about others come first: where a limit is everybody's, the first flood bars what comes behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cchatspec.conformance.fixtures import Connect, Login
from cchatspec.conformance.harness.expect import acknowledged, error
from cchatspec.conformance.harness.foundations import must_register
from cchatspec.conformance.harness.outcomes import Blocked, Ending, NotApplicable, Reply, has_ended
from cchatspec.conformance.harness.peer import Peer
from cchatspec.conformance.harness.steps import bodies, enter, entered, picked, up_to_an_ending
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause
from cchatspec.spec import AckStatus, Error, ErrorCode, GetPublicKey, PublicKeyResponse, SendMessage

LIMITED = error(ErrorCode.RATE_LIMIT_EXCEEDED)

#: More requests in a row than any program sends in good faith.
FLOOD = 4000


#: So many messages are sent at a time where each reply counts.
_A_FEW = 20

#: So many requests of somebody else are served meanwhile, or half as many as the flood brought before it was stopped.
OTHERS = 20


@dataclass(frozen=True, slots=True)
class Flood:
    """What a flood of requests brought: how many were served, and the first reply to one that was not, if there was one."""

    served: int
    reply: Reply | None


def flood(busy: Peer) -> Flood:
    """Send thousands of requests, and read up to the first that is not served."""
    busy.expects_limit = True
    busy.send(*[GetPublicKey(busy.name)] * FLOOD)
    for served in range(FLOOD):
        if (reply := busy.receive()) != own_key(busy):
            return Flood(served, reply)
    return Flood(FLOOD, None)


def own_key(peer: Peer) -> PublicKeyResponse:
    """What a request for a user's own key brings."""
    return PublicKeyResponse(1, peer.account.public_key)


def said(flood: Flood) -> Reply | None:
    """What stopped a flood, if it was said; None if nothing did.

    Raises:
        Blocked: the connection just ended, which is the question of RATE-HEARD.
    """
    if isinstance(flood.reply, Ending):
        raise Blocked("RATE-HEARD", "the connection ended without ERROR 06")
    return flood.reply


@pytest.fixture
def busy(target: Target, login: Login) -> Peer:
    """A user who floods the target, which answers requests that come together."""
    target.require("FRAME-SEGMENT")
    return login(who="busy")


@pytest.fixture
def stopped(busy: Peer) -> Flood:
    """A flood that a limit of the target's has stopped."""
    found = flood(busy)
    if found.reply is None:
        raise NotApplicable(f"the target shows no limit within {FLOOD} requests")
    return found


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
def test_live_session_of_another(bystander: Peer, stopped: Flood) -> None:
    """While one user is over the limit, another who was there is served, for some requests in a row"""
    count = max(min(OTHERS, stopped.served // 2), 1)
    bystander.send(*[GetPublicKey(bystander.name)] * count)

    assert up_to_an_ending(bystander, count) == [own_key(bystander)] * count


@clause("RATE-FAIR")
def test_new_session_of_another(stopped: Flood, connect: Connect) -> None:
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


def refused_messages(busy: Peer, recipient: bytes) -> list[bytes]:
    """The bodies of those of a few messages that were refused by ERROR 06, the first that were.

    Raises:
        NotApplicable: none was, or the connection ended, by which replies get lost.
    """
    busy.expects_limit = True
    for start in range(0, FLOOD, _A_FEW):
        sent = [b"%d" % number for number in range(start, start + _A_FEW)]
        busy.send(*[SendMessage(recipient, body) for body in sent])
        replies = up_to_an_ending(busy, len(sent))
        if has_ended(replies):
            break
        if LIMITED in replies:
            return [body for body, reply in zip(sent, replies, strict=True) if reply == LIMITED]
    raise NotApplicable("the target refuses no message by ERROR 06 and goes on")


@clause("RATE-LIMIT")
def test_what_is_refused_is_not_delivered(sending: None, bystander: Peer, busy: Peer) -> None:
    """A message that is refused by ERROR 06 does not reach its recipient"""
    refused = refused_messages(busy, bystander.name)

    assert [body for body in bodies(bystander.until_fence()) if body in refused] == []


@clause("RATE-LIMIT")
def test_flood(busy: Peer) -> None:
    """Thousands of requests in a row meet a limit"""
    assert said(flood(busy)) == LIMITED


@clause("RATE-HEARD")
def test_error_arrives(stopped: Flood) -> None:
    """The limit is said by ERROR 06 and not by the end of the connection alone"""
    assert stopped.reply == LIMITED
