"""QUEUE: messages for absent users."""

from __future__ import annotations

import time

import pytest

from cchatspec.conformance.cases.send import ALL_BYTES, pattern
from cchatspec.conformance.fixtures import Attempt, AwaitOffline, Connect, Login
from cchatspec.conformance.harness.expect import ANYTHING, acknowledged, error, near, one_of
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import (
    CLOCK_TOLERANCE_S,
    bodies,
    deliver_right,
    ids,
    picked,
    poll,
    poll_to_the_end,
    send_all,
    starts,
)
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause
from cchatspec.spec import AckStatus, Error, GetMessages, IncomingMessage, Logout

QUEUED = acknowledged(AckStatus.QUEUED)
FULL = (acknowledged(AckStatus.FAILED), Error(ANYTHING, ANYTHING))
MESSAGE = IncomingMessage(ANYTHING, ANYTHING, ANYTHING, ANYTHING)


# QUEUE-ACK


@clause("QUEUE-ACK")
def test_never_there(attempt: Attempt) -> None:
    """A message to a user who never logged in is acknowledged as queued"""
    found = attempt("QUEUE-ACK")

    assert found.came == found.expected


@clause("QUEUE-ACK")
def test_after_logout(queueing: None, alice: Peer, login: Login, await_offline: AwaitOffline) -> None:
    """A message to a user who has logged out is acknowledged as queued"""
    gone = login(who="gone")
    gone.send(Logout())
    gone.until_end()
    await_offline(alice, gone.name)

    assert alice.send_message(gone.name, b"later") == QUEUED


@clause("QUEUE-ACK")
def test_after_a_lost_connection(queueing: None, alice: Peer, login: Login, await_offline: AwaitOffline) -> None:
    """A message to a user whose connection was closed is acknowledged as queued"""
    gone = login(who="gone")
    gone.drop()
    await_offline(alice, gone.name)

    assert alice.send_message(gone.name, b"later") == QUEUED


@clause("QUEUE-ACK")
def test_one_for_each(queueing: None, alice: Peer, absent: Account) -> None:
    """Each of eight messages in one segment is acknowledged as queued, unless the queue is full before"""
    assert send_all(alice, absent.name, [b"later"] * 8) == [QUEUED, *[one_of(QUEUED, *FULL)] * 7]


# QUEUE-DELIVER


@clause("QUEUE-DELIVER")
def test_one(attempt: Attempt) -> None:
    """A queued message is delivered after login and GET_MESSAGES"""
    found = attempt("QUEUE-DELIVER")

    assert found.came == found.expected


