"""SEND: messages to users who are there."""

from __future__ import annotations

import time

from cchatspec.conformance.fixtures import Attempt, Connect, Login
from cchatspec.conformance.harness.expect import ANYTHING, acknowledged, error, near, one_of, registered
from cchatspec.conformance.harness.outcomes import NotApplicable, Reply
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import (
    CLOCK_TOLERANCE_S,
    bodies,
    deliver,
    ids,
    messages,
    of_type,
    picked,
    poll,
    send_all,
    starts,
    strictly,
    up_to_an_ending,
)
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause
from cchatspec.spec import (
    AckStatus,
    ErrorCode,
    GetPublicKey,
    IncomingMessage,
    Logout,
    MessageAck,
    RegisterUser,
    SendMessage,
)

ALL_BYTES = bytes(range(256))

#: Sizes of messages of which a short one may overtake a large one, where they take different ways.
UNEVEN = (20_000, 1, 20_000, 2)


def pattern(size: int) -> bytes:
    """A body of this size in which every byte depends on its place."""
    return b"".join(ALL_BYTES[page % 256 :] + ALL_BYTES[: page % 256] for page in range(size // 256 + 1))[:size]


def acknowledgements(sender: Peer, recipient: Peer) -> list[Reply]:
    """What acknowledges one message, among the messages that others send meanwhile."""
    sender.send(SendMessage(recipient.name, b"hello"))
    return picked(sender.until_fence(), MessageAck)


# SEND-ACK, SEND-PUSH


@clause("SEND-ACK")
def test_delivered(attempt: Attempt) -> None:
    """A message to a user who is there is acknowledged as delivered"""
    found = attempt("SEND-ACK")

    assert found.came == found.expected


@clause("SEND-ACK")
def test_one_for_each(sending: None, alice: Peer, bob: Peer) -> None:
    """Eight messages in one segment get eight acknowledgements"""
    came = send_all(alice, bob.name, [b"%d" % number for number in range(8)])

    assert came == [acknowledged(AckStatus.DELIVERED)] * 8


@clause("SEND-ACK")
def test_no_second_one(sending: None, alice: Peer, bob: Peer) -> None:
    """One message gets one acknowledgement"""
    strictly(alice).send(SendMessage(bob.name, b"hello"))

    assert alice.until_fence() == [acknowledged(AckStatus.DELIVERED)]


@clause("SEND-PUSH")
def test_pushed(attempt: Attempt) -> None:
    """A message reaches a user who is there without being asked for"""
    found = attempt("SEND-PUSH")

    assert found.came == found.expected


@clause("SEND-PUSH")
def test_both_ways(sending: None, alice: Peer, bob: Peer) -> None:
    """Two users write to each other"""
    alice.send_message(bob.name, b"ping")
    bob.receive()
    bob.send_message(alice.name, b"pong")

    assert alice.receive() == IncomingMessage(ANYTHING, ANYTHING, ANYTHING, b"pong")


@clause("SEND-PUSH")
def test_among_three(sending: None, alice: Peer, bob: Peer, carol: Peer) -> None:
    """A user gets the messages of two others"""
    alice.send_message(carol.name, b"from alice")
    bob.send_message(carol.name, b"from bob")

    assert bodies([carol.receive(), carol.receive()]) == [b"from alice", b"from bob"]


# SEND-ID, SEND-UNIQUE


@clause("SEND-ID")
def test_same_id(sending: None, alice: Peer, bob: Peer) -> None:
    """Acknowledgement and message carry the same id"""
    reply = alice.send_message(bob.name, b"hello")

    assert ids([bob.receive()]) == ids([reply])


@clause("SEND-ID")
def test_same_ids_of_many(sending: None, alice: Peer, bob: Peer) -> None:
    """The ids of eight messages in one segment are those of their acknowledgements, in order"""
    replies = send_all(alice, bob.name, [b"%d" % number for number in range(8)])

    assert ids(up_to_an_ending(bob, len(replies))) == ids(replies)


@clause("SEND-UNIQUE")
def test_one_sender(sending: None, alice: Peer, bob: Peer) -> None:
    """Eight messages of one sender have eight ids"""
    replies = send_all(alice, bob.name, [b"again"] * 8)

    assert len(set(ids(replies))) == 8


@clause("SEND-UNIQUE")
def test_several_senders(sending: None, alice: Peer, bob: Peer, carol: Peer) -> None:
    """Messages of three senders to three recipients have ids of their own"""
    pairs = [(alice, bob), (bob, alice), (carol, bob), (alice, carol), (bob, carol), (carol, alice)]
    replies = [reply for sender, recipient in pairs for reply in acknowledgements(sender, recipient)]

    assert len(set(ids(replies))) == 6


@clause("SEND-UNIQUE")
def test_delivered_and_queued(sending: None, queueing: None, alice: Peer, bob: Peer, absent: Account) -> None:
    """A delivered and a queued message have ids of their own"""
    replies = [alice.send_message(bob.name, b"now"), alice.send_message(absent.name, b"later")]

    assert len(set(ids(replies))) == 2


@clause("SEND-UNIQUE")
def test_queued_and_delivered(sending: None, queueing: None, alice: Peer, bob: Peer, absent: Account) -> None:
    """A queued message and a delivered one after it have ids of their own"""
    replies = [alice.send_message(absent.name, b"later"), alice.send_message(bob.name, b"now")]

    assert len(set(ids(replies))) == 2


@clause("SEND-UNIQUE")
def test_across_sessions(sending: None, alice: Peer, bob: Peer, connect: Connect) -> None:
    """A message that is sent after a new login does not get an id that was used before"""
    before = alice.send_message(bob.name, b"before")
    alice.drop()
    again = connect(alice.account)
    again.login()

    assert len(set(ids([before, again.send_message(bob.name, b"after")]))) == 2


@clause("SEND-UNIQUE")
def test_hundreds(queueing: None, absent: Account, login: Login) -> None:
    """Of three hundred messages of six senders, no two that are queued have the same id"""
    replies = [reply for _ in range(6) for reply in send_all(login(), absent.name, [b"again"] * 50)]
    came = ids([reply for reply in replies if reply == acknowledged(AckStatus.QUEUED)])

    assert len(set(came)) == len(came)


# SEND-SENDER, SEND-TIME


def with_capitals(connect: Connect, account: Account) -> Peer:
    """A logged-in user whose name has letters of both cases.

    Raises:
        NotApplicable: the target folds case, and may show such a name in either.
    """
    peer = connect(Account(account.name[:12].upper() + b"_lower"))
    peer.register()
    if connect(Account(peer.name.lower())).register() != registered():
        raise NotApplicable("the target folds the case of names")
    peer.login()
    return peer


@clause("SEND-SENDER")
def test_name_of_the_session(target: Target, alice: Peer, bob: Peer) -> None:
    """The sender is the user who is logged in"""
    target.require("SEND-ACK")
    reply = of_type(deliver(alice, bob, b"hello"), IncomingMessage, "SEND-PUSH")

    assert reply == IncomingMessage(ANYTHING, alice.name, ANYTHING, ANYTHING)


@clause("SEND-SENDER")
def test_each_their_own(sending: None, alice: Peer, bob: Peer, carol: Peer) -> None:
    """Messages of two senders carry their own names"""
    alice.send_message(carol.name, b"1")
    bob.send_message(carol.name, b"2")
    came = [carol.receive(), carol.receive()]

    assert came == [
        IncomingMessage(ANYTHING, alice.name, ANYTHING, b"1"),
        IncomingMessage(ANYTHING, bob.name, ANYTHING, b"2"),
    ]


@clause("SEND-SENDER")
def test_upper_case(sending: None, bob: Peer, connect: Connect, new_account: Account) -> None:
    """The name of a sender with capital letters comes as it was registered"""
    sender = with_capitals(connect, new_account)

    assert deliver(sender, bob, b"hello") == IncomingMessage(ANYTHING, sender.name, ANYTHING, ANYTHING)


@clause("SEND-SENDER")
def test_after_registering_another(sending: None, alice: Peer, bob: Peer, new_account: Account) -> None:
    """A user who registers another name on their session goes on sending under their own"""
    alice.request(RegisterUser(new_account.name, new_account.public_key))

    assert deliver(alice, bob, b"hello") == IncomingMessage(ANYTHING, alice.name, ANYTHING, ANYTHING)


@clause("SEND-SENDER")
def test_after_asking_as_another(sending: None, alice: Peer, bob: Peer, absent: Account) -> None:
    """A user who asks for a challenge as another on their session goes on sending under their own name"""
    alice.ask(absent.name)

    assert deliver(alice, bob, b"hello") == IncomingMessage(ANYTHING, alice.name, ANYTHING, ANYTHING)


@clause("SEND-TIME")
def test_now(sending: None, alice: Peer, bob: Peer) -> None:
    """The timestamp is the present in Unix seconds"""
    came = deliver(alice, bob, b"hello")

    assert came == IncomingMessage(ANYTHING, ANYTHING, near(time.time(), CLOCK_TOLERANCE_S), ANYTHING)


# SEND-ORDER, SEND-ONCE, SEND-PRIVATE


@clause("SEND-ORDER")
def test_in_one_segment(sending: None, alice: Peer, bob: Peer) -> None:
    """Twenty messages in one segment arrive in order"""
    sent = [b"%d" % number for number in range(20)]
    alice.send(*(SendMessage(bob.name, body) for body in sent))

    assert bodies(up_to_an_ending(bob, len(sent))) == sent


@clause("SEND-ORDER")
def test_long_before_short(sending: None, alice: Peer, bob: Peer) -> None:
    """A short message does not overtake a longer one"""
    sizes = (1000, 2, 900, 3, 800, 4)
    deliver(alice, bob, bytes(max(sizes) + 2))
    alice.send(*(SendMessage(bob.name, b"%02d" % number + bytes(size)) for number, size in enumerate(sizes)))

    assert starts(up_to_an_ending(bob, len(sizes))) == [b"%02d" % number for number in range(len(sizes))]


@clause("SEND-ORDER")
def test_large_before_short(sending: None, alice: Peer, bob: Peer) -> None:
    """Short messages do not overtake a large one, if the target takes that"""
    deliver(alice, bob, bytes(max(UNEVEN) + 2))
    alice.send(*(SendMessage(bob.name, b"%02d" % number + bytes(size)) for number, size in enumerate(UNEVEN)))

    assert starts(up_to_an_ending(bob, len(UNEVEN))) == [b"%02d" % number for number in range(len(UNEVEN))]


@clause("SEND-ONCE")
def test_pushed_once(sending: None, alice: Peer, bob: Peer) -> None:
    """A message that was pushed does not come again"""
    alice.send_message(bob.name, b"once")

    assert bodies(messages(strictly(bob))) == [b"once"]


@clause("SEND-ONCE")
def test_pushed_and_not_queued(sending: None, alice: Peer, bob: Peer) -> None:
    """A message that was pushed is not brought again by GET_MESSAGES"""
    deliver(alice, bob, b"once")

    assert poll(bob) == []


@clause("SEND-ONCE")
def test_to_oneself_and_not_queued(sending: None, alice: Peer) -> None:
    """A message to oneself that was pushed is not brought again by GET_MESSAGES"""
    alice.send(SendMessage(alice.name, b"note"))
    messages(alice, 2)

    assert poll(alice) == []


@clause("SEND-ONCE")
def test_large_and_not_queued(sending: None, alice: Peer, bob: Peer) -> None:
    """The largest message, once it was pushed, is not brought again by GET_MESSAGES"""
    deliver(alice, bob, pattern(65_535))

    assert poll(bob) == []


@clause("SEND-ONCE")
def test_not_again_at_the_next_login(sending: None, alice: Peer, bob: Peer, connect: Connect) -> None:
    """A message that was pushed does not come again after the next login"""
    deliver(alice, bob, b"once")
    bob.drop()
    again = connect(bob.account)
    again.login()

    assert poll(again) == []


@clause("SEND-PRIVATE")
def test_not_to_others(sending: None, alice: Peer, bob: Peer, carol: Peer) -> None:
    """A message to one user does not reach another"""
    alice.send_message(bob.name, b"for bob")
    alice.send_message(carol.name, b"for carol")

    assert bodies([carol.receive()]) == [b"for carol"]


@clause("SEND-PRIVATE")
def test_not_back_to_the_sender(sending: None, alice: Peer, bob: Peer) -> None:
    """A message does not come back to its sender"""
    alice.send_message(bob.name, b"for bob")

    assert picked(alice.until_fence(), IncomingMessage) == []


@clause("SEND-PUSH")
def test_while_another_user_asks_in_the_name(sending: None, alice: Peer, bob: Peer, carol: Peer) -> None:
    """A message reaches its recipient while another user has asked for a challenge in their name"""
    carol.ask(bob.name)

    assert bodies([deliver(alice, bob, b"hello")]) == [b"hello"]


@clause("SEND-PRIVATE")
def test_not_before_the_login(sending: None, outsider: Peer, alice: Peer) -> None:
    """A message to a user does not reach the connection that has registered them, and is not logged in"""
    alice.send_message(outsider.name, b"for who logs in")

    assert picked(outsider.until_fence(), IncomingMessage) == []


@clause("SEND-PRIVATE")
def test_not_to_a_visitor(sending: None, outsider: Peer, alice: Peer, bob: Peer) -> None:
    """A message does not reach a connection that is not logged in"""
    deliver(alice, bob, b"for bob")

    assert outsider.until_fence() == []


def named(connect: Connect, *names: bytes) -> list[Peer]:
    """Logged-in users with these names."""
    peers = [connect(Account(name)) for name in names]
    for peer in peers:
        peer.register()
        peer.leave_registration()
        peer.login()
    return peers


def named_alike(connect: Connect, account: Account) -> list[Peer]:
    """Two logged-in users, the name of the second of whom is that of the first and one letter more."""
    return named(connect, account.name[:20], account.name[:20] + b"x")


@clause("SEND-PRIVATE")
def test_not_to_a_name_that_is_alike(sending: None, alice: Peer, connect: Connect, new_account: Account) -> None:
    """A message does not reach a user whose name is the recipient's and one letter more"""
    shorter, longer = named_alike(connect, new_account)
    deliver(alice, shorter, b"for the shorter")

    assert picked(longer.until_fence(), IncomingMessage) == []


@clause("SEND-PRIVATE")
def test_not_to_a_name_that_is_alike_for_the_absent(
    sending: None, alice: Peer, connect: Connect, new_account: Account
) -> None:
    """A message to an absent user does not reach one whose name is the recipient's and one letter more"""
    shorter, longer = named_alike(connect, new_account)
    shorter.send(Logout())
    shorter.until_end()
    alice.send_message(shorter.name, b"for the shorter")

    assert picked(longer.until_fence(), IncomingMessage) == []


# SEND-NOBODY, SEND-SELF


@clause("SEND-NOBODY")
def test_unregistered(alice: Peer, new_account: Account) -> None:
    """A message to a name that nobody registered is refused"""
    reply = alice.send_message(new_account.name, b"anybody?")

    assert reply == one_of(error(ErrorCode.USER_NOT_FOUND), acknowledged(AckStatus.FAILED))


@clause("SEND-NOBODY")
def test_prefix(alice: Peer, bob: Peer) -> None:
    """A message to the beginning of a user's name is refused"""
    reply = alice.send_message(bob.name[:-1], b"anybody?")

    assert reply == one_of(error(ErrorCode.USER_NOT_FOUND), acknowledged(AckStatus.FAILED))


@clause("SEND-NOBODY")
def test_empty_name(alice: Peer) -> None:
    """A message to the empty name is refused"""
    reply = alice.send_message(b"", b"anybody?")

    assert reply == one_of(error(ANYTHING), acknowledged(AckStatus.FAILED))


@clause("SEND-NOBODY")
def test_thrice(alice: Peer, bob: Peer, carol: Peer, new_account: Account) -> None:
    """Messages of three users to the same nobody are all refused"""
    replies = [peer.send_message(new_account.name, b"anybody?") for peer in (alice, bob, carol)]

    assert replies == [one_of(error(ANYTHING), acknowledged(AckStatus.FAILED))] * 3


@clause("SEND-NOBODY")
def test_whose_key_was_missing(alice: Peer, new_account: Account) -> None:
    """Messages to a name whose key was asked for and not found are refused, the first and the second"""
    alice.request(GetPublicKey(new_account.name))
    replies = [alice.send_message(new_account.name, b"anybody?") for _ in range(2)]

    assert replies == [one_of(error(ANYTHING), acknowledged(AckStatus.FAILED))] * 2


@clause("SEND-NOBODY", level="SHOULD")
def test_session_goes_on(alice: Peer, new_account: Account) -> None:
    """After a message to nobody, the session goes on"""
    alice.send_message(new_account.name, b"anybody?")

    assert alice.until_fence() == []


@clause("SEND-TIME")
def test_to_oneself(sending: None, alice: Peer) -> None:
    """A message to oneself carries the time too"""
    alice.send(SendMessage(alice.name, b"note"))

    assert messages(alice, 2) == [IncomingMessage(ANYTHING, alice.name, near(time.time(), CLOCK_TOLERANCE_S), b"note")]


@clause("SEND-SELF")
def test_delivered_to_oneself(sending: None, alice: Peer) -> None:
    """A message to oneself is delivered"""
    alice.send(SendMessage(alice.name, b"note"))

    assert bodies(messages(alice, 2)) == [b"note"]


@clause("SEND-SELF")
def test_acknowledged_to_oneself(sending: None, alice: Peer) -> None:
    """A message to oneself is acknowledged as delivered"""
    alice.send(SendMessage(alice.name, b"note"))

    assert picked(alice.until_fence(), MessageAck) == [acknowledged(AckStatus.DELIVERED)]
