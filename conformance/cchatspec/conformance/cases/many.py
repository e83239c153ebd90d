"""What shows only with many: users who are told, messages that wait, senders at the same moment, and a long list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import islice

import pytest

from cchatspec.conformance.cases.malformed import INVALID_FORMAT
from cchatspec.conformance.cases.presence import set_statuses
from cchatspec.conformance.cases.queue import QUEUED
from cchatspec.conformance.fixtures import AwaitOffline, Connect, Login
from cchatspec.conformance.harness.expect import acknowledged, error, registered
from cchatspec.conformance.harness.outcomes import Ending, NotApplicable, Reply
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import (
    bodies,
    ids,
    is_closed,
    listed,
    of_type,
    poll,
    poll_to_the_end,
    send_all,
    up_to_an_ending,
)
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause
from cchatspec.spec import (
    AckStatus,
    GetPublicKey,
    ListUsers,
    Logout,
    MessageAck,
    Presence,
    PublicKeyResponse,
    RegisterUser,
    SendMessage,
    SetStatus,
    StatusUpdate,
    UserListResponse,
)

WATCHERS, LISTENERS, CHANGERS = 40, 70, 6
SENDERS = 8

#: Users who send so many messages each, which is no more than servers allow one connection in a minute.
AUTHORS, MESSAGES_EACH = 12, 92

#: What each of them says.
LINE = bytes(950)

#: So many users with names of 31 bytes make a list of more than 65,535 bytes.
USERS = 2_050


@pytest.fixture
def newcomers(target: Target, connect: Connect) -> list[bytes]:
    """The names of many users who have registered on one connection.

    Raises:
        NotApplicable: the target takes none.
    """
    accounts = [target.new_account("x" * 31) for _ in range(USERS)]
    registrar = connect(who="registrar")
    registrar.expects_limit = True
    registrar.send(*(RegisterUser(account.name, account.public_key) for account in accounts))
    replies = up_to_an_ending(registrar, len(accounts))
    names = [account.name for account, reply in zip(accounts, replies, strict=False) if reply == registered()]
    if not names:
        raise NotApplicable("the target registers nobody more")
    return names


def wrongly_listed(peer: Peer, names: list[bytes]) -> list[bytes]:
    """Those of these names that are not listed, or listed more than once."""
    reply = of_type(peer.request(ListUsers()), UserListResponse, "LIST-COUNT")
    users = reply.users if isinstance(reply, UserListResponse) else ()
    times = Counter(user.username for user in users)
    return [name for name in names if times[name] != 1]


def ids_of_several(target: Target) -> list[int]:
    """The ids that were acknowledged more than once, on a target that does not acknowledge each message twice."""
    if MessageAck in target.manners.doubled:
        return []
    return [number for number, times in target.ids.items() if times > 1]


@clause("STATUS-TELL")
def test_to_many(telling: None, alice: Peer, login: Login) -> None:
    """A change is told to each of many others"""
    watchers = [login() for _ in range(WATCHERS)]
    alice.send(SetStatus(Presence.AWAY))
    told = StatusUpdate(alice.name, Presence.AWAY)

    assert [watcher.await_update(alice.name, Presence.AWAY) for watcher in watchers] == [told] * WATCHERS


def first_missed(users: list[Peer], status: int) -> list[tuple[bytes, bytes]]:
    """Have users change their status at the same moment, and give back the first who was not told of another, and of whom."""
    for user in users:
        user.until_fence()
        user.updates.clear()
    for user in users:
        user.send(SetStatus(status))
    pairs = ((user, other) for user in users for other in users if user is not other)
    missed = (pair for pair in pairs if not isinstance(pair[0].await_update(pair[1].name, status), StatusUpdate))
    return [(user.name, other.name) for user, other in islice(missed, 1)]


@clause("STATUS-TELL")
def test_of_each_other(telling: None, login: Login) -> None:
    """Users who change their status at the same moment are all told of each other, four times"""
    users = [login() for _ in range(CHANGERS)]
    changes = [Presence.AWAY, Presence.ONLINE] * 2

    assert [missed for status in changes for missed in first_missed(users, status)] == []


def up_to_a_silence(peers: list[Peer]) -> list[Reply]:
    """What comes next to each, up to the first to whom nothing comes."""
    came: list[Reply] = []
    for peer in peers:
        came.append(peer.receive())
        if isinstance(came[-1], Ending):
            break
    return came


@clause("SEND-PUSH")
def test_among_many(sending: None, alice: Peer, login: Login) -> None:
    """Of many users who are logged in, each gets the message that is for them"""
    others = [login() for _ in range(LISTENERS)]
    for number, other in enumerate(others):
        alice.send_message(other.name, b"%d" % number)

    assert bodies(up_to_a_silence(others)) == [b"%d" % number for number in range(LISTENERS)]


#: So often a request is made in one session, which is no more than servers allow in a minute.
OFTEN = 90

DELIVERED = acknowledged(AckStatus.DELIVERED)

#: Sessions of one user, and mistakes in one session.
SESSIONS, MISTAKES = 12, 30

UNKNOWN_TYPE = 0x7F

#: Each size of a body up to this, by senders who send so many each.
SIZES, EACH = 320, 80


def by_size(send: Callable[[Peer, list[bytes]], list[bytes]], login: Login) -> list[bytes]:
    """What `send` gives back of bodies of each size, of which no sender sends more than servers allow in a minute."""
    sizes = [bytes([size % 251]) * size for size in range(1, SIZES + 1)]
    return [body for start in range(0, SIZES, EACH) for body in send(login(who="sender"), sizes[start : start + EACH])]


@clause("SEND-BODY")
def test_of_each_size(sending: None, bob: Peer, login: Login) -> None:
    """Bodies of each size from 1 to 320 bytes that are acknowledged as delivered arrive as they were sent"""

    def lost(sender: Peer, sent: list[bytes]) -> list[bytes]:
        replies = send_all(sender, bob.name, sent)
        delivered = [body for body, reply in zip(sent, replies, strict=False) if reply == DELIVERED]
        came = bodies(up_to_an_ending(bob, len(delivered)))
        return [body for body in delivered if body not in came]

    assert by_size(lost, login) == []


@clause("QUEUE-DELIVER")
def test_of_each_size_from_the_queue(queueing: None, absent: Account, login: Login) -> None:
    """Bodies of each size from 1 to 320 bytes that are acknowledged as queued come from the queue as they were sent"""

    def queued(sender: Peer, sent: list[bytes]) -> list[bytes]:
        replies = send_all(sender, absent.name, sent)
        return [body for body, reply in zip(sent, replies, strict=False) if reply == QUEUED]

    assert by_size(queued, login) == bodies(poll_to_the_end(login(absent)))


@clause("QUEUE-DELIVER")
def test_hundreds_at_one_poll(queueing: None, absent: Account, login: Login) -> None:
    """Of more than four hundred messages, 180 kilobytes in all, those acknowledged as queued come at one poll"""
    queued = queued_by_many(login, absent, 6, [LINE[:400]] * EACH)

    assert ids(poll(login(absent))) == ids(queued)


@clause("SEND-ACK")
def test_each_of_many(sending: None, alice: Peer, bob: Peer) -> None:
    """Each of ninety messages of a session, one after the other, is acknowledged as delivered"""
    replies = [alice.send_message(bob.name, b"%d" % number) for number in range(OFTEN)]

    assert replies == [DELIVERED] * OFTEN


@clause("KEY-FOUND")
def test_each_of_many_times(alice: Peer, bob: Peer) -> None:
    """Each of ninety requests of a session for a key is answered with it"""
    replies = [alice.request(GetPublicKey(bob.name)) for _ in range(OFTEN)]

    assert replies == [PublicKeyResponse(1, bob.account.public_key)] * OFTEN


@clause("LIST-FRESH")
def test_each_of_many_changes(listing: None, alice: Peer, bob: Peer) -> None:
    """Each of forty changes of a user's status is in the list that is asked for then"""
    changes = [Presence.AWAY, Presence.ONLINE] * 20
    found = []
    for status in changes:
        set_statuses(bob, status)
        found += listed(alice, bob.name)

    assert found == changes