@clause("QUEUE-DELIVER")
def test_in_order(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """Of twelve messages, those acknowledged as queued are delivered in order"""
    replies = send_all(alice, absent.name, [b"%d" % number for number in range(12)])
    queued = [b"%d" % number for number, reply in enumerate(replies) if reply == QUEUED]

    assert bodies(poll(login(absent))) == queued


@clause("QUEUE-DELIVER")
def test_long_between_short(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """Of messages of many sizes, those acknowledged as queued are delivered in order"""
    sent = [b"%02d" % number + bytes(size) for number, size in enumerate((3, 1500, 1, 900, 2, 2500, 4, 600))]
    replies = send_all(alice, absent.name, sent)
    queued = [body for body, reply in zip(sent, replies, strict=False) if reply == QUEUED]

    assert starts(poll(login(absent))) == [body[:2] for body in queued]


@clause("QUEUE-DELIVER")
def test_one_after_the_other(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """Messages that are sent one after the other's acknowledgement are delivered with their own bodies"""
    replies = [(body, alice.send_message(absent.name, body)) for body in (b"one", b"two", b"three")]

    assert bodies(poll(login(absent))) == [body for body, reply in replies if reply == QUEUED]


@clause("QUEUE-DELIVER")
def test_whole_of_several(
    queueing: None, absent: Account, login: Login, connect: Connect, alice: Peer, bob: Peer, carol: Peer
) -> None:
    """Messages of four senders come in order, each with its id, sender, time and body"""
    senders = [alice, bob, carol, login(who="dave")] * 2
    sent = [(sender, b"%d" % number) for number, sender in enumerate(senders)]
    replies = [(sender, body, sender.send_message(absent.name, body)) for sender, body in sent]
    now = near(time.time(), CLOCK_TOLERANCE_S)

    assert poll(login(absent)) == [
        IncomingMessage(ids([reply])[0], sender.name, now, body)  # type: ignore[arg-type]
        for sender, body, reply in replies
        if reply == QUEUED
    ]


@clause("QUEUE-DELIVER")
def test_large_among_small(
    sending: None, queueing: None, alice: Peer, bob: Peer, absent: Account, login: Login
) -> None:
    """Large messages, if the target takes them, come in order with the small ones before and behind them"""
    sent = [b"1", pattern(5000), b"3", pattern(5001), b"5"]
    deliver_right(alice, bob, sent[3])
    queued = [body for body, reply in zip(sent, send_all(alice, absent.name, sent), strict=False) if reply == QUEUED]

    assert bodies(poll(login(absent))) == queued


@clause("QUEUE-HONEST")
def test_empty_body(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """An empty body that is acknowledged as queued is delivered"""
    queued = [reply for reply in send_all(alice, absent.name, [b""]) if reply == QUEUED]

    assert ids(poll(login(absent))) == ids(queued)


@clause("QUEUE-DELIVER")
def test_same_ids(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """Queued messages are delivered with the ids of their acknowledgements"""
    replies = send_all(alice, absent.name, [b"1", b"2", b"3"])

    assert ids(poll(login(absent))) == ids([reply for reply in replies if reply == QUEUED])


@clause("QUEUE-DELIVER")
@pytest.mark.parametrize("order", [1, -1], ids=["in-turn", "the-other-way-round"])
def test_sender(
    sending: None, queueing: None, alice: Peer, bob: Peer, absent: Account, login: Login, order: int
) -> None:
    """Queued messages of two senders come in order, and carry their own names"""
    deliver_right(alice, bob, b"pushed")
    replies = [(sender.name, sender.send_message(absent.name, b"later")) for sender in (alice, bob)[::order]]

    assert poll(login(absent)) == [
        IncomingMessage(ANYTHING, name, ANYTHING, b"later") for name, reply in replies if reply == QUEUED
    ]


@clause("QUEUE-DELIVER")
def test_time(sending: None, queueing: None, alice: Peer, bob: Peer, absent: Account, login: Login) -> None:
    """A queued message carries the time when it was sent"""
    deliver_right(alice, bob, b"pushed")
    sent = time.time()
    alice.send_message(absent.name, b"later")

    assert poll(login(absent)) == [IncomingMessage(ANYTHING, ANYTHING, near(sent, CLOCK_TOLERANCE_S), ANYTHING)]


@clause("QUEUE-DELIVER")
@pytest.mark.parametrize(
    "body",
    [ALL_BYTES, b"\x00", b"\x00\x00x\x00", pattern(1000), b"'; --", b"%s%n"],
    ids=["all-bytes", "nul", "nuls", "1000", "quote", "format"],
)
def test_body(
    sending: None, queueing: None, alice: Peer, bob: Peer, absent: Account, login: Login, body: bytes
) -> None:
    """The body of a queued message arrives as it was sent"""
    deliver_right(alice, bob, body)
    alice.send_message(absent.name, body)

    assert bodies(poll(login(absent))) == [body]


@clause("QUEUE-DELIVER")
def test_after_a_session(
    queueing: None, alice: Peer, login: Login, connect: Connect, await_offline: AwaitOffline
) -> None:
    """What was queued between two sessions of a user is delivered in the second"""
    gone = login(who="gone")
    gone.send(Logout())
    gone.until_end()
    await_offline(alice, gone.name)
    alice.send_message(gone.name, b"between")

    assert bodies(poll(login(gone.account))) == [b"between"]


@clause("QUEUE-DELIVER")
def test_sender_has_gone(sending: None, queueing: None, alice: Peer, bob: Peer, absent: Account, login: Login) -> None:
    """A queued message is delivered, with its sender's name, after its sender has logged out"""
    deliver_right(alice, bob, b"pushed")
    alice.send_message(absent.name, b"farewell")
    alice.send(Logout())
    alice.until_end()

    assert poll(login(absent)) == [IncomingMessage(ANYTHING, alice.name, ANYTHING, b"farewell")]


@clause("QUEUE-DELIVER")
def test_each_their_own(queueing: None, alice: Peer, bob: Peer, absent: Account, login: Login) -> None:
    """What is queued for one user is not delivered to another"""
    alice.send_message(absent.name, b"for the absent")

    assert poll(bob) == []


# QUEUE-ONCE, QUEUE-EMPTY, QUEUE-HONEST


@clause("QUEUE-ONCE")
def test_second_poll(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """A second GET_MESSAGES brings none of three messages again"""
    send_all(alice, absent.name, [b"1", b"2", b"3"])
    back = login(absent)
    poll(back)

    assert poll(back) == []


@clause("QUEUE-ONCE")
def test_next_login(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """After another login, what was delivered does not come again"""
    alice.send_message(absent.name, b"once")
    back = login(absent)
    poll(back)
    back.send(Logout())
    back.until_end()

    assert poll(login(absent)) == []


@clause("QUEUE-EMPTY")
def test_nothing_pending(alice: Peer) -> None:
    """GET_MESSAGES with nothing pending brings no message, and the session goes on"""
    assert poll(alice) == []


@clause("QUEUE-EMPTY")
def test_nothing_pending_thrice(alice: Peer) -> None:
    """Polling three times in a row with nothing pending brings no message"""
    assert [*poll(alice), *poll(alice), *poll(alice)] == []


@clause("QUEUE-HONEST")
def test_forty(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """Of forty messages in one segment, those acknowledged as queued are all delivered"""
    replies = send_all(alice, absent.name, [b"%d" % number for number in range(40)])
    queued = [reply for reply in replies if reply == QUEUED]

    assert ids(poll_to_the_end(login(absent))) == ids(queued)


@clause("QUEUE-HONEST")
def test_hundreds(queueing: None, absent: Account, login: Login) -> None:
    """Of three hundred messages of six senders, those acknowledged as queued are all delivered, in order and once"""
    queued = []
    for number in range(6):
        replies = send_all(login(), absent.name, [b"%d-%d" % (number, index) for index in range(50)])
        queued += [reply for reply in replies if reply == QUEUED]

    assert ids(poll_to_the_end(login(absent))) == ids(queued)


@clause("QUEUE-HONEST")
def test_logout_without_a_poll(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """A queued message is delivered to a user who first logs in and out without asking for it, then or afterwards"""
    alice.send_message(absent.name, b"kept")
    first = login(absent)
    came = picked(first.until_fence(), IncomingMessage)
    first.send(Logout())
    first.until_end()

    assert bodies([*came, *poll(login(absent))]) == [b"kept"]


@clause("FRAME-UNASKED")
def test_nothing_but_the_messages(target: Target, alice: Peer, absent: Account, login: Login) -> None:
    """A login and a GET_MESSAGES bring the queued message and nothing else"""
    target.require("QUEUE-ACK")
    alice.send_message(absent.name, b"later")
    back = login(absent)
    came = back.until_fence()
    back.send(GetMessages())
    came += back.until_fence()

    assert came == one_of([MESSAGE], [MESSAGE, error(ANYTHING)])
