"""LIST: the list of users."""

from __future__ import annotations

import pytest

from cchatspec.conformance.cases.presence import set_statuses
from cchatspec.conformance.cases.send import with_capitals
from cchatspec.conformance.fixtures import Attempt, Connect, Login
from cchatspec.conformance.harness.expect import A_MESSAGE, error
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import entries, listed, of_type, strictly
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause
from cchatspec.spec import ErrorCode, ListUsers, MessageType, Presence, SetStatus, UserListResponse


def undefined_statuses(peer: Peer) -> list[int]:
    """The statuses in the list of users that no value is defined for."""
    reply = peer.request(ListUsers())
    users = reply.users if isinstance(reply, UserListResponse) else ()
    return [user.status for user in users if user.status not in set(Presence)]


@pytest.fixture
def lists(target: Target) -> None:
    """Users can be listed, on this target; what the list says of them is the case's question."""
    target.require("LIST-ALL")


@clause("LIST-ALL")
def test_oneself(attempt: Attempt) -> None:
    """The list has the user who asks for it"""
    found = attempt("LIST-ALL")

    assert found.came == found.expected


@clause("LIST-ALL")
def test_others_once(lists: None, alice: Peer, bob: Peer) -> None:
    """The list has another user who is there, once"""
    assert len(entries(alice, bob.name)) == 1


@clause("LIST-ALL")
def test_absent_once(lists: None, alice: Peer, absent: Account) -> None:
    """The list has a user who never logged in, once"""
    assert len(entries(alice, absent.name)) == 1


@clause("LIST-STATUS")
@pytest.mark.parametrize("status", [Presence.AWAY, Presence.OFFLINE], ids=["away", "offline"])
def test_of_oneself(listing: None, alice: Peer, bob: Peer, status: int) -> None:
    """Who is shown as away or offline sees this of themselves in the list, and another as they are"""
    set_statuses(alice, status)

    assert (listed(alice, alice.name), listed(alice, bob.name)) == ([status], [Presence.ONLINE])


@clause("LIST-ALL")
def test_name_with_capitals(lists: None, connect: Connect, alice: Peer, new_account: Account) -> None:
    """A user whose name has capitals and small letters is listed under this name, once"""
    assert len(entries(alice, with_capitals(connect, new_account).name)) == 1


@clause("LIST-ALL")
def test_two_who_are_away(lists: None, alice: Peer, bob: Peer, carol: Peer) -> None:
    """Of users who are away each is listed once, also to one who is away"""
    for peer in (alice, bob, carol):
        set_statuses(peer, Presence.AWAY)

    assert [len(entries(alice, peer.name)) for peer in (alice, bob, carol)] == [1, 1, 1]


@clause("LIST-ALL")
def test_for_whom_messages_wait(lists: None, queueing: None, alice: Peer, absent: Account) -> None:
    """The list has a user for whom four messages wait, once"""
    for _ in range(4):
        alice.send_message(absent.name, b"it waits")

    assert len(entries(alice, absent.name)) == 1


@clause("LIST-ALL")
def test_once_after_a_second_login(lists: None, alice: Peer, bob: Peer, login: Login) -> None:
    """A user who left and came back is in the list once"""
    bob.drop()
    login(bob.account)

    assert len(entries(alice, bob.name)) == 1


@clause("LIST-ALL")
def test_not_after_a_refusal(lists: None, alice: Peer, connect: Connect) -> None:
    """A name whose second registration was refused is in the list once"""
    connect(Account(alice.name)).register()

    assert len(entries(alice, alice.name)) == 1


@clause("LIST-ALL")
def test_nobody_else(lists: None, alice: Peer, new_account: Account) -> None:
    """A name that nobody registered is not in the list"""
    assert entries(alice, new_account.name) == []


@clause("LIST-ALL")
def test_nobody_who_only_asked(lists: None, alice: Peer, stranger: Peer) -> None:
    """A name under which a challenge was asked for, and that nobody registered, is not in the list"""
    stranger.ask()

    assert entries(alice, stranger.name) == []


@clause("FRAME-UNKNOWN")
def test_type_with_the_top_bit(alice: Peer) -> None:
    """The type of LIST_USERS with the top bit set, which is STATUS_UPDATE's, brings no list"""
    alice.send_raw(MessageType.LIST_USERS | 0x80, b"")

    assert alice.until_fence() == [error(ErrorCode.INVALID_MESSAGE_FORMAT)]


@clause("LIST-COUNT")
def test_count(lists: None, alice: Peer, bob: Peer) -> None:
    """The user count is the number of users that follow"""
    reply = strictly(alice).request(ListUsers())

    assert of_type(reply, UserListResponse, "LIST-ALL") == A_MESSAGE


@clause("LIST-STATUS")
def test_here_and_absent(attempt: Attempt) -> None:
    """The list shows who asks as online, and who never logged in as offline"""
    found = attempt("LIST-STATUS")

    assert found.came == found.expected


@clause("LIST-STATUS")
def test_each(lists: None, alice: Peer, bob: Peer, absent: Account) -> None:
    """A user who never logged in, one who is away and one who is there are listed as such"""
    bob.send(SetStatus(Presence.AWAY))
    bob.until_fence()

    assert [listed(alice, name) for name in (absent.name, bob.name, alice.name)] == [
        [Presence.OFFLINE],
        [Presence.AWAY],
        [Presence.ONLINE],
    ]


@clause("LIST-STATUS")
def test_defined(lists: None, alice: Peer) -> None:
    """No status in the list is undefined"""
    assert undefined_statuses(alice) == []


@clause("LIST-FRESH")
def test_after_a_login(attempt: Attempt) -> None:
    """A list that was asked for before does not hide a user who has logged in since"""
    found = attempt("LIST-FRESH")

    assert found.came == found.expected


@clause("LIST-FRESH")
def test_new_user(lists: None, alice: Peer, connect: Connect) -> None:
    """A user who has just been registered is in the next list"""
    newcomer = connect(who="newcomer")
    newcomer.register()

    assert listed(alice, newcomer.name) == [Presence.OFFLINE]


@clause("LIST-FRESH")
def test_status_asked_twice(lists: None, alice: Peer, bob: Peer) -> None:
    """A list that was asked for before does not hide a change of status"""
    entries(alice, bob.name)
    bob.send(SetStatus(Presence.AWAY))
    bob.until_fence()

    assert listed(alice, bob.name) == [Presence.AWAY]


@clause("LIST-FRESH")
def test_asked_twice(lists: None, alice: Peer, connect: Connect) -> None:
    """A list that was asked for before does not hide a new user"""
    entries(alice, alice.name)
    newcomer = connect(who="newcomer")
    newcomer.register()

    assert listed(alice, newcomer.name) == [Presence.OFFLINE]
