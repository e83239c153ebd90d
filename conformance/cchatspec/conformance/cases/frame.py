"""FRAME: headers, layouts, segmentation, and what no layout allows."""

from __future__ import annotations

import pytest

from cchatspec.conformance.fixtures import Connect, Login
from cchatspec.conformance.harness.expect import (
    A_MESSAGE,
    ANYTHING,
    IN_STEP,
    acknowledged,
    closed,
    error,
    one_of,
    refusal,
    register_refused,
    registered,
)
from cchatspec.conformance.harness.peer import NO_SIGNATURE, Account, Peer
from cchatspec.conformance.harness.steps import bodies, cut, listed, of_type, poll, strictly
from cchatspec.conformance.marks import clause
from cchatspec.spec import (
    Error,
    ErrorCode,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    LoginResponse,
    LoginUser,
    MessageAck,
    MessageType,
    Presence,
    PublicKeyResponse,
    RegisterResponse,
    RegisterUser,
    SendMessage,
    SetStatus,
    StatusUpdate,
    UserListResponse,
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


# FRAME-HEADER


@clause("FRAME-HEADER")
def test_replies_in_a_row(alice: Peer, listing: None) -> None:
    """Three replies of different length can be told apart by their headers"""
    alice.send(GetPublicKey(alice.name), ListUsers(), GetPublicKey(alice.name))

    assert [alice.receive() for _ in range(3)] == [A_MESSAGE, A_MESSAGE, A_MESSAGE]


@clause("FRAME-HEADER")
def test_length_over_one_byte(alice: Peer) -> None:
    """A request of more than 255 bytes is read to its end and no further"""
    alice.send(SendMessage(alice.name, bytes(300)))

    assert alice.until_fence() == IN_STEP


# FRAME-LAYOUT


@clause("FRAME-LAYOUT")
def test_register_response_success(stranger: Peer) -> None:
    """A successful REGISTER_RESPONSE has one byte"""
    reply = strictly(stranger).register()

    assert of_type(reply, RegisterResponse, "REG-OK") == A_MESSAGE


@clause("FRAME-LAYOUT")
def test_register_response_failure(visitor: Peer) -> None:
    """A failed REGISTER_RESPONSE has two bytes"""
    reply = strictly(visitor).register()

    assert of_type(reply, RegisterResponse, "REG-DUPLICATE") == A_MESSAGE


@clause("FRAME-LAYOUT")
def test_login_response_challenge(outsider: Peer) -> None:
    """A LOGIN_RESPONSE with a challenge has 33 bytes"""
    reply = strictly(outsider).ask()

    assert of_type(reply, LoginResponse, "LOGIN-CHALLENGE") == A_MESSAGE


@clause("FRAME-LAYOUT")
def test_login_response_success(outsider: Peer) -> None:
    """The LOGIN_RESPONSE to a right proof has 33 bytes too"""
    reply = strictly(outsider).login()

    assert of_type(reply, LoginResponse, "LOGIN-PROOF") == A_MESSAGE


@clause("FRAME-LAYOUT")
def test_login_response_failure(outsider: Peer) -> None:
    """A failed LOGIN_RESPONSE has one byte"""
    outsider.challenge()
    reply = strictly(outsider).prove(b"\x5a" * 64)

    assert of_type(reply, LoginResponse, "LOGIN-REFUSE") == A_MESSAGE


@clause("FRAME-LAYOUT")
def test_public_key_response_found(alice: Peer, bob: Peer) -> None:
    """A PUBLIC_KEY_RESPONSE with a key has 33 bytes"""
    reply = strictly(alice).request(GetPublicKey(bob.name))

    assert of_type(reply, PublicKeyResponse, "KEY-FOUND") == A_MESSAGE


@clause("FRAME-LAYOUT")
def test_public_key_response_missing(alice: Peer, new_account: Account) -> None:
    """A PUBLIC_KEY_RESPONSE without a key has one byte"""
    reply = strictly(alice).request(GetPublicKey(new_account.name))

    assert of_type(reply, PublicKeyResponse, "KEY-MISSING") == A_MESSAGE


@clause("FRAME-LAYOUT")
def test_message_ack_delivered(alice: Peer, bob: Peer) -> None:
    """MESSAGE_ACK of a delivered message"""
    reply = strictly(alice).send_message(bob.name, b"hello")

    assert of_type(reply, MessageAck, "SEND-ACK") == A_MESSAGE


@clause("FRAME-LAYOUT")
def test_message_ack_queued(alice: Peer, absent: Account) -> None:
    """MESSAGE_ACK of a queued message"""
    reply = strictly(alice).send_message(absent.name, b"later")

    assert of_type(reply, MessageAck, "QUEUE-ACK") == A_MESSAGE


@clause("FRAME-LAYOUT")
def test_incoming_message_pushed(alice: Peer, bob: Peer) -> None:
    """INCOMING_MESSAGE of a pushed message"""
    alice.send_message(bob.name, b"hello")
    reply = strictly(bob).receive()

    assert of_type(reply, IncomingMessage, "SEND-PUSH") == A_MESSAGE


@clause("FRAME-LAYOUT")
def test_incoming_message_queued(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """INCOMING_MESSAGE of a queued message"""
    alice.send_message(absent.name, b"later")
    came = poll(strictly(login(absent)))

    assert came == [A_MESSAGE]


@clause("FRAME-LAYOUT")
def test_user_list_response(alice: Peer, absent: Account) -> None:
    """USER_LIST_RESPONSE"""
    reply = strictly(alice).request(ListUsers())

    assert of_type(reply, UserListResponse, "LIST-ALL") == A_MESSAGE


@clause("FRAME-LAYOUT")
def test_status_update(telling: None, alice: Peer, bob: Peer) -> None:
    """STATUS_UPDATE"""
    bob.send(SetStatus(Presence.AWAY))

    assert strictly(alice).await_update(bob.name, Presence.AWAY) == StatusUpdate(bob.name, Presence.AWAY)


@clause("FRAME-LAYOUT")
def test_error(alice: Peer) -> None:
    """ERROR"""
    strictly(alice).send_raw(0x7F, b"")
    reply = alice.receive()

    assert of_type(reply, Error, "FRAME-UNKNOWN") == A_MESSAGE


# FRAME-SEGMENT


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

    assert bob.receive() == IncomingMessage(ANYTHING, alice.name, ANYTHING, b"in two")


@clause("FRAME-SEGMENT")
def test_many_in_one_segment(alice: Peer) -> None:
    """Twelve requests in one segment get twelve replies"""
    alice.send(*[GetPublicKey(alice.name)] * 12)

    assert [alice.receive() for _ in range(12)] == [PublicKeyResponse(1, alice.account.public_key)] * 12


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
    alice.send(*[GetPublicKey(alice.name)] * 8)
    alice.half_close()

    assert [alice.receive() for _ in range(8)] == [PublicKeyResponse(1, alice.account.public_key)] * 8


# FRAME-ORDER, FRAME-UNASKED


@clause("FRAME-ORDER")
def test_different_requests(alice: Peer, new_account: Account) -> None:
    """Replies come in the order of the requests, however long each takes"""
    alice.send(GetPublicKey(alice.name), ListUsers(), GetPublicKey(new_account.name), GetPublicKey(alice.name))
    mine, nobody = PublicKeyResponse(1, alice.account.public_key), PublicKeyResponse(0)

    assert [alice.receive() for _ in range(4)] == [mine, UserListResponse(ANYTHING), nobody, mine]


@clause("FRAME-UNASKED")
def test_no_greeting(visitor: Peer, connect: Connect) -> None:
    """Nothing comes on a new connection before the first request"""
    fresh = connect(visitor.account)

    assert fresh.until_fence() == []


@clause("FRAME-UNASKED")
def test_one_reply_each(alice: Peer) -> None:
    """A request brings one reply and nothing else"""
    alice.send(ListUsers())

    assert alice.until_fence() == [UserListResponse(ANYTHING)]


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
@pytest.mark.parametrize("size", [4096, 16384, 32768, 65535])
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


@clause("FRAME-PARTIAL")
@pytest.mark.parametrize("size", [1, 4, 5, 20])
def test_half_a_frame_holds_up_nobody(visitor: Peer, alice: Peer, size: int) -> None:
    """While half a frame stands on one connection, another is served"""
    visitor.send_bytes(build(RegisterUser(visitor.name, visitor.account.public_key))[:size])

    assert alice.request(GetPublicKey(alice.name)) == PublicKeyResponse(1, alice.account.public_key)
