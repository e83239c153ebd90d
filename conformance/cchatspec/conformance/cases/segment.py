"""FRAME: segmentation, and frames of many at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cchatspec.conformance.cases.send import pattern
from cchatspec.conformance.fixtures import Attempt, Connect
from cchatspec.conformance.harness.expect import (
    ANYTHING,
    acknowledged,
    challenge_given,
    error,
    one_of,
    registered,
)
from cchatspec.conformance.harness.outcomes import NotApplicable, Reply
from cchatspec.conformance.harness.peer import NO_SIGNATURE, Account, Peer
from cchatspec.conformance.harness.steps import burst, deliver, deliver_right, starts, up_to_an_ending
from cchatspec.conformance.marks import clause
from cchatspec.spec import (
    AckStatus,
    ErrorCode,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    LoginUser,
    PublicKeyResponse,
    RegisterUser,
    SendMessage,
    UserListResponse,
    build,
)

# FRAME-SEGMENT


@clause("FRAME-SEGMENT")
def test_two_in_one_segment(attempt: Attempt) -> None:
    """Two requests in one segment get two replies, as each alone does"""
    found = attempt("FRAME-SEGMENT")

    assert found.came == found.expected


@clause("FRAME-SEGMENT")
def test_byte_by_byte(stranger: Peer, bob: Peer) -> None:
    """A request that comes one byte at a time is answered"""
    frame = build(RegisterUser(stranger.name, stranger.account.public_key))
    stranger.send_pieces(frame, [1] * 12, pace=bob.until_fence)

    assert stranger.receive() == registered()


@clause("FRAME-SEGMENT")
@pytest.mark.parametrize("at", [1, 2, 3, 4, 5, 6, 7, -1], ids="{:+d}".format)
def test_split_registration(stranger: Peer, bob: Peer, at: int) -> None:
    """A REGISTER_USER in two segments is answered"""
    frame = build(RegisterUser(stranger.name, stranger.account.public_key))
    stranger.send_pieces(frame, [at % len(frame)], pace=bob.until_fence)

    assert stranger.receive() == registered()


@clause("FRAME-SEGMENT")
@pytest.mark.parametrize("at", [1, 4, 5, 6, 12, -6, -1], ids="{:+d}".format)
def test_split_message(sending: None, alice: Peer, bob: Peer, at: int) -> None:
    """A SEND_MESSAGE in two segments is relayed"""
    frame = build(SendMessage(bob.name, b"in two"))
    alice.send_pieces(frame, [at % len(frame)], pace=bob.until_fence)

    assert bob.receive() == IncomingMessage(ANYTHING, ANYTHING, ANYTHING, b"in two")


@clause("FRAME-SEGMENT")
def test_many_in_one_segment(alice: Peer) -> None:
    """Twelve requests in one segment get twelve replies"""
    alice.send_at_once(*[GetPublicKey(alice.name)] * 12)

    assert up_to_an_ending(alice, 12) == [PublicKeyResponse(1, alice.account.public_key)] * 12


@clause("FRAME-SEGMENT")
def test_many_kilobytes_in_one_write(sending: None, alice: Peer, bob: Peer) -> None:
    """Of thirty-two messages of 900 bytes in one write, each gets its reply, wherever the reads of the target cut them"""
    alice.send_at_once(*[SendMessage(bob.name, pattern(900))] * 32)

    assert up_to_an_ending(alice, 32) == [one_of(acknowledged(ANYTHING), error(ANYTHING))] * 32


@clause("FRAME-SEGMENT")
def test_one_and_a_half(alice: Peer, bob: Peer) -> None:
    """One request and the first half of the next in one segment, then the other half"""
    frame = build(GetPublicKey(alice.name))
    alice.send_pieces(frame * 2, [len(frame) + 3], pace=bob.until_fence)

    assert [alice.receive(), alice.receive()] == [PublicKeyResponse(1, alice.account.public_key)] * 2


@clause("FRAME-SEGMENT")
def test_half_closed(alice: Peer) -> None:
    """A request is answered when the client shuts down its sending side right after it"""
    alice.send(GetPublicKey(alice.name))
    alice.half_close()

    assert alice.receive() == PublicKeyResponse(1, alice.account.public_key)


@clause("FRAME-SEGMENT")
def test_half_closed_after_many(alice: Peer) -> None:
    """All requests that came before the client shut down its sending side are answered"""
    alice.send_at_once(*[GetPublicKey(alice.name)] * 8)
    alice.half_close()

    assert up_to_an_ending(alice, 8) == [PublicKeyResponse(1, alice.account.public_key)] * 8


def every_split(peer: Peer, frame: bytes, pace: Callable[[], object]) -> list[Reply]:
    """The replies to a request that is sent once for each place where it can be split in two."""
    replies = []
    for at in range(1, len(frame)):
        peer.send_pieces(frame, [at], pace)
        replies.append(peer.receive())
    return replies


@clause("FRAME-SEGMENT")
def test_every_split_of_a_key_request(connect: Connect, alice: Peer, bob: Peer, new_account: Account) -> None:
    """GET_PUBLIC_KEY is answered wherever it is split"""
    account = Account(new_account.name[:12])
    connect(account).register()
    replies = every_split(alice, build(GetPublicKey(account.name)), bob.until_fence)

    assert replies == [PublicKeyResponse(1, account.public_key)] * len(replies)


@clause("FRAME-SEGMENT")
def test_every_split_of_a_list_request(listing: None, alice: Peer, bob: Peer) -> None:
    """LIST_USERS is answered wherever it is split"""
    assert every_split(alice, build(ListUsers()), bob.until_fence) == [UserListResponse(ANYTHING)] * 4


@clause("FRAME-SEGMENT")
def test_every_split_of_a_message(sending: None, alice: Peer, bob: Peer, carol: Peer) -> None:
    """SEND_MESSAGE is acknowledged wherever it is split"""
    replies = every_split(alice, build(SendMessage(bob.name, b"hi")), carol.until_fence)

    assert replies == [acknowledged(AckStatus.DELIVERED)] * len(replies)


@clause("FRAME-SEGMENT")
def test_every_split_of_a_login_request(outsider: Peer, connect: Connect, bob: Peer) -> None:
    """LOGIN_USER is answered wherever its header and name are split"""
    frame = build(LoginUser(outsider.name, NO_SIGNATURE))
    replies = []
    for at in range(1, 6 + len(outsider.name), 2):
        fresh = connect(outsider.account)
        fresh.send_pieces(frame, [at], bob.until_fence)
        replies.append(fresh.receive())
        fresh.close()

    assert replies == [challenge_given()] * len(replies)


def unlimited(peer: Peer, count: int) -> list[Reply]:
    """The replies to so many requests in one write.

    Raises:
        NotApplicable: they are too many for the target.
    """
    replies = burst(peer, count)
    if error(ErrorCode.RATE_LIMIT_EXCEEDED) in replies:
        raise NotApplicable(f"the target limits requests to fewer than {count}")
    return replies


@clause("FRAME-SEGMENT")
def test_many_requests_in_one_segment(alice: Peer) -> None:
    """Each of a hundred and fifty requests in one segment is answered"""
    assert unlimited(alice, 150) == [PublicKeyResponse(1, alice.account.public_key)] * 150


@clause("FRAME-SEGMENT")
def test_three_pieces_of_a_registration(stranger: Peer, bob: Peer) -> None:
    """A REGISTER_USER in three segments, the second of one byte, is answered"""
    stranger.send_pieces(build(RegisterUser(stranger.name, stranger.account.public_key)), [4, 1], bob.until_fence)

    assert stranger.receive() == registered()


def in_pieces(sender: Peer, recipient: Peer, pace: Peer, size: int, piece: int) -> list[Reply]:
    """What acknowledges a message of this size in such pieces, and two requests in the last one, and the message itself.

    Raises:
        NotApplicable, Blocked: the target does not relay a body of this size that comes in one write.
    """
    deliver_right(sender, recipient, pattern(size))
    key = GetPublicKey(sender.name)
    data = build(SendMessage(recipient.name, pattern(size))) + build(key) * 2
    sender.send_pieces(data, [piece] * (len(data) // piece - 1), pace.until_fence)
    return [sender.receive(), sender.receive(), sender.receive(), recipient.receive()]


@clause("FRAME-SEGMENT")
@pytest.mark.parametrize(("size", "piece"), [(1000, 97), (6000, 1448), (65_535, 4096), (65_535, 9001)])
def test_message_in_pieces(sending: None, alice: Peer, bob: Peer, carol: Peer, size: int, piece: int) -> None:
    """A long SEND_MESSAGE in many segments is relayed whole, and what comes with its end is answered"""
    came = in_pieces(alice, bob, carol, size, piece)

    assert came == [
        acknowledged(AckStatus.DELIVERED),
        *[PublicKeyResponse(1, alice.account.public_key)] * 2,
        IncomingMessage(ANYTHING, ANYTHING, ANYTHING, pattern(size)),
    ]


# FRAME-ATOMIC


def mixed(alice: Peer, carol: Peer, bob: Peer, body_size: int) -> list[list[Reply]]:
    """What bob gets while two users write to him and he asks for lists: the messages of each sender, and the lists.

    Raises:
        NotApplicable, Blocked: the target relays no body of this size.
    """
    deliver(alice, bob, bytes(body_size + 2))
    for sender, mark in ((alice, b"a"), (carol, b"c")):
        sender.send(*(SendMessage(bob.name, b"%02d" % number + mark * body_size) for number in range(24)))
    bob.send(*[ListUsers()] * 12)
    came = up_to_an_ending(bob, 24 + 24 + 12)
    return [
        [reply for reply in came if isinstance(reply, IncomingMessage) and reply.sender == alice.name],
        [reply for reply in came if isinstance(reply, IncomingMessage) and reply.sender == carol.name],
        [reply for reply in came if not isinstance(reply, IncomingMessage)],
    ]


#: How the bodies of one sender start. Whether they arrive whole is SEND-BODY's question.
STARTS = [b"%02d" % number for number in range(24)]


@clause("FRAME-ATOMIC")
@pytest.mark.parametrize("size", [10, 500, 2000])
def test_two_senders_and_a_list(sending: None, listing: None, alice: Peer, bob: Peer, carol: Peer, size: int) -> None:
    """Frames of two senders and of lists that are on their way to one user at once do not mix"""
    of_alice, of_carol, others = mixed(alice, carol, bob, size)
    numbered = [[starts(of_alice), starts(of_carol)], others]

    assert numbered == [[STARTS, STARTS], [UserListResponse(ANYTHING)] * 12]


@clause("FRAME-ATOMIC")
def test_messages_both_ways(sending: None, alice: Peer, bob: Peer) -> None:
    """Messages that cross with acknowledgements do not mix with them"""
    alice.send(*(SendMessage(bob.name, b"%02d" % number) for number in range(24)))
    bob.send(*(SendMessage(alice.name, b"%02d" % number) for number in range(24)))
    came = up_to_an_ending(alice, 48)

    assert sorted(type(reply).__name__ for reply in came) == ["IncomingMessage"] * 24 + ["MessageAck"] * 24
