from __future__ import annotations

import pytest
from tests.reference.conftest import CLOSED, Client, Talk, ask_login, error, key_of, prove, register

from cchatspec.spec import (
    ErrorCode,
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    LoginResponse,
    LoginUser,
    Message,
    MessageAck,
    Presence,
    PublicKeyResponse,
    RegisterUser,
    SendMessage,
    SetStatus,
    StatusUpdate,
    User,
    UserListResponse,
)

REFUSED = LoginResponse(0)
ACCEPTED = LoginResponse(1, bytes(32))
NO_LOGIN = error(ErrorCode.AUTHENTICATION_FAILED)


@pytest.fixture
def stranger(talk: Talk) -> Client:
    talk.register(b"alice", b"bob")
    return talk.connect()


def test_the_first_request_brings_a_challenge(stranger: Client) -> None:
    assert stranger.ask(ask_login(b"alice")) == [LoginResponse(1, (1).to_bytes(32, "big"))]


def test_the_first_request_ignores_the_signature(stranger: Client) -> None:
    assert stranger.ask(LoginUser(b"alice", b"s" * 64)) == [LoginResponse(1, (1).to_bytes(32, "big"))]


def test_every_challenge_is_new(talk: Talk, stranger: Client) -> None:
    assert stranger.challenge(b"alice") != talk.connect().challenge(b"alice")


def test_the_right_proof_logs_in(stranger: Client) -> None:
    proof = prove(b"alice", stranger.challenge(b"alice"))

    assert stranger.ask(proof, GetPublicKey(b"bob")) == [
        ACCEPTED,
        PublicKeyResponse(1, register(b"bob").public_key),
    ]


@pytest.mark.parametrize("signature", [bytes(64), b"\xff" * 64], ids=["zeros", "ones"])
def test_any_other_signature_is_refused(stranger: Client, signature: bytes) -> None:
    stranger.challenge(b"alice")

    assert stranger.ask(LoginUser(b"alice", signature), ListUsers()) == [REFUSED, NO_LOGIN]


def test_a_proof_with_another_users_key_is_refused(stranger: Client) -> None:
    challenge = stranger.challenge(b"alice")

    assert stranger.ask(LoginUser(b"alice", key_of(b"bob").sign(challenge).signature)) == [REFUSED]


def test_a_challenge_is_for_the_name_that_asked(stranger: Client) -> None:
    assert stranger.ask(prove(b"bob", stranger.challenge(b"alice"))) == [REFUSED]


def test_a_challenge_is_for_the_connection_that_asked(talk: Talk, stranger: Client) -> None:
    proof = prove(b"alice", stranger.challenge(b"alice"))
    other = talk.connect()
    other.challenge(b"alice")

    assert other.ask(proof) == [REFUSED]


def test_a_wrong_proof_burns_the_challenge(stranger: Client) -> None:
    proof = prove(b"alice", stranger.challenge(b"alice"))
    stranger.ask(LoginUser(b"alice", bytes(64)))
    stranger.challenge(b"alice")

    assert stranger.ask(proof) == [REFUSED]


def test_a_right_proof_burns_the_challenge(stranger: Client) -> None:
    proof = prove(b"alice", stranger.challenge(b"alice"))
    stranger.ask(proof)
    stranger.challenge(b"alice")

    assert stranger.ask(proof) == [REFUSED]


def test_after_a_wrong_proof_one_can_log_in_at_once(stranger: Client) -> None:
    stranger.challenge(b"alice")
    stranger.send(LoginUser(b"alice", bytes(64)))

    assert stranger.ask(prove(b"alice", stranger.challenge(b"alice"))) == [ACCEPTED]


def test_a_malformed_proof_leaves_the_challenge(stranger: Client) -> None:
    proof = prove(b"alice", stranger.challenge(b"alice"))
    stranger.send(b"\0\0\0\1\2\0")

    assert stranger.ask(proof) == [ACCEPTED]


def test_an_unknown_name_is_refused_at_first(stranger: Client) -> None:
    assert stranger.ask(ask_login(b"nobody"), ask_login(b"alic")) == [REFUSED, REFUSED]


