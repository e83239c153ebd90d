"""FRAME: headers, layouts, order. Segmentation and malformed frames have modules of their own."""

from __future__ import annotations

from cchatspec.conformance.fixtures import Connect, Login
from cchatspec.conformance.harness.expect import (
    A_MESSAGE,
    ANYTHING,
    IN_STEP,
    login_accepted,
)
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import NOT_A_SIGNATURE, deliver, of_type, poll, strictly, up_to_an_ending
from cchatspec.conformance.marks import clause
from cchatspec.spec import (
    Error,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    LoginResponse,
    LoginUser,
    MessageAck,
    Presence,
    PublicKeyResponse,
    RegisterResponse,
    RegisterUser,
    SendMessage,
    SetStatus,
    StatusUpdate,
    UserListResponse,
)

# FRAME-HEADER


@clause("FRAME-HEADER")
def test_replies_in_a_row(alice: Peer, listing: None) -> None:
    """Three replies of different length can be told apart by their headers"""
    alice.send(GetPublicKey(alice.name), ListUsers(), GetPublicKey(alice.name))

    assert up_to_an_ending(alice, 3) == [A_MESSAGE, A_MESSAGE, A_MESSAGE]


@clause("FRAME-HEADER")
def test_length_over_one_byte(alice: Peer) -> None:
    """A request of more than 255 bytes is read to its end and no further"""
    alice.send(SendMessage(alice.name, bytes(300)))

    assert alice.until_fence() == IN_STEP


@clause("FRAME-HEADER")
def test_length_over_two_bytes(sending: None, alice: Peer, bob: Peer) -> None:
    """A frame of more than 65,535 bytes that the target sends has its length in full, if it takes so long a message"""
    assert deliver(alice, bob, bytes(65_535)) == A_MESSAGE


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
def test_register_response_failure_in_a_session(alice: Peer) -> None:
    """A failed REGISTER_RESPONSE has two bytes in a session too"""
    reply = strictly(alice).request(RegisterUser(alice.name, alice.account.public_key))

    assert reply == A_MESSAGE


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
    reply = strictly(outsider).prove(NOT_A_SIGNATURE)

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


# FRAME-ORDER, FRAME-UNASKED


@clause("FRAME-ORDER")
def test_different_requests(alice: Peer, new_account: Account) -> None:
    """Replies come in the order of the requests, however long each takes"""
    alice.send(GetPublicKey(alice.name), ListUsers(), GetPublicKey(new_account.name), GetPublicKey(alice.name))
    mine, nobody = PublicKeyResponse(1, alice.account.public_key), PublicKeyResponse(0)

    assert up_to_an_ending(alice, 4) == [mine, UserListResponse(ANYTHING), nobody, mine]


@clause("FRAME-ORDER")
def test_behind_a_proof(outsider: Peer) -> None:
    """Requests behind a right proof in the same segment are answered after it"""
    signature = outsider.account.sign(outsider.challenge())
    outsider.send(LoginUser(outsider.name, signature), *[GetPublicKey(outsider.name)] * 2)

    assert up_to_an_ending(outsider, 3) == [login_accepted(), *[PublicKeyResponse(1, outsider.account.public_key)] * 2]


@clause("FRAME-UNASKED")
def test_no_greeting(visitor: Peer, connect: Connect) -> None:
    """Nothing comes on a new connection before the first request"""
    fresh = strictly(connect(visitor.account))

    assert fresh.until_fence() == []


@clause("FRAME-UNASKED")
def test_nothing_but_the_message(sending: None, alice: Peer, bob: Peer) -> None:
    """A message brings its recipient nothing besides"""
    deliver(alice, bob, b"hello")

    assert bob.until_fence() == []


@clause("FRAME-UNASKED")
def test_one_reply_each(alice: Peer) -> None:
    """A request brings one reply and nothing else"""
    alice.send(ListUsers())

    assert alice.until_fence() == [UserListResponse(ANYTHING)]
