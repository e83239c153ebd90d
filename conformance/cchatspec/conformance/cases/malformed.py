"""FRAME: what no layout allows, sizes, and frames that do not come to an end."""

from __future__ import annotations

import pytest

from cchatspec.conformance.fixtures import Connect, Login
from cchatspec.conformance.harness.expect import (
    ANYTHING,
    acknowledged,
    closed,
    error,
    one_of,
    refusal,
    register_refused,
    registered,
    turned_away,
)
from cchatspec.conformance.harness.outcomes import Ending, Reply
from cchatspec.conformance.harness.peer import NO_SIGNATURE, Account, Peer
from cchatspec.conformance.harness.steps import bodies, cut, is_closed, listed, picked, poll
from cchatspec.conformance.marks import clause
from cchatspec.spec import (
    Error,
    ErrorCode,
    GetPublicKey,
    ListUsers,
    LoginUser,
    MessageType,
    Presence,
    PublicKeyResponse,
    RegisterUser,
    SendMessage,
    build,
    frame_bytes,
)

INVALID_FORMAT = ErrorCode.INVALID_MESSAGE_FORMAT
UNASSIGNED_TYPES = [0x00, 0x09, 0x0A, 0x10, 0x20, 0x40, 0x7F, 0x80, 0x89, 0x8F, 0xC0, 0xFE, 0xFF]
SERVER_TYPES = [kind for kind in MessageType if kind >= 0x80]
EMPTY_TYPES = [MessageType.GET_MESSAGES, MessageType.LIST_USERS, MessageType.LOGOUT]
HUGE_LENGTHS = [2**31 - 1, 2**31, 2**32 - 1, 0x01000000 * 200]


def hex_id(number: int) -> str:
    """A number as a part of a case's id."""
    return f"0x{number:02x}"


# FRAME-UNKNOWN


@clause("FRAME-UNKNOWN")
@pytest.mark.parametrize("kind", UNASSIGNED_TYPES, ids=hex_id)
def test_unassigned_type(alice: Peer, kind: int) -> None:
    """An unassigned type is refused, and the connection lives on"""
    alice.send_raw(kind, b"")

    assert alice.until_fence() == [error(INVALID_FORMAT)]


@clause("FRAME-UNKNOWN")
@pytest.mark.parametrize("kind", SERVER_TYPES, ids=hex_id)
def test_server_type(alice: Peer, kind: int) -> None:
    """A type that belongs to the server is refused, and the connection lives on"""
    alice.send_raw(kind, b"\x01" + bytes(32))

    assert alice.until_fence() == [error(INVALID_FORMAT)]


@clause("FRAME-UNKNOWN")
def test_unassigned_type_with_payload(alice: Peer) -> None:
    """The payload of an unassigned type is passed over, and what looks like a request in it is not served"""
    alice.send_raw(0x42, build(ListUsers()) * 3)

    assert alice.until_fence() == [error(INVALID_FORMAT)]


# FRAME-MALFORMED

CUT_REQUESTS = {
    "key-nothing": (MessageType.GET_PUBLIC_KEY, b""),
    "key-no-name": (MessageType.GET_PUBLIC_KEY, b"\x05"),
    "key-short-name": (MessageType.GET_PUBLIC_KEY, b"\x05abc"),
    "key-length-255": (MessageType.GET_PUBLIC_KEY, b"\xffabc"),
    "send-nothing": (MessageType.SEND_MESSAGE, b""),
    "send-short-recipient": (MessageType.SEND_MESSAGE, b"\x09bob"),
    "send-no-length": (MessageType.SEND_MESSAGE, b"\x03bob"),
    "send-half-length": (MessageType.SEND_MESSAGE, b"\x03bob\x00"),
    "send-no-body": (MessageType.SEND_MESSAGE, b"\x03bob\x00\x05"),
    "send-short-body": (MessageType.SEND_MESSAGE, b"\x03bob\x00\x05body"),
    "send-length-65535": (MessageType.SEND_MESSAGE, b"\x03bob\xff\xffbody"),
    "status-nothing": (MessageType.SET_STATUS, b""),
}