def test_a_key_that_is_no_point_proves_nothing(talk: Talk) -> None:
    stranger = talk.connect()
    stranger.send(RegisterUser(b"odd", b"\x02" + bytes(31)))
    stranger.challenge(b"odd")

    assert stranger.ask(LoginUser(b"odd", bytes(64))) == [REFUSED]


@pytest.mark.parametrize(
    "request_",
    [GetPublicKey(b"alice"), SendMessage(b"alice", b"x"), GetMessages(), SetStatus(1), ListUsers()],
    ids=lambda request: type(request).__name__,
)
def test_what_needs_a_login_is_refused_before_and_between(stranger: Client, request_: Message) -> None:
    before = stranger.ask(request_)
    stranger.challenge(b"alice")

    assert before == stranger.ask(request_) == [NO_LOGIN]


def test_a_login_is_told_to_others(talk: Talk, alice: Client) -> None:
    talk.login(b"bob")

    assert alice.got() == [StatusUpdate(b"bob", Presence.ONLINE)]


def test_a_failed_login_is_not_told(talk: Talk, alice: Client) -> None:
    talk.register(b"bob")
    talk.connect().send(ask_login(b"bob"), LoginUser(b"bob", bytes(64)))

    assert alice.got() == []


# A second session of the same user


def test_the_newest_session_ends_the_old_one(talk: Talk, alice: Client) -> None:
    talk.login(b"alice")

    assert alice.got() == [error(ErrorCode.CONNECTION_TERMINATED), CLOSED]


def test_the_newest_session_gets_the_messages(talk: Talk, bob: Client) -> None:
    alice = talk.login(b"alice")
    bob.send(SendMessage(b"alice", b"hi"))

    assert alice.got() == [IncomingMessage(1, b"bob", 1_000_000, b"hi")]


def test_nobody_sees_a_second_session(talk: Talk, alice: Client, bob: Client) -> None:
    bob.got()
    talk.login(b"alice")
    alice.lose()

    assert bob.got() == []


def test_the_end_of_the_old_connection_leaves_the_user_online(talk: Talk, alice: Client) -> None:
    newest = talk.login(b"alice")
    alice.lose()

    assert newest.ask(ListUsers()) == [UserListResponse((User(b"alice", Presence.ONLINE),))]


def test_what_the_old_connection_still_sends_is_dropped(talk: Talk, alice: Client, bob: Client) -> None:
    talk.login(b"alice")
    alice.send(SendMessage(b"bob", b"late"))

    assert bob.got() == []


def test_a_failed_login_leaves_the_live_session(talk: Talk, alice: Client) -> None:
    talk.connect().send(ask_login(b"alice"), LoginUser(b"alice", bytes(64)))

    assert alice.ask(ListUsers()) == [UserListResponse((User(b"alice", Presence.ONLINE),))]


# Login again on a live session


def test_a_challenge_leaves_the_live_session(alice: Client) -> None:
    alice.challenge(b"alice")

    assert alice.ask(ListUsers()) == [UserListResponse((User(b"alice", Presence.ONLINE),))]


def test_a_wrong_proof_leaves_the_live_session(talk: Talk, alice: Client) -> None:
    talk.register(b"carol")
    alice.challenge(b"carol")
    alice.send(prove(b"alice", b"wrong"), SendMessage(b"alice", b"me"))

    assert alice.got() == [REFUSED, IncomingMessage(1, b"alice", 1_000_000, b"me"), MessageAck(1, 1)]


def test_an_accepted_proof_changes_who_one_is(talk: Talk, alice: Client, bob: Client) -> None:
    talk.register(b"carol")
    bob.got()
    alice.send(prove(b"carol", alice.challenge(b"carol")))

    assert bob.got() == [StatusUpdate(b"alice", Presence.OFFLINE), StatusUpdate(b"carol", Presence.ONLINE)]


def test_logging_in_again_as_oneself_is_not_seen(alice: Client, bob: Client) -> None:
    bob.got()
    alice.send(prove(b"alice", alice.challenge(b"alice")))

    assert alice.got() == [ACCEPTED] and bob.got() == []
