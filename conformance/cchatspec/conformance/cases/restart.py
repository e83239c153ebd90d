"""What survives a restart of the server. These cases restart the target, so they come after all others."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from cchatspec.conformance.cases.send import ALL_BYTES
from cchatspec.conformance.fixtures import Connect, Login
from cchatspec.conformance.harness.expect import ANYTHING, login_accepted, near, register_refused
from cchatspec.conformance.harness.foundations import must_register
from cchatspec.conformance.harness.outcomes import Blocked, NotApplicable, Reply
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import CLOCK_TOLERANCE_S, bodies, ids, listed, poll, send_all
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause
from cchatspec.spec import ErrorCode, GetPublicKey, IncomingMessage, Presence, PublicKeyResponse

#: What is queued before the restart: also bytes that no text has.
SENT = [b"first", ALL_BYTES, b"third"]


@dataclass(frozen=True, slots=True)
class Survivors:
    """Who was there before the restart, what had been acknowledged for them, and what came after it.

    `newest` was registered last. `ids` are those of all messages that the target had taken.
    """

    sender: Account
    recipient: Account
    newest: Account
    acknowledged: list[Reply]
    ids: frozenset[int]
    login: Reply
    delivered: list[Reply]


@pytest.fixture
def survivors(target: Target, login: Login, connect: Connect) -> Survivors:
    """Two users with queued messages, after a restart of the target that serves all cases which ask for it."""
    if isinstance(target.after_restart, Survivors):
        return target.after_restart
    if target.launcher is None:
        raise NotApplicable("the suite did not start the target, so it cannot restart it")
    sender, recipient = login(who="sender"), must_register(connect(who="recipient"))
    recipient.close()
    acknowledged = send_all(sender, recipient.name, SENT)
    before = frozenset(target.ids)
    newest = must_register(connect(who="newest")).account
    target.restart()
    back = connect(recipient.account)
    reply = back.ask_and_prove()
    delivered = poll(back) if back.logged_in else []
    target.after_restart = Survivors(sender.account, recipient.account, newest, acknowledged, before, reply, delivered)
    return target.after_restart


@pytest.fixture
def remembered(survivors: Survivors) -> Survivors:
    """The same on a target whose users survive a restart."""
    if survivors.login != login_accepted():
        raise Blocked("REG-RESTART", "users do not survive a restart")
    return survivors


@pytest.fixture
def queued(queueing: None, remembered: Survivors) -> Survivors:
    """The same on a target that queues messages, and whose users survive a restart."""
    return remembered


@clause("REG-RESTART")
def test_login(survivors: Survivors) -> None:
    """A user who was registered before a restart can log in after it"""
    assert survivors.login == login_accepted()


@clause("REG-RESTART")
def test_login_of_the_newest(survivors: Survivors, connect: Connect) -> None:
    """The user who was registered last before a restart can log in after it"""
    assert connect(survivors.newest).ask_and_prove() == login_accepted()


@clause("REG-RESTART")
def test_name_is_taken(target: Target, survivors: Survivors, connect: Connect) -> None:
    """A name that was registered before a restart is taken after it"""
    target.require("REG-DUPLICATE")

    assert connect(Account(survivors.sender.name)).register() == register_refused(ErrorCode.USER_ALREADY_EXISTS)


@clause("REG-RESTART")
def test_key(survivors: Survivors, alice: Peer) -> None:
    """A key that was registered before a restart is given out after it"""
    found = PublicKeyResponse(1, survivors.recipient.public_key)

    assert alice.request(GetPublicKey(survivors.recipient.name)) == found


@clause("QUEUE-RESTART")
def test_delivered(queued: Survivors) -> None:
    """Messages that were queued before a restart are delivered after it, in order"""
    assert bodies(queued.delivered) == SENT


@clause("QUEUE-RESTART")
def test_ids(queued: Survivors) -> None:
    """Messages that were queued before a restart are delivered after it with their ids"""
    assert ids(queued.delivered) == ids(queued.acknowledged)


@clause("QUEUE-RESTART")
def test_sender(queued: Survivors) -> None:
    """Messages that were queued before a restart are delivered after it with their sender"""
    assert queued.delivered == [IncomingMessage(ANYTHING, queued.sender.name, ANYTHING, body) for body in SENT]


@clause("QUEUE-RESTART")
def test_time(queued: Survivors) -> None:
    """Messages that were queued before a restart are delivered after it with the time when they were sent"""
    sent = near(time.time(), CLOCK_TOLERANCE_S)

    assert queued.delivered == [IncomingMessage(ANYTHING, ANYTHING, sent, ANYTHING)] * len(SENT)


@clause("LIST-STATUS")
def test_nobody_is_online_after_a_restart(remembered: Survivors, listing: None, alice: Peer) -> None:
    """A user who was online before a restart, and has not come back, is not listed as online"""
    assert listed(alice, remembered.sender.name) == [Presence.OFFLINE]


@clause("QUEUE-RESTART")
def test_new_ids(sending: None, queued: Survivors, alice: Peer, bob: Peer) -> None:
    """Eight messages after a restart get ids that no message before it had"""
    new = ids(send_all(alice, bob.name, [b"new"] * 8))

    assert [number for number in new if number in queued.ids] == []
