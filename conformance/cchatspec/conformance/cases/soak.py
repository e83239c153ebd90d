"""What shows only after long: tens of thousands of connections, and half frames that stand. Run with `--soak`."""

from __future__ import annotations

import pytest

from cchatspec.conformance.cases.robust import STILL_HERE
from cchatspec.conformance.fixtures import Connect
from cchatspec.conformance.harness.expect import ANYTHING, closed, error, one_of
from cchatspec.conformance.harness.peer import Peer
from cchatspec.conformance.harness.steps import deliver
from cchatspec.conformance.marks import clause
from cchatspec.spec import Error, ErrorCode, RegisterUser, build

#: How long a connection with half a frame may stand, in seconds, before "some day" is doubtful.
SOME_DAY_S = 180.0


@clause("ROBUST-CHURN")
@pytest.mark.parametrize("count", [20_000])
def test_tens_of_thousands(sending: None, alice: Peer, bob: Peer, connect: Connect, count: int) -> None:
    """After tens of thousands of connections that came and went, the server still serves"""
    for _ in range(count):
        connect(who="passing").close()

    assert deliver(alice, bob, b"still here") == STILL_HERE


@clause("ROBUST-CHURN")
def test_thousands_of_resets(sending: None, alice: Peer, bob: Peer, connect: Connect) -> None:
    """After five thousand connections that were reset in the middle of a frame, the server still serves"""
    for _ in range(5_000):
        broken = connect(who="broken")
        broken.send_bytes(build(RegisterUser(broken.name, broken.account.public_key))[:20])
        broken.reset()

    assert deliver(alice, bob, b"still here") == STILL_HERE


@clause("FRAME-PARTIAL")
@pytest.mark.parametrize("size", [3, 20])
def test_half_a_frame_ends_some_day(visitor: Peer, size: int) -> None:
    """A connection on which half a frame stands is ended"""
    visitor.send_bytes(build(RegisterUser(visitor.name, visitor.account.public_key))[:size])

    assert visitor.until_end(SOME_DAY_S) == one_of(
        [closed()],
        [Error(ANYTHING, ANYTHING), closed()],
        [error(ErrorCode.CONNECTION_TERMINATED), closed()],
    )
