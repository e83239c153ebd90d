"""ROBUST: what a server stands. A pair of bystanders must not notice anything."""

from __future__ import annotations

import pytest

from cchatspec.conformance.fixtures import Connect
from cchatspec.conformance.harness.expect import ANYTHING
from cchatspec.conformance.harness.peer import Peer
from cchatspec.conformance.harness.steps import deliver
from cchatspec.conformance.marks import clause
from cchatspec.spec import IncomingMessage, RegisterUser, build, frame_bytes


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


@clause("ROBUST-CHURN")
def test_a_hundred_connections(sending: None, alice: Peer, bob: Peer, connect: Connect) -> None:
    """After a hundred connections that came and went, the server still serves"""
    for _ in range(100):
        connect(who="passing").close()

    assert deliver(alice, bob, b"still here") == IncomingMessage(ANYTHING, alice.name, ANYTHING, b"still here")
