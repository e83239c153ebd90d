"""STATUS: presence."""

from __future__ import annotations

import pytest

from cchatspec.conformance.fixtures import Attempt, AwaitOffline, Connect, Login
from cchatspec.conformance.harness.expect import error, one_of, refusal
from cchatspec.conformance.harness.peer import Peer
from cchatspec.conformance.harness.steps import fail_login, listed
from cchatspec.conformance.marks import clause
from cchatspec.spec import ErrorCode, Logout, MessageType, Presence, SetStatus, StatusUpdate

AWAY, OFFLINE, ONLINE = Presence.AWAY, Presence.OFFLINE, Presence.ONLINE


# STATUS-SET, STATUS-TELL


@clause("STATUS-SET")
@pytest.mark.parametrize("status", [AWAY, OFFLINE], ids=["away", "offline"])
def test_listed(listing: None, alice: Peer, bob: Peer, status: int) -> None:
    """The status that a user sets is shown in the list"""
    bob.send(SetStatus(status))
    bob.until_fence()

    assert listed(alice, bob.name) == [status]


@clause("FRAME-UNASKED")
def test_no_reply_to_a_status(alice: Peer) -> None:
    """SET_STATUS brings no reply"""
    alice.send(SetStatus(AWAY), SetStatus(ONLINE))

    assert alice.until_fence() == []


def times_told(watcher: Peer, name: bytes, status: int) -> int:
    """How often a status of a user has been told, up to now."""
    watcher.await_update(name, status)
    watcher.until_fence()
    return watcher.updates_about(name).count(status)


@clause("FRAME-UNASKED")
def test_change_is_told_once(telling: None, alice: Peer, bob: Peer) -> None:
    """One change of status is told once"""
    bob.send(SetStatus(AWAY))
    bob.until_fence()

    assert times_told(alice, bob.name, AWAY) == 1


@clause("FRAME-UNASKED")
def test_leaving_is_told_once(telling: None, alice: Peer, bob: Peer, connect: Connect) -> None:
    """A user who logs out and then closes the connection is told as offline once"""
    bob.send(Logout())
    bob.until_end()
    bob.drop()
    connect(who="later").register()

    assert times_told(alice, bob.name, OFFLINE) == 1


@clause("STATUS-SET")
def test_back_online(listing: None, alice: Peer, bob: Peer) -> None:
    """A user who was away is listed as online after setting so"""
    bob.send(SetStatus(AWAY), SetStatus(ONLINE))
    bob.until_fence()

    assert listed(alice, bob.name) == [ONLINE]


@clause("STATUS-SET")
def test_no_one_elses(listing: None, alice: Peer, bob: Peer, carol: Peer) -> None:
    """The status of one user is not that of another"""
    bob.send(SetStatus(AWAY))
    bob.until_fence()

    assert listed(alice, carol.name) == [ONLINE]


@clause("STATUS-TELL")
def test_away(attempt: Attempt) -> None:
    """A user who goes away is shown so to another"""
    found = attempt("STATUS-TELL")

    assert found.came == found.expected


@clause("STATUS-TELL")
def test_away_and_back(telling: None, alice: Peer, bob: Peer) -> None:
    """A user who goes away and comes back is told as online"""
    bob.send(SetStatus(AWAY))
    alice.await_update(bob.name, AWAY)
    alice.updates.clear()
    bob.send(SetStatus(ONLINE))

    assert alice.await_update(bob.name, ONLINE) == StatusUpdate(bob.name, ONLINE)


@clause("STATUS-TELL")
def test_invisible(telling: None, alice: Peer, bob: Peer) -> None:
    """A user who sets the status offline is told as offline"""
    bob.send(SetStatus(OFFLINE))

    assert alice.await_update(bob.name, OFFLINE) == StatusUpdate(bob.name, OFFLINE)


@clause("STATUS-TELL")
def test_to_everybody(telling: None, alice: Peer, bob: Peer, carol: Peer) -> None:
    """A change is told to each of the others"""
    alice.send(SetStatus(AWAY))
    told = StatusUpdate(alice.name, AWAY)

    assert [bob.await_update(alice.name, AWAY), carol.await_update(alice.name, AWAY)] == [told, told]


# STATUS-VALUE


@clause("STATUS-VALUE")
@pytest.mark.parametrize("value", [3, 4, 127, 128, 255])
def test_undefined(alice: Peer, value: int) -> None:
    """A status that is not defined is refused"""
    alice.send_raw(MessageType.SET_STATUS, bytes([value]))

    assert alice.until_fence() == refusal(error(ErrorCode.INVALID_MESSAGE_FORMAT))


