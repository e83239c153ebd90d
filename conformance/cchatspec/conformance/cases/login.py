"""LOGIN: challenge and proof."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest

from cchatspec.conformance.fixtures import Attempt, AwaitOffline, Connect, Login
from cchatspec.conformance.harness.expect import (
    ANYTHING,
    Matcher,
    acknowledged,
    at_least,
    challenge_given,
    error,
    login_accepted,
    one_of,
)
from cchatspec.conformance.harness.foundations import must_register
from cchatspec.conformance.harness.outcomes import Ending, NotApplicable, Reply
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import (
    NOT_A_SIGNATURE,
    account_with_key,
    bodies,
    deliver,
    fail_login,
    listed,
    poll,
    second_session,
)
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause
from cchatspec.spec import (
    AckStatus,
    Error,
    ErrorCode,
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    LoginUser,
    Logout,
    MessageType,
    Presence,
    PublicKeyResponse,
    RegisterResponse,
    RegisterUser,
    SendMessage,
    SetStatus,
    build,
    frame_bytes,
)

LACKS_A_LOGIN = error(ErrorCode.AUTHENTICATION_FAILED)

#: So many of the eight parts of four bytes have to be random: 16 bytes that nobody guesses. The rest may say what a server likes.
RANDOM_PARTS = 4


class Served(Matcher):
    """Equal to everything but the refusal for the lack of a login; whether the answer is right is another clause's question."""

    def __eq__(self, other: object) -> bool:
        return bool(other != LACKS_A_LOGIN)

    def words(self, parts: list[str]) -> str:  # noqa: D102
        return "anything but a refusal for the lack of a login"


def session_of(peer: Peer) -> object:
    """What a request that needs a login brings."""
    return peer.request(GetPublicKey(peer.name))


# LOGIN-CHALLENGE, LOGIN-FRESH


@clause("LOGIN-CHALLENGE")
def test_right_name(attempt: Attempt) -> None:
    """A registered user who asks gets a challenge"""
    found = attempt("LOGIN-CHALLENGE")

    assert found.came == found.expected


@clause("LOGIN-CHALLENGE")
def test_on_a_fresh_connection(target: Target, visitor: Peer, connect: Connect) -> None:
    """A registered user who asks on a fresh connection gets a challenge"""
    target.require("LOGIN-CHALLENGE")

    assert connect(visitor.account).ask() == challenge_given()


@clause("LOGIN-CHALLENGE")
def test_after_a_logout(login: Login, connect: Connect) -> None:
    """A user who has logged out can ask again"""
    peer = login()
    peer.send(Logout())

    assert connect(peer.account).ask() == challenge_given()


@clause("LOGIN-FRESH")
def test_on_many_connections(target: Target, visitor: Peer, connect: Connect) -> None:
    """Of six challenges on six connections, at least half the bytes are new each time"""
    target.require("LOGIN-CHALLENGE")
    challenges = [connect(visitor.account).challenge() for _ in range(6)]
    new_each_time = [at for at in range(0, 32, 4) if len({one[at : at + 4] for one in challenges}) == 6]

    assert len(new_each_time) == at_least(RANDOM_PARTS)


@clause("LOGIN-FRESH")
def test_no_part_repeats(target: Target, visitor: Peer) -> None:
    """At least half of a challenge is no repetition"""
    target.require("LOGIN-CHALLENGE")
    challenge = visitor.challenge()

    assert len({challenge[at : at + 4] for at in range(0, 32, 4)}) == at_least(RANDOM_PARTS)


@clause("LOGIN-FRESH")
def test_for_two_users(target: Target, visitor: Peer, connect: Connect) -> None:
    """The challenges of two users are different"""
    target.require("LOGIN-CHALLENGE")
    other = connect()
    other.register()

    assert len({visitor.challenge(), other.challenge()}) == 2


@clause("LOGIN-FRESH")
def test_after_a_failure(checking: None, outsider: Peer) -> None:
    """After a failed proof, the next challenge is a new one"""
    first = outsider.challenge()
    outsider.prove(secrets.token_bytes(64))
    second = outsider.challenge()

    assert len({first, second}) == 2


# LOGIN-PROOF


@clause("LOGIN-PROOF")
def test_right_signature(attempt: Attempt) -> None:
    """The signature of the registered key over the challenge logs in"""
    found = attempt("LOGIN-PROOF")

    assert found.came == found.expected


@clause("LOGIN-PROOF")
def test_opens_a_session(target: Target, visitor: Peer) -> None:
    """After the proof, a request that needs a login is not refused for the lack of one"""
    target.require("LOGIN-PROOF")
    visitor.login()

    assert session_of(visitor) == Served()


@clause("LOGIN-PROOF")
def test_elsewhere_than_registered(outsider: Peer, connect: Connect) -> None:
    """A user can log in on another connection than the one that registered"""
    assert connect(outsider.account).ask_and_prove() == login_accepted()


