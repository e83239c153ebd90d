"""ROBUST: what a server stands. A pair of bystanders must not notice anything."""

from __future__ import annotations

import pytest

from cchatspec.conformance.fixtures import Connect, Login
from cchatspec.conformance.harness.expect import ANYTHING, IN_STEP, is_refusal, login_accepted, one_of
from cchatspec.conformance.harness.outcomes import NotApplicable
from cchatspec.conformance.harness.peer import Peer
from cchatspec.conformance.harness.steps import deliver
from cchatspec.conformance.marks import clause
from cchatspec.spec import (
    IncomingMessage,
    ListUsers,
    Logout,
    RegisterResponse,
    RegisterUser,
    SendMessage,
    build,
    frame_bytes,
)

#: Enough to fill the buffers of a connection that nobody reads.
MANY, BIG = 80, 65_000


@pytest.fixture
def slow_reader(login: Login, alice: Peer) -> Peer:
    """A logged-in user with a small window who reads nothing from now on."""
    peer = login(who="slow_reader")
    if is_refusal(alice.send_message(peer.name, bytes(BIG))):
        raise NotApplicable(f"the target takes no body of {BIG} bytes, and smaller ones would not fill the buffers")
    peer.read_slowly()
    return peer


@clause("ROBUST-ABORT")
@pytest.mark.parametrize("size", [0, 1, 4, 5, 6, 20])
def test_reset_in_a_frame(sending: None, alice: Peer, bob: Peer, connect: Connect, size: int) -> None:
    """A reset after so many bytes of a frame disturbs nobody"""
    broken = connect(who="broken")
    broken.send_bytes(build(RegisterUser(broken.name, broken.account.public_key))[:size])
    broken.reset()

    assert deliver(alice, bob, b"still here") == IncomingMessage(ANYTHING, alice.name, ANYTHING, b"still here")


@clause("ROBUST-ABORT")
def test_reset_of_a_session(sending: None, alice: Peer, bob: Peer, carol: Peer) -> None:
    """The reset of a session disturbs no other"""
    carol.reset()

    assert deliver(alice, bob, b"still here") == IncomingMessage(ANYTHING, alice.name, ANYTHING, b"still here")


@clause("ROBUST-ALIVE")
@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.0\r\n\r\n", bytes(64), b"\xff" * 64, frame_bytes(0, b"", 2**31)],
    ids=["http", "zeros", "ones", "sign-bit"],
)
def test_garbage(sending: None, alice: Peer, bob: Peer, connect: Connect, data: bytes) -> None:
    """Bytes of another protocol disturb nobody"""
    connect(who="garbage").send_bytes(data)

    assert deliver(alice, bob, b"still here") == IncomingMessage(ANYTHING, alice.name, ANYTHING, b"still here")


@clause("ROBUST-SLOWREADER")
def test_sender(sending: None, slow_reader: Peer, alice: Peer) -> None:
    """A user who writes to one who does not read still gets answers"""
    alice.send(*(SendMessage(slow_reader.name, bytes(BIG)) for _ in range(MANY)))

    assert alice.until_fence() == IN_STEP


@clause("ROBUST-SLOWREADER")
def test_bystanders(sending: None, slow_reader: Peer, alice: Peer, bob: Peer, carol: Peer) -> None:
    """While one user does not read what another writes, two others can write to each other"""
    carol.send(*(SendMessage(slow_reader.name, bytes(BIG)) for _ in range(MANY)))

    assert deliver(alice, bob, b"still here") == IncomingMessage(ANYTHING, alice.name, ANYTHING, b"still here")


@clause("ROBUST-SLOWREADER")
def test_unread_lists(sending: None, listing: None, slow_reader: Peer, alice: Peer, bob: Peer) -> None:
    """A user who asks for lists and reads none disturbs nobody"""
    slow_reader.send(*[ListUsers()] * 80)

    assert deliver(alice, bob, b"still here") == IncomingMessage(ANYTHING, alice.name, ANYTHING, b"still here")


@clause("ROBUST-CROWD")
def test_idle_connections(sending: None, visitor: Peer, alice: Peer, bob: Peer, connect: Connect) -> None:
    """While a hundred and fifty connections stand idle, users write to each other"""
    answers = [connect(visitor.account).register() for _ in range(150)]

    came = deliver(alice, bob, b"still here")

    assert (len(answers), came) == (150, IncomingMessage(ANYTHING, alice.name, ANYTHING, b"still here"))


@clause("ROBUST-CROWD")
def test_each_is_served(visitor: Peer, connect: Connect) -> None:
    """A hundred connections that stand at once are all answered"""
    crowd = [connect(visitor.account) for _ in range(100)]

    assert [peer.register() for peer in crowd] == [one_of(RegisterResponse(1), RegisterResponse(0, ANYTHING))] * 100


@clause("ROBUST-CHURN")
def test_logout_and_at_once_a_login(outsider: Peer, connect: Connect) -> None:
    """Sixty times, a user logs out and at once logs in on a new connection"""
    replies = []
    for _ in range(60):
        peer = connect(outsider.account)
        replies.append(peer.login())
        peer.send(Logout())
        peer.close()

    assert replies == [login_accepted()] * 60


@clause("ROBUST-CHURN")
def test_abandoned_logins(outsider: Peer, connect: Connect) -> None:
    """After a hundred logins that were abandoned at the challenge, one succeeds"""
    for _ in range(100):
        abandoned = connect(outsider.account)
        abandoned.ask()
        abandoned.close()

    assert outsider.login() == login_accepted()


@clause("ROBUST-CHURN")
def test_a_hundred_connections(sending: None, alice: Peer, bob: Peer, connect: Connect) -> None:
    """After a hundred connections that came and went, the server still serves"""
    for _ in range(100):
        connect(who="passing").close()

    assert deliver(alice, bob, b"still here") == IncomingMessage(ANYTHING, alice.name, ANYTHING, b"still here")