@clause("STATUS-VALUE")
def test_undefined_is_not_listed(listing: None, alice: Peer, bob: Peer) -> None:
    """A status that is not defined does not show in the list"""
    alice.send_raw(MessageType.SET_STATUS, b"\x07")
    alice.receive()

    assert listed(bob, alice.name) == [one_of(ONLINE, OFFLINE)]


# STATUS-LOGIN, STATUS-LOGOUT, STATUS-LOST


@clause("STATUS-LOGIN")
def test_login_is_told(telling: None, alice: Peer, login: Login) -> None:
    """A user who logs in is told as online"""
    newcomer = login(who="newcomer")

    assert alice.await_update(newcomer.name, ONLINE) == StatusUpdate(newcomer.name, ONLINE)


@clause("STATUS-LOGIN")
def test_login_is_listed(listing: None, alice: Peer, login: Login) -> None:
    """A user who has logged in is listed as online"""
    newcomer = login(who="newcomer")

    assert listed(alice, newcomer.name) == [ONLINE]


@clause("STATUS-LOGIN")
def test_online_again_after_away(listing: None, alice: Peer, login: Login) -> None:
    """A user who was away when they left is online after the next login"""
    user = login(who="user")
    user.send(SetStatus(AWAY), Logout())
    user.until_end()
    login(user.account)

    assert listed(alice, user.name) == [ONLINE]


@clause("STATUS-LOGIN")
def test_online_again_after_offline(listing: None, alice: Peer, login: Login) -> None:
    """A user who was shown as offline when they left is online after the next login"""
    user = login(who="user")
    user.send(SetStatus(OFFLINE), Logout())
    user.until_end()
    login(user.account)

    assert listed(alice, user.name) == [ONLINE]


@clause("STATUS-LOGOUT")
def test_logout_is_told(telling: None, alice: Peer, bob: Peer) -> None:
    """A user who logs out is told as offline"""
    bob.send(Logout())

    assert alice.await_update(bob.name, OFFLINE) == StatusUpdate(bob.name, OFFLINE)


@clause("STATUS-LOGOUT")
def test_logout_is_listed(listing: None, alice: Peer, bob: Peer, await_offline: AwaitOffline) -> None:
    """A user who has logged out is listed as offline"""
    bob.send(Logout())
    bob.until_end()
    await_offline(alice, bob.name)

    assert listed(alice, bob.name) == [OFFLINE]


@clause("STATUS-LOST")
def test_close_is_told(telling: None, alice: Peer, bob: Peer) -> None:
    """A user whose connection is closed is told as offline"""
    bob.drop()

    assert alice.await_update(bob.name, OFFLINE) == StatusUpdate(bob.name, OFFLINE)


@clause("STATUS-LOST")
def test_reset_is_told(telling: None, alice: Peer, bob: Peer) -> None:
    """A user whose connection is reset is told as offline"""
    bob.reset()

    assert alice.await_update(bob.name, OFFLINE) == StatusUpdate(bob.name, OFFLINE)


@clause("STATUS-LOST")
def test_close_while_away_is_told(telling: None, alice: Peer, bob: Peer) -> None:
    """A user who is away and whose connection is closed is told as offline"""
    bob.send(SetStatus(AWAY))
    alice.await_update(bob.name, AWAY)
    bob.drop()

    assert alice.await_update(bob.name, OFFLINE) == StatusUpdate(bob.name, OFFLINE)


@clause("STATUS-LOST")
def test_close_is_listed(listing: None, alice: Peer, bob: Peer, await_offline: AwaitOffline) -> None:
    """A user whose connection was closed is listed as offline"""
    bob.drop()
    await_offline(alice, bob.name)

    assert listed(alice, bob.name) == [OFFLINE]


# STATUS-AUDIENCE


@clause("STATUS-AUDIENCE")
def test_not_to_a_visitor(telling: None, outsider: Peer, alice: Peer, bob: Peer) -> None:
    """A connection that is not logged in is told nothing"""
    bob.send(SetStatus(AWAY))
    alice.await_update(bob.name, AWAY)
    outsider.until_fence()

    assert outsider.updates == []


@clause("STATUS-AUDIENCE")
def test_not_between_challenge_and_proof(telling: None, outsider: Peer, alice: Peer, bob: Peer) -> None:
    """A connection that was given a challenge is told nothing"""
    outsider.challenge()
    bob.send(SetStatus(AWAY))
    alice.await_update(bob.name, AWAY)
    outsider.until_fence()

    assert outsider.updates == []


@clause("STATUS-AUDIENCE")
def test_not_after_a_refused_proof(
    checking: None, telling: None, outsider: Peer, alice: Peer, bob: Peer, connect: Connect
) -> None:
    """A connection whose proof was refused is told nothing"""
    fail_login(outsider)
    bob.send(SetStatus(AWAY))
    alice.await_update(bob.name, AWAY)
    outsider.until_fence()

    assert outsider.updates == []
