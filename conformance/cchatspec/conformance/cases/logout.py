"""LOGOUT: the end of a session."""

from __future__ import annotations

from cchatspec.conformance.fixtures import AwaitOffline, Connect, Login
from cchatspec.conformance.harness.expect import acknowledged, closed, error, login_accepted, one_of
from cchatspec.conformance.harness.outcomes import Ending
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import bodies, listed, poll
from cchatspec.conformance.marks import clause
from cchatspec.spec import (
    AckStatus,
    ErrorCode,
    GetPublicKey,
    Logout,
    Presence,
    PublicKeyResponse,
    SendMessage,
    SetStatus,
)

#: Nothing says how soon a connection is closed, in seconds.
_CLOSING_S = 3.0

TERMINATED = error(ErrorCode.CONNECTION_TERMINATED)

#: Whether a word comes before the end is an open point.
CLOSED = one_of([closed()], [TERMINATED, closed()])


@clause("LOGOUT-CLOSE")
def test_closed(alice: Peer) -> None:
    """After LOGOUT the connection is closed"""
    alice.send(Logout())

    assert alice.until_end(_CLOSING_S)[-1] == closed()


@clause("LOGOUT-CLOSE")
def test_closed_while_messages_wait(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """After LOGOUT the connection of a user is closed who has not asked for what waits for them"""
    alice.send_message(absent.name, b"it waits")
    back = login(absent)
    back.send(Logout())

    assert back.until_end(_CLOSING_S)[-1] == closed()


@clause("FRAME-UNASKED")
def test_no_reply_to_a_logout(alice: Peer) -> None:
    """LOGOUT brings no reply, but for an ERROR 08 that says that the connection ends"""
    alice.send(Logout())

    assert alice.until_end()[:-1] == one_of([], [TERMINATED])


@clause("LOGOUT-CLOSE")
def test_what_came_before_is_answered(alice: Peer) -> None:
    """A request before LOGOUT in the same segment is answered"""
    alice.send(GetPublicKey(alice.name), Logout())

    assert alice.until_end()[:1] == [PublicKeyResponse(1, alice.account.public_key)]


@clause("LOGOUT-END")
def test_later_request(alice: Peer) -> None:
    """A request after LOGOUT in the same segment is not answered"""
    alice.send(Logout(), GetPublicKey(alice.name))

    # How soon the connection is closed is the question of LOGOUT-CLOSE.
    assert alice.until_end() == one_of(CLOSED, [Ending.DEADLINE])


@clause("LOGOUT-END")
def test_later_message(sending: None, alice: Peer, bob: Peer, carol: Peer) -> None:
    """A message after LOGOUT in the same segment is not delivered"""
    alice.send(Logout(), SendMessage(bob.name, b"after the end"))
    alice.until_end()
    carol.send_message(bob.name, b"legal")

    assert bodies([bob.receive()]) == [b"legal"]


@clause("LOGOUT-END")
def test_later_status(listing: None, alice: Peer, bob: Peer, await_offline: AwaitOffline) -> None:
    """A status after LOGOUT in the same segment is not set"""
    alice.send(Logout(), SetStatus(Presence.AWAY))
    alice.until_end()
    await_offline(bob, alice.name)

    assert listed(bob, alice.name) == [Presence.OFFLINE]


@clause("LOGOUT-END")
def test_messages_are_queued(
    queueing: None, alice: Peer, bob: Peer, connect: Connect, await_offline: AwaitOffline
) -> None:
    """A message to a user who has logged out waits for the next login"""
    alice.send(Logout())
    alice.until_end()
    await_offline(bob, alice.name)
    bob.send_message(alice.name, b"later")
    again = connect(alice.account)
    again.login()

    assert bodies(poll(again)) == [b"later"]


@clause("LOGOUT-END")
def test_acknowledged_as_queued(queueing: None, alice: Peer, bob: Peer, await_offline: AwaitOffline) -> None:
    """A message to a user who has logged out is not acknowledged as delivered"""
    alice.send(Logout())
    alice.until_end()
    await_offline(bob, alice.name)

    assert bob.send_message(alice.name, b"later") == acknowledged(AckStatus.QUEUED)


@clause("LOGOUT-END")
def test_next_login(alice: Peer, connect: Connect) -> None:
    """Right after LOGOUT, a login on a new connection succeeds"""
    alice.send(Logout())

    assert connect(alice.account).ask_and_prove() == login_accepted()