@clause("QUEUE-DELIVER")
def test_in_each_of_many_sessions(
    queueing: None, alice: Peer, absent: Account, login: Login, await_offline: AwaitOffline
) -> None:
    """Of messages that are queued between a user's sessions, each comes in the session that follows, for twelve sessions"""
    came = []
    for number in range(SESSIONS):
        alice.send_message(absent.name, b"%d" % number)
        back = login(absent)
        came += bodies(poll(back))
        back.send(Logout())
        back.until_end()
        await_offline(alice, absent.name)
        alice.updates.clear()

    assert came == [b"%d" % number for number in range(SESSIONS)]


def mistaken(peer: Peer, times: int) -> list[Reply]:
    """What frames of an unknown type bring, each with a fence behind it.

    Raises:
        NotApplicable: at some time the target ends the connection, which nothing forbids.
    """
    came: list[Reply] = []
    for _ in range(times):
        peer.send_raw(UNKNOWN_TYPE, b"")
        came += peer.until_fence()
        if is_closed(came):
            raise NotApplicable("the target ends a connection after so many mistakes")
    return came


@clause("FRAME-UNKNOWN")
def test_each_of_many_unknown_types(alice: Peer) -> None:
    """Each of thirty frames of an unknown type, with a request behind each, is refused, unless the connection ends"""
    assert mistaken(alice, MISTAKES) == [error(INVALID_FORMAT)] * MISTAKES


