"""What survives a restart of the server. These cases restart the target, so they come after all others."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cchatspec.conformance.fixtures import Connect, Login
from cchatspec.conformance.harness.expect import ANYTHING, login_accepted, register_refused
from cchatspec.conformance.harness.outcomes import Blocked, NotApplicable, Reply
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import bodies, ids, poll, send_all
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause
from cchatspec.spec import ErrorCode, GetPublicKey, IncomingMessage, PublicKeyResponse

SENT = [b"first", b"second", b"third"]


@dataclass(frozen=True, slots=True)
class Survivors:
    """Who was there before the restart, what had been acknowledged for them, and what was delivered after it."""

    sender: Account
    recipient: Account
    acknowledged: list[Reply]
    delivered: list[Reply]


@pytest.fixture
def survivors(target: Target, login: Login, connect: Connect) -> Survivors:
    """Two users with queued messages, after a restart of the target that serves all cases which ask for it."""
    if isinstance(target.after_restart, Survivors):
        return target.after_restart
    if target.launcher is None:
        raise NotApplicable("the suite did not start the target, so it cannot restart it")
    target.require("QUEUE-DELIVER")
    sender, recipient = login(who="sender"), connect(who="recipient")
    recipient.register()
    recipient.close()
    acknowledged = send_all(sender, recipient.name, SENT)
    target.restart()
    back = connect(recipient.account)
    back.login()
    if not back.logged_in:
        raise Blocked("REG-RESTART", "users do not survive a restart")
    target.after_restart = Survivors(sender.account, recipient.account, acknowledged, poll(back))
    return target.after_restart


@clause("REG-RESTART")
def test_login(target: Target, visitor: Peer, connect: Connect) -> None:
    """A user who was registered before a restart can log in after it"""
    target.require("KEY-FOUND")
    target.restart()

    assert connect(visitor.account).ask_and_prove() == login_accepted()


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
def test_delivered(survivors: Survivors) -> None:
    """Messages that were queued before a restart are delivered after it, in order"""
    assert bodies(survivors.delivered) == SENT


@clause("QUEUE-RESTART")
def test_ids(survivors: Survivors) -> None:
    """Messages that were queued before a restart are delivered after it with their ids"""
    assert ids(survivors.delivered) == ids(survivors.acknowledged)


@clause("QUEUE-RESTART")
def test_sender(survivors: Survivors) -> None:
    """Messages that were queued before a restart are delivered after it with their sender"""
    assert survivors.delivered == [IncomingMessage(ANYTHING, survivors.sender.name, ANYTHING, body) for body in SENT]


@clause("QUEUE-RESTART")
def test_new_ids(survivors: Survivors, alice: Peer, bob: Peer) -> None:
    """A message after a restart does not get the id of one before it"""
    reply = alice.send_message(bob.name, b"new")

    assert len({*ids(survivors.acknowledged), *ids([reply])}) == len(SENT) + 1
