"""What a request must leave as it is: a queue, a status, a session, a message that was refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cchatspec.conformance.cases.login import session_of
from cchatspec.conformance.fixtures import AwaitOffline, Connect, Login
from cchatspec.conformance.harness.expect import (
    ANYTHING,
    acknowledged,
    error,
    is_refusal,
    no_login,
    one_of,
    register_refused,
    registered,
)
from cchatspec.conformance.harness.outcomes import Ending, NotApplicable, Reply, has_ended
from cchatspec.conformance.harness.peer import NO_SIGNATURE, Account, Peer
from cchatspec.conformance.harness.steps import (
    NOT_A_SIGNATURE,
    bodies,
    fail_login,
    let_in,
    listed,
    messages,
    picked,
    poll,
    second_session,
)
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause
from cchatspec.spec import (
    AckStatus,
    ErrorCode,
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    LoginUser,
    MessageType,
    Presence,
    PublicKeyResponse,
    RegisterUser,
    SendMessage,
    SetStatus,
    StatusUpdate,
    build,
)

REFUSED = one_of(acknowledged(AckStatus.FAILED), error(ANYTHING))

#: What a user who is away may do: that it changes their status is said nowhere.
REQUESTS: dict[str, Callable[[Peer], object]] = {
    "send": lambda peer: SendMessage(peer.name, b"note"),
    "key": lambda peer: GetPublicKey(peer.name),
    "poll": lambda peer: GetMessages(),
    "list": lambda peer: ListUsers(),
    "challenge": lambda peer: LoginUser(peer.name, NO_SIGNATURE),
}


@clause("STATUS-SET")
@pytest.mark.parametrize("what", REQUESTS)
def test_stays_after_a_request(listing: None, alice: Peer, bob: Peer, what: str) -> None:
    """A user who is away stays so after a request"""
    alice.send(SetStatus(Presence.AWAY))
    alice.send(REQUESTS[what](alice))  # type: ignore[arg-type]
    alice.until_fence()

    assert listed(bob, alice.name) == [Presence.AWAY]


@clause("STATUS-SET")
@pytest.mark.parametrize("what", REQUESTS)
def test_stays_offline_after_a_request(listing: None, alice: Peer, bob: Peer, what: str) -> None:
    """A user who is shown as offline stays so after a request"""
    alice.send(SetStatus(Presence.OFFLINE))
    alice.send(REQUESTS[what](alice))  # type: ignore[arg-type]
    alice.until_fence()

    assert listed(bob, alice.name) == [Presence.OFFLINE]


@clause("STATUS-VALUE")
@pytest.mark.parametrize("payload", [b"\x09", b"\xff", b""], ids=["9", "255", "nothing"])
def test_refused_status_changes_nothing(listing: None, alice: Peer, bob: Peer, payload: bytes) -> None:
    """A user who is away stays so when they set a status that is none, and their connection lives on"""
    alice.send(SetStatus(Presence.AWAY))
    alice.send_raw(MessageType.SET_STATUS, payload)
    lives_on(alice)

    assert listed(bob, alice.name) == [Presence.AWAY]


def lives_on(peer: Peer) -> None:
    """Go on if the session does.

    Raises:
        NotApplicable: it has ended.
    """
    if has_ended(peer.until_fence()):
        raise NotApplicable("the target ends the connection")


@clause("QUEUE-HONEST")
def test_refused_poll(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """A queued message outlives a GET_MESSAGES with a payload, unless that brings it"""
    alice.send_message(absent.name, b"kept")
    back = login(absent)
    back.send_raw(MessageType.GET_MESSAGES, b"\x01")
    came = [reply for reply in back.until_fence() if isinstance(reply, IncomingMessage)]
    back.close()

    assert bodies([*came, *poll(login(absent))]) == [b"kept"]


@clause("REG-DUPLICATE")
def test_same_key_while_logged_in(alice: Peer, connect: Connect) -> None:
    """The name of a user who is there cannot be registered again with the same key"""
    assert connect(alice.account).register() == register_refused(ErrorCode.USER_ALREADY_EXISTS)


@clause("REG-DUPLICATE")
def test_session_stays(target: Target, alice: Peer) -> None:
    """A user who registers their own name again, which is refused, stays logged in"""
    target.require("REG-DUPLICATE")
    alice.register()

    assert session_of(alice) == PublicKeyResponse(1, alice.account.public_key)


@clause("REG-NOLOGIN")
def test_session_stays_who_it_was(alice: Peer, bob: Peer, new_account: Account) -> None:
    """A user who registers another name, or is refused that, stays logged in as who they were"""
    alice.request(RegisterUser(new_account.name, new_account.public_key))

    assert session_of(alice) == PublicKeyResponse(1, alice.account.public_key)


@clause("FRAME-TRAILING")
def test_refused_registration_registers_nobody(stranger: Peer, connect: Connect) -> None:
    """A REGISTER_USER with a byte too many that is refused takes no name"""
    payload = build(RegisterUser(stranger.name, stranger.account.public_key))[5:]
    stranger.send_raw(MessageType.REGISTER_USER, payload + b"!")
    not_registered(stranger.receive())

    assert connect(stranger.account).register() == registered()


def not_registered(reply: Reply) -> None:
    """Go on if this is no success of a registration.

    Raises:
        NotApplicable: it is one.
    """
    if reply == registered():
        raise NotApplicable("the target does not refuse it")


@clause("AUTH-STATUS")
def test_of_whom_a_failed_proof_named(checking: None, listing: None, alice: Peer, bob: Peer, connect: Connect) -> None:
    """SET_STATUS after a failed proof does not change the status of the user whose name was given"""
    impostor = connect(bob.account, "impostor")
    fail_login(impostor)
    impostor.send(SetStatus(Presence.AWAY))
    impostor.until_fence()

    assert listed(alice, bob.name) == [Presence.ONLINE]


@clause("STATUS-TELL")
def test_to_one_who_is_away(telling: None, alice: Peer, bob: Peer) -> None:
    """A change is told to a user who is away"""
    bob.send(SetStatus(Presence.AWAY))
    bob.until_fence()
    alice.send(SetStatus(Presence.AWAY))

    assert bob.await_update(alice.name, Presence.AWAY) == StatusUpdate(alice.name, Presence.AWAY)


@clause("STATUS-TELL")
def test_after_asking_as_another(telling: None, alice: Peer, bob: Peer, absent: Account) -> None:
    """A user who asks for a challenge as another on their session is told of under their own name"""
    alice.ask(absent.name)
    alice.send(SetStatus(Presence.AWAY))

    assert bob.await_update(alice.name, Presence.AWAY) == StatusUpdate(alice.name, Presence.AWAY)


@clause("STATUS-LOST")
def test_close_in_a_frame_is_told(telling: None, alice: Peer, bob: Peer) -> None:
    """A user whose connection is closed in the middle of a frame is told as offline"""
    bob.send_bytes(build(GetPublicKey(bob.name))[:7])
    bob.drop()

    assert alice.await_update(bob.name, Presence.OFFLINE) == StatusUpdate(bob.name, Presence.OFFLINE)


@clause("QUEUE-HONEST")
def test_second_registration(
    queueing: None, target: Target, alice: Peer, absent: Account, login: Login, connect: Connect
) -> None:
    """A queued message outlives a second registration of its recipient's name, which is refused"""
    target.require("REG-DUPLICATE")
    alice.send_message(absent.name, b"kept")
    connect(Account(absent.name)).register()

    assert bodies(poll(login(absent))) == [b"kept"]