@clause("FRAME-MALFORMED")
@pytest.mark.parametrize(("kind", "payload"), CUT_REQUESTS.values(), ids=CUT_REQUESTS)
def test_cut(alice: Peer, kind: int, payload: bytes) -> None:
    """A request that is cut short, or whose inner length is too long, is refused"""
    alice.send_raw(kind, payload)

    assert alice.until_fence() == refusal(error(INVALID_FORMAT))


@clause("FRAME-MALFORMED")
@pytest.mark.parametrize(("kind", "payload"), CUT_REQUESTS.values(), ids=CUT_REQUESTS)
def test_cut_before_login(refusing: None, outsider: Peer, kind: int, payload: bytes) -> None:
    """A request that is cut short and comes before the login is refused, for the one or the other"""
    outsider.send_raw(kind, payload)

    assert outsider.until_fence() == refusal(one_of(error(INVALID_FORMAT), turned_away()))


@clause("FRAME-UNKNOWN")
@pytest.mark.parametrize("kind", [0x00, 0x7F, 0x85, 0xFF], ids=hex_id)
def test_type_before_login(refusing: None, outsider: Peer, kind: int) -> None:
    """A type that is none of a request and comes before the login is refused, for the one or the other"""
    outsider.send_raw(kind, b"")

    assert outsider.until_fence() == [one_of(error(INVALID_FORMAT), turned_away())]


@clause("FRAME-MALFORMED")
@pytest.mark.parametrize("count", [1, 31, 32, 33])
def test_cut_registration(stranger: Peer, count: int) -> None:
    """A REGISTER_USER that lacks bytes at its end is refused"""
    stranger.send_raw(MessageType.REGISTER_USER, cut(RegisterUser(stranger.name, stranger.account.public_key), count))

    assert stranger.receive() == one_of(error(INVALID_FORMAT), register_refused(INVALID_FORMAT))


@clause("FRAME-MALFORMED")
def test_empty_registration(stranger: Peer) -> None:
    """A REGISTER_USER without a payload is refused"""
    stranger.send_raw(MessageType.REGISTER_USER, b"")

    assert stranger.receive() == one_of(error(INVALID_FORMAT), register_refused(INVALID_FORMAT))


@clause("FRAME-MALFORMED")
def test_cut_registration_registers_nobody(stranger: Peer, connect: Connect) -> None:
    """A REGISTER_USER that is cut short takes no name"""
    stranger.send_raw(MessageType.REGISTER_USER, cut(RegisterUser(stranger.name, stranger.account.public_key), 1))
    stranger.receive()

    assert connect(stranger.account).register() == registered()


@clause("FRAME-MALFORMED")
@pytest.mark.parametrize("count", [1, 63, 64, 65])
def test_cut_login(outsider: Peer, count: int) -> None:
    """A LOGIN_USER that lacks bytes at its end is refused"""
    outsider.send_raw(MessageType.LOGIN_USER, cut(LoginUser(outsider.name, NO_SIGNATURE), count))

    assert outsider.until_fence() == refusal(error(INVALID_FORMAT))


@clause("FRAME-MALFORMED")
def test_cut_message_is_not_sent(sending: None, alice: Peer, bob: Peer, carol: Peer) -> None:
    """A SEND_MESSAGE that is cut short delivers nothing"""
    alice.send_raw(MessageType.SEND_MESSAGE, cut(SendMessage(bob.name, b"cut short"), 3))
    alice.until_fence()
    carol.send_message(bob.name, b"whole")

    assert bodies([bob.receive()]) == [b"whole"]