@clause("SEND-UNIQUE")
def test_at_the_same_moment(queueing: None, absent: Account, login: Login) -> None:
    """Of messages that several users send at the same moment, no two that are queued have the same id"""
    senders = [login() for _ in range(SENDERS)]
    for sender in senders:
        sender.send(*[SendMessage(absent.name, b"at once")] * 10)
    came = ids([reply for sender in senders for reply in up_to_an_ending(sender, 10) if reply == QUEUED])

    assert len(set(came)) == len(came)


@clause("SEND-UNIQUE")
def test_never_twice_in_a_run(target: Target, sending: None) -> None:
    """No two messages of this run, up to now, had the same id"""
    assert ids_of_several(target) == []


def queued_by_many(login: Login, absent: Account, senders: int, bodies: list[bytes]) -> list[Reply]:
    """The acknowledgements of what is queued of the messages that so many senders write, one after the other."""
    return [reply for _ in range(senders) for reply in send_all(login(), absent.name, bodies) if reply == QUEUED]


@clause("QUEUE-HONEST")
def test_a_thousand(queueing: None, absent: Account, login: Login) -> None:
    """Of eleven hundred messages of twelve senders, a megabyte in all, those acknowledged as queued are all delivered, once"""
    queued = queued_by_many(login, absent, AUTHORS, [LINE] * MESSAGES_EACH)

    assert sorted(ids(poll_to_the_end(login(absent))), key=str) == sorted(ids(queued), key=str)


@clause("QUEUE-HONEST")
def test_two_hundred_and_fifty_six(queueing: None, absent: Account, login: Login) -> None:
    """Of 256 messages of four senders, those acknowledged as queued are all delivered, once"""
    queued = queued_by_many(login, absent, 4, [b"again"] * 64)

    assert sorted(ids(poll_to_the_end(login(absent))), key=str) == sorted(ids(queued), key=str)


@clause("LIST-ALL")
def test_two_thousand(listing: None, newcomers: list[bytes], login: Login) -> None:
    """Of two thousand users who have just registered, each is in the list once"""
    assert wrongly_listed(login(who="reader"), newcomers) == []
