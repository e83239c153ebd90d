"""What users and their connections have behind them, which changes nothing of what holds for them now.

Each past is one that a right server forgets: a login that failed, a session that is over, requests that were refused. Each is
tried with all that a session is for.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from cchatspec.conformance.cases.presence import set_statuses
from cchatspec.conformance.cases.status import times_told
from cchatspec.conformance.cases.switch import log_in_as
from cchatspec.conformance.fixtures import AwaitOffline, Connect, Login
from cchatspec.conformance.harness.expect import ANYTHING, near
from cchatspec.conformance.harness.foundations import must_register
from cchatspec.conformance.harness.outcomes import NotApplicable, Reply, has_ended
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import (
    CLOCK_TOLERANCE_S,
    NOT_A_SIGNATURE,
    bodies,
    deliver,
    fail_login,
    ids,
    listed,
    name_of_nobody,
    picked,
    poll,
    second_session,
    send_all,
)
from cchatspec.conformance.marks import clause
from cchatspec.spec import (
    IncomingMessage,
    ListUsers,
    LoginUser,
    Logout,
    MessageType,
    Presence,
    RegisterUser,
    SetStatus,
    StatusUpdate,
)

AWAY, OFFLINE, ONLINE = Presence.AWAY, Presence.OFFLINE, Presence.ONLINE

#: Gives somebody a past, and a session that comes behind it.
Past = Callable[[Connect, Login, Account], Peer]

_TIMES = 3


def _still_in(peer: Peer, *earlier: Reply) -> Peer:
    """The peer, whose session has lasted, and who is to receive what came earlier.

    Raises:
        NotApplicable: it has not.
    """
    came = peer.until_fence() if peer.logged_in else []
    if not peer.logged_in or has_ended(came):
        raise NotApplicable("on this target no session has such a past")
    peer.put_back([*earlier, *picked(came, IncomingMessage)])
    return peer


def _arrived(login: Login, account: Account) -> tuple[Peer, list[Reply]]:
    """Somebody who is logged in, and the messages that came with it. Open point queued-delivery."""
    peer = login(account)
    return peer, picked(peer.until_fence(), IncomingMessage)


def _failed_proof(connect: Connect, login: Login, account: Account) -> Peer:
    peer = connect(account)
    fail_login(peer)
    peer.ask_and_prove()
    return _still_in(peer)


def _other_user(connect: Connect, login: Login, account: Account) -> Peer:
    return _still_in(log_in_as(login(who="first"), account))


def _challenge(connect: Connect, login: Login, account: Account) -> Peer:
    peer, waiting = _arrived(login, account)
    peer.ask()
    return _still_in(peer, *waiting)


def _refusals(connect: Connect, login: Login, account: Account) -> Peer:
    peer, waiting = _arrived(login, account)
    for _ in range(_TIMES):
        peer.send_message(name_of_nobody(peer.name), b"for nobody")
    peer.request(RegisterUser(peer.name, peer.account.public_key))
    peer.ask(connect().name)
    peer.request(LoginUser(name_of_nobody(peer.name), NOT_A_SIGNATURE))
    return _still_in(peer, *waiting)


def _failed_as_another(connect: Connect, login: Login, account: Account) -> Peer:
    other = must_register(connect(who="other"))
    peer, waiting = _arrived(login, account)
    peer.ask(other.name)
    peer.request(LoginUser(other.name, NOT_A_SIGNATURE))
    return _still_in(peer, *waiting)


def _mistakes(connect: Connect, login: Login, account: Account) -> Peer:
    peer, waiting = _arrived(login, account)
    for _ in range(_TIMES):
        peer.send_raw(MessageType.GET_PUBLIC_KEY, b"\x09bob")
        peer.receive()
    return _still_in(peer, *waiting)


def _shown_as_offline(connect: Connect, login: Login, account: Account) -> Peer:
    """Somebody who was sent a message while they were shown as offline, and has it. Open point invisible."""
    peer, friend = login(account), login(who="friend")
    set_statuses(peer, OFFLINE)
    friend.send_message(peer.name, b"psst")
    set_statuses(peer, ONLINE)
    poll(peer)
    return _still_in(peer)


def _busy(connect: Connect, login: Login, account: Account) -> Peer:
    peer, waiting = _arrived(login, account)
    peer.request(ListUsers())
    set_statuses(peer, AWAY, ONLINE)
    deliver(peer, login(who="friend"), b"hello")
    return _still_in(peer, *waiting)


def _second_proof(connect: Connect, login: Login, account: Account) -> Peer:
    return _still_in(log_in_as(login(account), account))


def _polls(connect: Connect, login: Login, account: Account) -> Peer:
    peer = login(account)
    for _ in range(_TIMES):
        poll(peer)
    return _still_in(peer)


def _logouts(connect: Connect, login: Login, account: Account) -> Peer:
    for _ in range(_TIMES):
        peer = login(account)
        peer.send(Logout())
        peer.until_end()
    return _still_in(login(account))


def _takeover(connect: Connect, login: Login, account: Account) -> Peer:
    first = login(account)
    peer = second_session(first, connect(account))
    first.close()
    return _still_in(peer)


#: Pasts of one session, in which nothing was asked for that may have waited.
UNASKED: dict[str, Past] = {
    "failed-proof": _failed_proof,
    "other-user": _other_user,
    "challenge": _challenge,
    "refusals": _refusals,
    "other-requests": _busy,
    "failed-as-another": _failed_as_another,
    "mistakes": _mistakes,
}

PASTS: dict[str, Past] = {
    **UNASKED,
    "second-proof": _second_proof,
    "polls": _polls,
    "logouts": _logouts,
    "takeover": _takeover,
    "shown-as-offline": _shown_as_offline,
}

with_each_past = pytest.mark.parametrize("past", PASTS.values(), ids=PASTS)


@pytest.fixture
def another(connect: Connect) -> Account:
    """A second user who is absent."""
    peer = must_register(connect(who="another"))
    peer.close()
    return peer.account


def _in_sight(watcher: Peer, user: Peer) -> Peer:
    """The user, of whom the watcher has been told nothing yet that still counts."""
    watcher.until_fence()
    watcher.updates.clear()
    return user


@clause("STATUS-TELL")
@with_each_past
def test_is_told_after(telling: None, alice: Peer, connect: Connect, login: Login, absent: Account, past: Past) -> None:
    """A logged-in user is told of changes, whatever is behind their session"""
    user = past(connect, login, absent)
    alice.send(SetStatus(AWAY))

    assert user.await_update(alice.name, AWAY) == StatusUpdate(alice.name, AWAY)


@clause("STATUS-LOGIN")
@with_each_past
def test_login_after(telling: None, alice: Peer, connect: Connect, login: Login, absent: Account, past: Past) -> None:
    """A user who has logged in is told as online, whatever is behind their session"""
    user = past(connect, login, absent)

    assert alice.await_update(user.name, ONLINE) == StatusUpdate(user.name, ONLINE)


@clause("STATUS-TELL")
@with_each_past
def test_change_after(telling: None, alice: Peer, connect: Connect, login: Login, absent: Account, past: Past) -> None:
    """A change of a user's status is told, whatever is behind their session"""
    user = _in_sight(alice, past(connect, login, absent))
    user.send(SetStatus(AWAY))

    assert alice.await_update(user.name, AWAY) == StatusUpdate(user.name, AWAY)