@clause("QUEUE-HONEST")
def test_malformed_request(queueing: None, alice: Peer, absent: Account, login: Login) -> None:
    """A queued message outlives a malformed request of its recipient"""
    alice.send_message(absent.name, b"kept")
    back = login(absent)
    back.send_raw(MessageType.GET_PUBLIC_KEY, b"\x09bob")
    came = [reply for reply in back.until_fence() if isinstance(reply, IncomingMessage)]
    back.close()

    assert bodies([*came, *poll(login(absent))]) == [b"kept"]


@clause("QUEUE-HONEST")
def test_second_session(queueing: None, alice: Peer, absent: Account, login: Login, connect: Connect) -> None:
    """A queued message that a first session has not asked for is delivered to it or to a second"""
    alice.send_message(absent.name, b"kept")
    first = login(absent)
    came = picked(first.until_fence(), IncomingMessage)
    second = second_session(first, connect(absent))

    assert bodies([*came, *poll(second)]) == [b"kept"]


@clause("QUEUE-ACK")
def test_after_nobody_had_the_name(
    queueing: None, alice: Peer, bob: Peer, new_account: Account, connect: Connect
) -> None:
    """A message to a user who registered after a message to their name was refused is acknowledged as queued"""
    bob.send_message(new_account.name, b"too early")
    connect(new_account).register()

    assert alice.send_message(new_account.name, b"later") == acknowledged(AckStatus.QUEUED)