@clause("FRAME-MALFORMED")
def test_cut_message_is_not_queued(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """A SEND_MESSAGE that is cut short queues nothing for an absent user"""
    alice.send_raw(MessageType.SEND_MESSAGE, cut(SendMessage(absent.name, b"cut short"), 3))
    alice.until_fence()

    assert poll(login(absent)) == []


@clause("FRAME-MALFORMED")
def test_each_of_ten(alice: Peer) -> None:
    """Each of ten requests that are cut short is refused, up to one with which the connection ends"""
    assert refusals(alice, 10) == [error(INVALID_FORMAT)] * 10


def refusals(peer: Peer, times: int) -> list[Reply]:
    """What requests that are cut short bring, one each; where the connection ends behind a refusal, the others are given too."""
    came: list[Reply] = []
    for sent in range(1, times + 1):
        peer.send_raw(MessageType.GET_PUBLIC_KEY, b"\x09bob")
        came += peer.until_fence()
        if is_closed(came):
            told: list[Reply] = [reply for reply in came if reply == error(INVALID_FORMAT)]
            return told + told[:1] * (times - sent)
    return came


# FRAME-TRAILING, FRAME-EMPTY


@clause("FRAME-TRAILING")
@pytest.mark.parametrize("extra", [b"\x00", b"\xff", bytes(64)], ids=["nul", "ff", "64-bytes"])
def test_after_a_name(alice: Peer, extra: bytes) -> None:
    """GET_PUBLIC_KEY with bytes after the name is refused"""
    alice.send_raw(MessageType.GET_PUBLIC_KEY, build(GetPublicKey(alice.name))[5:] + extra)

    assert alice.until_fence() == refusal(error(INVALID_FORMAT))


@clause("FRAME-TRAILING")
def test_after_a_status(alice: Peer) -> None:
    """SET_STATUS with a second byte is refused"""
    alice.send_raw(MessageType.SET_STATUS, b"\x02\x02")

    assert alice.until_fence() == refusal(error(INVALID_FORMAT))


@clause("FRAME-TRAILING")
def test_after_a_body(alice: Peer, bob: Peer) -> None:
    """SEND_MESSAGE with bytes after the body is refused"""
    alice.send_raw(MessageType.SEND_MESSAGE, build(SendMessage(bob.name, b"hello"))[5:] + b"!")

    assert alice.until_fence() == refusal(error(INVALID_FORMAT))


@clause("FRAME-TRAILING")
def test_after_a_key(stranger: Peer) -> None:
    """REGISTER_USER with bytes after the key is refused"""
    stranger.send_raw(
        MessageType.REGISTER_USER, build(RegisterUser(stranger.name, stranger.account.public_key))[5:] + b"!"
    )

    assert stranger.receive() == one_of(error(INVALID_FORMAT), register_refused(INVALID_FORMAT))


@clause("FRAME-TRAILING")
def test_after_a_signature(outsider: Peer) -> None:
    """LOGIN_USER with bytes after the signature is refused"""
    outsider.send_raw(MessageType.LOGIN_USER, build(LoginUser(outsider.name, NO_SIGNATURE))[5:] + b"!")

    assert outsider.until_fence() == refusal(error(INVALID_FORMAT))


@clause("FRAME-TRAILING")
@pytest.mark.parametrize("extra", [b"\x00", bytes(32), bytes(64)], ids=["nul", "32-nuls", "64-nuls"])
def test_zeros_after_a_key(stranger: Peer, extra: bytes) -> None:
    """REGISTER_USER with zeros after the key is refused"""
    stranger.send_raw(
        MessageType.REGISTER_USER, build(RegisterUser(stranger.name, stranger.account.public_key))[5:] + extra
    )

    assert stranger.receive() == one_of(error(INVALID_FORMAT), register_refused(INVALID_FORMAT))


@clause("FRAME-TRAILING")
@pytest.mark.parametrize("extra", [b"\x00", bytes(2), bytes(64)], ids=["nul", "2-nuls", "64-nuls"])
def test_zeros_after_a_body(alice: Peer, bob: Peer, extra: bytes) -> None:
    """SEND_MESSAGE with zeros after the body is refused"""
    alice.send_raw(MessageType.SEND_MESSAGE, build(SendMessage(bob.name, b"hello"))[5:] + extra)

    assert alice.until_fence() == refusal(error(INVALID_FORMAT))


@clause("FRAME-TRAILING")
@pytest.mark.parametrize("extra", [b"\x00", bytes(32)], ids=["nul", "32-nuls"])
def test_zeros_after_a_signature(outsider: Peer, extra: bytes) -> None:
    """LOGIN_USER with zeros after the signature is refused"""
    outsider.send_raw(MessageType.LOGIN_USER, build(LoginUser(outsider.name, NO_SIGNATURE))[5:] + extra)

    assert outsider.until_fence() == refusal(error(INVALID_FORMAT))


@clause("FRAME-TRAILING")
def test_trailing_status_changes_nothing(listing: None, alice: Peer, bob: Peer) -> None:
    """SET_STATUS with a second byte changes no status"""
    alice.send_raw(MessageType.SET_STATUS, b"\x02\x00")
    alice.receive()

    assert listed(bob, alice.name) == [one_of(Presence.ONLINE, Presence.OFFLINE)]


@clause("FRAME-EMPTY")
@pytest.mark.parametrize("kind", EMPTY_TYPES, ids=lambda kind: kind.name)
def test_payload_where_none_belongs(alice: Peer, kind: int) -> None:
    """A payload where none belongs is refused"""
    alice.send_raw(kind, b"\x00")

    assert alice.until_fence() == refusal(error(INVALID_FORMAT))


# FRAME-LARGE, FRAME-OVERSIZE, FRAME-PARTIAL


@clause("FRAME-LARGE")
@pytest.mark.parametrize("size", [1025, 2048, 2049, 4096, 16384, 32768, 65535])
def test_large_body(alice: Peer, bob: Peer, size: int) -> None:
    """A large message is taken, or refused with a word"""
    reply = alice.send_message(bob.name, bytes(size))

    assert reply == one_of(acknowledged(ANYTHING), Error(ANYTHING, ANYTHING))


@clause("FRAME-OVERSIZE")
@pytest.mark.parametrize("length", HUGE_LENGTHS, ids=hex_id)
def test_huge_length(visitor: Peer, length: int) -> None:
    """A header that announces gigabytes is refused before anything of them comes"""
    visitor.send_bytes(frame_bytes(MessageType.SEND_MESSAGE, b"", length))

    assert visitor.receive() == one_of(Error(ANYTHING, ANYTHING), closed())


@clause("FRAME-OVERSIZE")
def test_huge_length_after_login(alice: Peer) -> None:
    """A header that announces gigabytes is refused in a session too"""
    alice.send_bytes(frame_bytes(MessageType.SEND_MESSAGE, b"\x03bob", 2**32 - 1))

    assert alice.receive() == one_of(Error(ANYTHING, ANYTHING), closed())


@clause("FRAME-HEADER")
@pytest.mark.parametrize("length", HUGE_LENGTHS, ids=hex_id)
def test_payload_of_a_huge_frame(alice: Peer, length: int) -> None:
    """What follows a header that announces gigabytes is its payload, and not read as the next request"""
    alice.send_bytes(frame_bytes(MessageType.SEND_MESSAGE, build(GetPublicKey(alice.name)), length))

    assert picked(alice.until_end(), PublicKeyResponse) == one_of([closed()], [Ending.DEADLINE])


@clause("FRAME-PARTIAL")
@pytest.mark.parametrize("size", [1, 4, 5, 20])
def test_half_a_frame_holds_up_nobody(visitor: Peer, alice: Peer, size: int) -> None:
    """While half a frame stands on one connection, another is served"""
    visitor.send_bytes(build(RegisterUser(visitor.name, visitor.account.public_key))[:size])

    assert alice.request(GetPublicKey(alice.name)) == PublicKeyResponse(1, alice.account.public_key)