@clause("STATUS-LOGOUT")
@with_each_past
def test_logout_after(telling: None, alice: Peer, connect: Connect, login: Login, absent: Account, past: Past) -> None:
    """The LOGOUT of a user is told, whatever is behind their session"""
    user = _in_sight(alice, past(connect, login, absent))
    user.send(Logout())

    assert alice.await_update(user.name, OFFLINE) == StatusUpdate(user.name, OFFLINE)


@clause("STATUS-LOST")
@with_each_past
def test_close_after(telling: None, alice: Peer, connect: Connect, login: Login, absent: Account, past: Past) -> None:
    """That a user has gone without LOGOUT is told, whatever is behind their session"""
    user = _in_sight(alice, past(connect, login, absent))
    user.close()

    assert alice.await_update(user.name, OFFLINE) == StatusUpdate(user.name, OFFLINE)


@clause("LIST-STATUS")
@with_each_past
def test_after(listing: None, alice: Peer, connect: Connect, login: Login, absent: Account, past: Past) -> None:
    """A user who is there is listed as online, whatever is behind their session"""
    user = past(connect, login, absent)

    assert listed(alice, user.name) == [ONLINE]


@clause("SEND-PUSH")
@with_each_past
def test_reached_after(sending: None, alice: Peer, connect: Connect, login: Login, absent: Account, past: Past) -> None:
    """A message to a logged-in user arrives, whatever is behind their session"""
    user = past(connect, login, absent)

    assert bodies([deliver(alice, user, b"hello")]) == [b"hello"]