@clause("LOGIN-PROOF")
@pytest.mark.parametrize("last_byte", [0x00, 0x7F, 0x80, 0xFF], ids="0x{:02x}".format)
def test_key_ends_with(target: Target, new_account: Account, connect: Connect, last_byte: int) -> None:
    """A user whose key ends with this byte, in which the sign of a coordinate is, can log in"""
    target.require("LOGIN-PROOF")
    user = must_register(connect(account_with_key(new_account, 31, last_byte)))

    assert user.ask_and_prove() == login_accepted()


#: What may come between a challenge and its proof, and is refused there.
MEANWHILE: dict[str, Callable[[Peer], bytes]] = {
    "key": lambda peer: build(GetPublicKey(peer.name)),
    "message": lambda peer: build(SendMessage(peer.name, b"too early")),
    "poll": lambda peer: build(GetMessages()),
    "status": lambda peer: build(SetStatus(Presence.AWAY)),
    "list": lambda peer: build(ListUsers()),
    "registration": lambda peer: build(RegisterUser(peer.name, peer.account.public_key)),
    "unknown-type": lambda peer: frame_bytes(0x7F, b""),
    "registration-cut-short": lambda peer: frame_bytes(MessageType.REGISTER_USER, b"\x09bob"),
    "cut-short": lambda peer: frame_bytes(MessageType.GET_PUBLIC_KEY, b"\x09bob"),
}


@clause("LOGIN-PROOF", level="SHOULD")
@pytest.mark.parametrize("meanwhile", MEANWHILE.values(), ids=MEANWHILE)
def test_after_a_refused(refusing: None, outsider: Peer, meanwhile: Callable[[Peer], bytes]) -> None:
    """A request that is refused between challenge and proof does not take the challenge away, if the connection lives on"""
    signature = outsider.account.sign(outsider.challenge())
    outsider.send_bytes(meanwhile(outsider))
    refused(outsider.receive())

    outsider.prove(signature)

    # The reply alone does not tell: where the challenge is gone, another one comes, which looks like a success.
    assert outsider.request(GetPublicKey(outsider.name)) == one_of(
        PublicKeyResponse(1, outsider.account.public_key), Ending.FIN, Ending.RST
    )


def refused(reply: Reply) -> None:
    """Go on if this is a refusal.

    Raises:
        NotApplicable: it is none.
    """
    if not isinstance(reply, Error) and reply != RegisterResponse(0, ANYTHING):
        raise NotApplicable("the target does not refuse it")


@clause("LOGIN-PROOF")
def test_again_and_again(outsider: Peer, connect: Connect) -> None:
    """A user can log in, log out and log in again, five times"""
    replies = []
    for _ in range(5):
        peer = connect(outsider.account)
        replies.append(peer.ask_and_prove())
        peer.send(Logout())
        peer.until_end()

    assert replies == [login_accepted()] * 5


@clause("LOGIN-PROOF")
def test_two_at_once(outsider: Peer, connect: Connect) -> None:
    """Two users whose logins cross can both log in"""
    other = connect()
    other.register()
    mine, theirs = outsider.challenge(), other.challenge()

    assert [outsider.prove(outsider.account.sign(mine)), other.prove(other.account.sign(theirs))] == [
        login_accepted()
    ] * 2


@clause("LOGIN-PROOF")
def test_another_asks_meanwhile(outsider: Peer, connect: Connect) -> None:
    """A challenge that somebody else asks for in a user's name does not take theirs away"""
    signature = outsider.account.sign(outsider.challenge())
    connect(Account(outsider.name)).ask()

    assert outsider.prove(signature) == login_accepted()


# LOGIN-CLEAN, LOGIN-STATUS


@clause("LOGIN-CLEAN")
def test_right_after_wrong(checking: None, outsider: Peer) -> None:
    """After a failed proof, a right login on the same connection succeeds"""
    fail_login(outsider)

    assert outsider.ask_and_prove() == login_accepted()


@clause("LOGIN-CLEAN")
def test_right_after_many_wrong(checking: None, outsider: Peer, connect: Connect) -> None:
    """After twelve failed proofs on four connections, a right login on another succeeds"""
    for _ in range(4):
        impostor = connect(outsider.account, "impostor")
        for _ in range(3):
            impostor.ask()
            impostor.prove(NOT_A_SIGNATURE)

    assert outsider.ask_and_prove() == login_accepted()


@clause("LOGIN-CLEAN")
def test_right_after_wrong_elsewhere(checking: None, outsider: Peer, connect: Connect) -> None:
    """After failed proofs on one connection, a right login on another succeeds"""
    for _ in range(3):
        fail_login(outsider)

    assert connect(outsider.account).ask_and_prove() == login_accepted()