@clause("SEND-PUSH")
def test_empty_body(sending: None, alice: Peer, bob: Peer) -> None:
    """An empty body that is acknowledged as delivered is delivered"""
    reply = alice.send_message(bob.name, b"")
    came = bodies(messages(bob, int(reply == acknowledged(AckStatus.DELIVERED))))

    assert (reply, came) == one_of((acknowledged(AckStatus.DELIVERED), [b""]), (REFUSED, []))


def refused(reply: Reply) -> None:
    """Go on if this is a refusal.

    Raises:
        NotApplicable: it is none.
    """
    if not is_refusal(reply):
        raise NotApplicable("the target does not refuse it")


@clause("SEND-PRIVATE")
def test_not_to_whoever_takes_the_name_later(
    sending: None, alice: Peer, new_account: Account, connect: Connect
) -> None:
    """A message to a name that nobody had, and that was refused, does not wait for who registers it later"""
    refused(alice.send_message(new_account.name, b"anybody?"))
    newcomer = let_in(connect(new_account), "the target refuses the name")

    assert poll(newcomer) == []


@clause("FRAME-TRAILING")
def test_refused_message_is_not_sent(sending: None, alice: Peer, bob: Peer) -> None:
    """SEND_MESSAGE with a byte too many that is refused is not delivered"""
    payload = build(SendMessage(bob.name, b"too long"))[5:]
    alice.send_raw(MessageType.SEND_MESSAGE, payload + b"x")
    refused(alice.receive())

    assert picked(bob.until_fence(), IncomingMessage) == []


@clause("FRAME-MALFORMED")
def test_ten_of_a_session(alice: Peer) -> None:
    """After ten malformed requests, a session is served as before, unless the connection has ended"""
    for _ in range(10):
        alice.send_raw(MessageType.GET_PUBLIC_KEY, b"\xff")
        alice.receive()
    ended = error(ErrorCode.CONNECTION_TERMINATED), Ending.FIN, Ending.RST

    assert alice.request(GetPublicKey(alice.name)) == one_of(PublicKeyResponse(1, alice.account.public_key), *ended)


@clause("LOGIN-REFUSE")
def test_while_they_are_logged_in(checking: None, alice: Peer, connect: Connect) -> None:
    """A wrong proof is refused while the user is logged in on another connection"""
    other = connect(alice.account)
    other.ask()

    assert other.prove(NOT_A_SIGNATURE) == no_login()


@clause("LOGIN-BOUND")
def test_proof_that_was_taken(
    checking: None, alice: Peer, outsider: Peer, connect: Connect, await_offline: AwaitOffline
) -> None:
    """A signature that has opened a session opens none on another connection, which has a challenge of its own"""
    signature = outsider.account.sign(outsider.challenge())
    outsider.prove(signature)
    outsider.drop()
    await_offline(alice, outsider.name)
    other = connect(outsider.account)
    other.challenge()

    assert other.prove(signature) == no_login()