@clause("SEND-SENDER")
@with_each_past
def test_name_after(sending: None, alice: Peer, connect: Connect, login: Login, absent: Account, past: Past) -> None:
    """A user sends under their own name, whatever is behind their session"""
    user = past(connect, login, absent)

    assert deliver(user, alice, b"hello") == IncomingMessage(ANYTHING, user.name, ANYTHING, b"hello")


@clause("SEND-ONCE")
@with_each_past
def test_once_after(sending: None, alice: Peer, connect: Connect, login: Login, absent: Account, past: Past) -> None:
    """A message that was pushed is not brought again by GET_MESSAGES, whatever is behind the recipient's session"""
    user = past(connect, login, absent)
    deliver(alice, user, b"once")

    assert poll(user) == []


@clause("SEND-ONCE")
@with_each_past
def test_once_from_one_after(
    sending: None, alice: Peer, connect: Connect, login: Login, absent: Account, past: Past
) -> None:
    """A message that was pushed is not brought again by GET_MESSAGES, whatever is behind the sender's session"""
    deliver(past(connect, login, absent), alice, b"once")

    assert poll(alice) == []


@clause("SEND-ID")
@with_each_past
def test_id_to_one_after(
    sending: None, alice: Peer, connect: Connect, login: Login, absent: Account, past: Past
) -> None:
    """A message carries the id of its acknowledgement, whatever is behind its recipient's session"""
    user = past(connect, login, absent)
    reply = alice.send_message(user.name, b"hello")

    assert ids([user.receive()]) == ids([reply])


@clause("SEND-ID")
@with_each_past
def test_id_from_one_after(
    sending: None, alice: Peer, connect: Connect, login: Login, absent: Account, past: Past
) -> None:
    """A message carries the id of its acknowledgement, whatever is behind its sender's session"""
    reply = past(connect, login, absent).send_message(alice.name, b"hello")

    assert ids([alice.receive()]) == ids([reply])


@clause("QUEUE-DELIVER")
@with_each_past
def test_queued_by_one_after(
    queueing: None, connect: Connect, login: Login, absent: Account, another: Account, past: Past
) -> None:
    """What a user sends to an absent one waits with its id, sender, time and body, whatever is behind the sender's session"""
    user = past(connect, login, absent)
    (number,) = ids([user.send_message(another.name, b"later")])
    now = near(time.time(), CLOCK_TOLERANCE_S)

    assert poll(login(another)) == [IncomingMessage(number, user.name, now, b"later")]  # type: ignore[arg-type]


@clause("QUEUE-DELIVER")
@pytest.mark.parametrize("past", UNASKED.values(), ids=UNASKED)
def test_what_waits_after(
    queueing: None, alice: Peer, connect: Connect, login: Login, absent: Account, past: Past
) -> None:
    """What was queued for a user comes when they ask for it, whatever they did before in their session"""
    alice.send_message(absent.name, b"it waits")

    assert bodies(poll(past(connect, login, absent))) == [b"it waits"]


@clause("QUEUE-DELIVER")
@with_each_past
def test_next_session_after(
    queueing: None,
    alice: Peer,
    connect: Connect,
    login: Login,
    absent: Account,
    await_offline: AwaitOffline,
    past: Past,
) -> None:
    """What was queued after a user had left comes whole in their next session, whatever is behind the last one"""
    _in_sight(alice, past(connect, login, absent)).send(Logout())
    await_offline(alice, absent.name)
    bodies_sent = [b"later", b"and later", b"and last"]
    numbers = ids(send_all(alice, absent.name, bodies_sent))
    now = near(time.time(), CLOCK_TOLERANCE_S)

    assert poll(login(absent)) == [
        IncomingMessage(number, alice.name, now, body)  # type: ignore[arg-type]
        for number, body in zip(numbers, bodies_sent, strict=False)
    ]


@clause("FRAME-UNASKED")
@with_each_past
def test_one_update_after(
    telling: None, alice: Peer, connect: Connect, login: Login, absent: Account, past: Past
) -> None:
    """A change of a user's status is told once, whatever is behind their session"""
    user = _in_sight(alice, past(connect, login, absent))
    user.send(SetStatus(AWAY))
    user.until_fence()

    assert times_told(alice, user.name, AWAY) == 1