@clause("LOGIN-CLEAN")
def test_another_fails_meanwhile(checking: None, outsider: Peer, connect: Connect) -> None:
    """A failed login in a user's name does not spoil one that they are in the middle of elsewhere"""
    signature = outsider.account.sign(outsider.challenge())
    intruder = connect(Account(outsider.name))
    fail_login(intruder)
    outsider.prove(signature)

    assert session_of(outsider) == PublicKeyResponse(1, outsider.account.public_key)


@clause("LOGIN-CLEAN")
def test_queue_stays(checking: None, queueing: None, outsider: Peer, alice: Peer, login: Login) -> None:
    """A failed login in a user's name leaves what is queued for them alone"""
    alice.send_message(outsider.name, b"kept")
    fail_login(outsider)

    assert bodies(poll(login(outsider.account))) == [b"kept"]


@clause("LOGIN-CLEAN")
def test_live_session_stays(checking: None, alice: Peer, connect: Connect) -> None:
    """A failed login in a user's name leaves their live session alone"""
    intruder = connect(Account(alice.name))
    fail_login(intruder)

    assert alice.until_fence() == []


@clause("LOGIN-CLEAN")
def test_asking_changes_nothing(alice: Peer, connect: Connect) -> None:
    """A challenge asked for in a user's name leaves their live session alone"""
    connect(Account(alice.name)).ask()

    assert alice.until_fence() == []


@clause("LOGIN-CLEAN")
def test_nobody_comes_online(checking: None, listing: None, outsider: Peer, alice: Peer) -> None:
    """A user whose login fails stays offline"""
    fail_login(outsider)

    assert listed(alice, outsider.name) == [Presence.OFFLINE]


@clause("LOGIN-CLEAN")
def test_nobody_is_told(checking: None, telling: None, outsider: Peer, alice: Peer, bob: Peer) -> None:
    """Others are told nothing of a user whose login fails"""
    fail_login(outsider)
    bob.send(SetStatus(Presence.AWAY))
    alice.await_update(bob.name, Presence.AWAY)

    assert alice.updates_about(outsider.name) == []


@clause("LOGIN-CLEAN")
def test_session_of_the_connection_stays(checking: None, alice: Peer) -> None:
    """A failed login on a connection that is logged in leaves its session as it was"""
    alice.ask()
    alice.prove(NOT_A_SIGNATURE)

    assert session_of(alice) == PublicKeyResponse(1, alice.account.public_key)


@clause("LOGIN-CLEAN")
def test_session_stays_after_failing_as_another(checking: None, alice: Peer, absent: Account) -> None:
    """A failed login in another user's name on a connection that is logged in leaves its session as it was"""
    alice.ask(absent.name)
    alice.request(LoginUser(absent.name, NOT_A_SIGNATURE))

    assert session_of(alice) == PublicKeyResponse(1, alice.account.public_key)


@clause("LOGIN-CLEAN")
def test_status_stays(checking: None, listing: None, alice: Peer, bob: Peer, connect: Connect) -> None:
    """A failed login in a user's name leaves their status alone"""
    intruder = connect(Account(alice.name))
    fail_login(intruder)
    intruder.drop()
    connect().register()

    assert listed(bob, alice.name) == [Presence.ONLINE]


@clause("LOGIN-STATUS")
def test_online_with_a_second_session(listing: None, alice: Peer, bob: Peer, connect: Connect) -> None:
    """A user with a second session is listed once, and online"""
    second_session(alice, connect(alice.account))

    assert listed(bob, alice.name) == [Presence.ONLINE]


@clause("LOGIN-STATUS")
def test_online_after_the_first_is_lost(listing: None, alice: Peer, bob: Peer, connect: Connect, login: Login) -> None:
    """A user whose first session ends while the second lives stays online"""
    second_session(alice, connect(alice.account))
    alice.drop()
    login()

    assert listed(bob, alice.name) == [Presence.ONLINE]


@clause("LOGIN-STATUS")
def test_delivery_to_the_second_session(sending: None, alice: Peer, bob: Peer, connect: Connect, login: Login) -> None:
    """A message to a user whose first session ended reaches the second"""
    second = second_session(alice, connect(alice.account))
    alice.drop()
    login()

    assert deliver(bob, second, b"hello") == IncomingMessage(ANYTHING, ANYTHING, ANYTHING, b"hello")


@clause("LOGIN-STATUS")
def test_gone_after_both_are_lost(
    queueing: None, alice: Peer, bob: Peer, connect: Connect, await_offline: AwaitOffline
) -> None:
    """When both sessions have ended, a message is queued"""
    second = second_session(alice, connect(alice.account))
    alice.drop()
    second.send(Logout())
    second.until_end()
    await_offline(bob, alice.name)

    assert bob.send_message(alice.name, b"later") == acknowledged(AckStatus.QUEUED)
