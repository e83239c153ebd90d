"""STATUS: who is told, of what, and under which name; and what the status of a user does not depend on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cchatspec.conformance.cases.presence import set_statuses
from cchatspec.conformance.cases.send import with_capitals
from cchatspec.conformance.cases.status import times_told
from cchatspec.conformance.fixtures import AwaitOffline, Connect, Login
from cchatspec.conformance.harness.outcomes import NotApplicable, Reply
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import fail_login, is_closed, listed, second_session
from cchatspec.conformance.marks import clause
from cchatspec.spec import (
    GetPublicKey,
    Logout,
    MessageType,
    Presence,
    PublicKeyResponse,
    SetStatus,
    StatusUpdate,
    build,
    frame_bytes,
)

AWAY, OFFLINE, ONLINE = Presence.AWAY, Presence.OFFLINE, Presence.ONLINE

CHANGES = [AWAY, ONLINE] * 7


@clause("STATUS-TELL")
def test_name_with_capitals(telling: None, connect: Connect, alice: Peer, new_account: Account) -> None:
    """A user whose name has capitals and small letters is told of under this name"""
    peer = with_capitals(connect, new_account)
    peer.send(SetStatus(AWAY))

    assert alice.await_update(peer.name, AWAY) == StatusUpdate(peer.name, AWAY)


@clause("STATUS-TELL")
def test_shown_again(telling: None, alice: Peer, bob: Peer) -> None:
    """A user who was shown as offline and shows themselves again is told as online"""
    bob.send(SetStatus(OFFLINE))
    alice.await_update(bob.name, OFFLINE)
    alice.updates.clear()
    bob.send(SetStatus(ONLINE))

    assert alice.await_update(bob.name, ONLINE) == StatusUpdate(bob.name, ONLINE)


@clause("STATUS-TELL")
def test_to_one_who_is_shown_as_offline(telling: None, alice: Peer, bob: Peer) -> None:
    """A change is told to a logged-in user who is shown as offline"""
    set_statuses(bob, OFFLINE)
    alice.send(SetStatus(AWAY))

    assert bob.await_update(alice.name, AWAY) == StatusUpdate(alice.name, AWAY)


@clause("STATUS-TELL", level="SHOULD")
def test_two_changes_at_once(telling: None, alice: Peer, bob: Peer) -> None:
    """Two changes in one segment are both told, in their order"""
    alice.await_update(bob.name, ONLINE)
    alice.updates.clear()
    bob.send_at_once(SetStatus(AWAY), SetStatus(ONLINE))
    alice.await_update(bob.name, ONLINE)

    assert alice.updates_about(bob.name) == [AWAY, ONLINE]


@clause("STATUS-TELL")
def test_as_listed(telling: None, listing: None, alice: Peer, bob: Peer, connect: Connect) -> None:
    """What is listed of a user who was away and has logged in once more is what was told last"""
    bob.send(SetStatus(AWAY))
    alice.await_update(bob.name, AWAY)
    alice.updates = [StatusUpdate(bob.name, AWAY)]
    second_session(bob, connect(bob.account))
    (status,) = listed(alice, bob.name)[:1]

    # A list that cannot be read has no status, of which no update comes.
    assert alice.await_update(bob.name, status) == StatusUpdate(bob.name, status)  # type: ignore[arg-type]


@clause("STATUS-LOGIN")
def test_every_login_is_told(telling: None, alice: Peer, login: Login) -> None:
    """A user who has logged out and logs in again is told as online again"""
    user = login(who="user")
    user.send(Logout())
    alice.await_update(user.name, OFFLINE)
    alice.updates.clear()
    login(user.account)

    assert alice.await_update(user.name, ONLINE) == StatusUpdate(user.name, ONLINE)


@clause("FRAME-UNASKED")
def test_login_is_told_once(telling: None, alice: Peer, login: Login) -> None:
    """A login is told once"""
    newcomer = login(who="newcomer")
    newcomer.until_fence()

    assert times_told(alice, newcomer.name, ONLINE) == 1


@clause("STATUS-SET")
def test_set_twice(listing: None, alice: Peer, bob: Peer) -> None:
    """A user who sets the status that they have keeps it"""
    set_statuses(bob, AWAY, AWAY)

    assert listed(alice, bob.name) == [AWAY]


@clause("KEY-FOUND")
def test_key_of_one_who_is_shown_as_offline(alice: Peer, bob: Peer) -> None:
    """The key of a user who is shown as offline is found"""
    set_statuses(bob, OFFLINE)

    assert alice.request(GetPublicKey(bob.name)) == PublicKeyResponse(1, bob.account.public_key)


@clause("STATUS-SET")
def test_stays_after_another_fails(checking: None, listing: None, alice: Peer, bob: Peer, connect: Connect) -> None:
    """A user who is away stays so when somebody fails to log in under their name"""
    set_statuses(bob, AWAY)
    fail_login(connect(bob.account, "impostor"))

    assert listed(alice, bob.name) == [AWAY]


@clause("STATUS-LOST")
def test_reset_in_a_frame_is_told(telling: None, alice: Peer, bob: Peer) -> None:
    """A user whose connection is reset in the middle of a frame is told as offline"""
    bob.send_pieces(build(GetPublicKey(bob.name))[:7], [7], alice.until_fence)
    bob.reset()

    assert alice.await_update(bob.name, OFFLINE) == StatusUpdate(bob.name, OFFLINE)


@clause("STATUS-LOST")
def test_reset_after_asking_again_is_told(telling: None, alice: Peer, bob: Peer) -> None:
    """A user who has asked for another challenge, and whose connection is reset, is told as offline"""
    bob.ask()
    bob.reset()

    assert alice.await_update(bob.name, OFFLINE) == StatusUpdate(bob.name, OFFLINE)


@clause("STATUS-LOGOUT")
def test_logout_while_away_is_told(telling: None, alice: Peer, bob: Peer) -> None:
    """The LOGOUT of a user who is away is told"""
    set_statuses(bob, AWAY)
    bob.send(Logout())

    assert alice.await_update(bob.name, OFFLINE) == StatusUpdate(bob.name, OFFLINE)


@clause("STATUS-LOGOUT")
def test_logout_is_told_to_one_who_is_away(telling: None, alice: Peer, bob: Peer) -> None:
    """LOGOUT is told to a user who is away"""
    set_statuses(alice, AWAY)
    bob.send(Logout())

    assert alice.await_update(bob.name, OFFLINE) == StatusUpdate(bob.name, OFFLINE)


@clause("STATUS-TELL")
def test_from_away_to_offline(telling: None, alice: Peer, bob: Peer) -> None:
    """A user who was away and shows themselves as offline is told as offline"""
    set_statuses(bob, AWAY, OFFLINE)

    assert alice.await_update(bob.name, OFFLINE) == StatusUpdate(bob.name, OFFLINE)


@clause("STATUS-TELL")
def test_each_of_many_changes(telling: None, alice: Peer, bob: Peer) -> None:
    """Each of fourteen changes of one session is told"""
    came: list[Reply] = []
    for status in CHANGES:
        alice.updates.clear()
        bob.send(SetStatus(status))
        came.append(alice.await_update(bob.name, status))

    assert came == [StatusUpdate(bob.name, status) for status in CHANGES]


def ended_by_the_target(peer: Peer) -> None:
    """Go on when the target has ended the connection, and close it on this side too.

    Raises:
        NotApplicable: it does not.
    """
    if not is_closed(peer.until_end()):
        raise NotApplicable("the target does not end the connection for that")
    peer.close()


@clause("STATUS-LOST")
def test_end_by_the_target_is_told(telling: None, alice: Peer, bob: Peer) -> None:
    """A user whose connection the target ends, for a header that announces gigabytes, is told as offline"""
    bob.send_bytes(frame_bytes(MessageType.SEND_MESSAGE, b"", 2**32 - 1))
    ended_by_the_target(bob)

    assert alice.await_update(bob.name, OFFLINE) == StatusUpdate(bob.name, OFFLINE)


@clause("STATUS-LOST")
def test_close_of_one_who_is_shown_as_offline(
    telling: None, listing: None, alice: Peer, bob: Peer, carol: Peer, await_offline: AwaitOffline
) -> None:
    """A user who is shown as offline and goes without LOGOUT stays offline"""
    set_statuses(bob, OFFLINE)
    bob.close()
    carol.close()
    await_offline(alice, carol.name)

    assert listed(alice, bob.name) == [OFFLINE]


def _log_out(peer: Peer) -> None:
    peer.send(Logout())
    peer.until_end()


@clause("STATUS-SET")
@pytest.mark.parametrize("leave", [Peer.close, _log_out], ids=["close", "logout"])
def test_stays_when_somebody_leaves_who_had_asked(
    telling: None,
    listing: None,
    alice: Peer,
    bob: Peer,
    carol: Peer,
    connect: Connect,
    await_offline: AwaitOffline,
    leave: Callable[[Peer], None],
) -> None:
    """A user stays online when somebody who has only asked for a challenge in their name leaves"""
    impostor = connect(bob.account, "impostor")
    impostor.challenge()
    leave(impostor)
    carol.close()
    await_offline(alice, carol.name)

    assert listed(alice, bob.name) == [ONLINE]


@clause("STATUS-SET")
def test_stays_when_a_user_leaves_who_had_asked(
    telling: None, listing: None, alice: Peer, bob: Peer, carol: Peer, await_offline: AwaitOffline
) -> None:
    """A user stays online when another user who has asked for a challenge in their name logs out"""
    carol.ask(bob.name)
    carol.send(Logout())
    await_offline(alice, carol.name)

    assert listed(alice, bob.name) == [ONLINE]


@clause("REG-DUPLICATE")
def test_leaves_the_status(listing: None, alice: Peer, bob: Peer, connect: Connect) -> None:
    """A second registration of the name of a user who is there leaves them online"""
    connect(Account(bob.name), "impostor").register()

    assert listed(alice, bob.name) == [ONLINE]
