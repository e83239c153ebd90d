"""ERROR: error frames."""

from __future__ import annotations

import pytest

from cchatspec.conformance.harness.expect import ANYTHING, Matcher, closed, one_of
from cchatspec.conformance.harness.outcomes import Reply
from cchatspec.conformance.harness.peer import Peer
from cchatspec.conformance.harness.steps import of_type, picked
from cchatspec.conformance.marks import clause
from cchatspec.spec import Error, ErrorCode, GetPublicKey, PublicKeyResponse, build, frame_bytes

AN_ERROR = Error(ANYTHING, ANYTHING)


def refused(peer: Peer, kind: int) -> Reply:
    """The ERROR that a frame of no client's type brings."""
    peer.send_raw(kind, b"")
    return of_type(peer.receive(), Error, "FRAME-UNKNOWN")


def utf8(reply: Reply) -> object:
    """The text of an ERROR, or its bytes if they are no UTF-8."""
    message = reply.error_message if isinstance(reply, Error) else b""
    try:
        return message.decode("utf-8")
    except UnicodeDecodeError:
        return message


class Text(Matcher):
    """Equal to any text, and to no bytes."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str)

    def words(self, parts: list[str]) -> str:  # noqa: D102 (Matcher says it)
        return "a text in UTF-8"


@clause("ERROR-CODE")
@pytest.mark.parametrize("kind", [0x7F, 0xFF], ids="0x{:02x}".format)
def test_for_an_unknown_type(alice: Peer, kind: int) -> None:
    """The code of the ERROR for an unknown type is defined"""
    reply = refused(alice, kind)

    assert getattr(reply, "error_code", reply) == one_of(*ErrorCode)


@clause("ERROR-CODE")
def test_before_login(outsider: Peer) -> None:
    """The code of the ERROR for a request before login is defined"""
    reply = of_type(outsider.request(GetPublicKey(outsider.name)), Error, "AUTH-KEY")

    assert getattr(reply, "error_code", reply) == one_of(*ErrorCode)


@clause("ERROR-TEXT")
def test_is_utf8(alice: Peer) -> None:
    """The text of an ERROR is UTF-8"""
    assert utf8(refused(alice, 0x7F)) == Text()


@clause("ERROR-TEXT")
def test_is_utf8_when_the_name_is_not(alice: Peer) -> None:
    """The text of an ERROR is UTF-8 when the request had a name that is not"""
    alice.send_raw(0x03, b"\x09\xff\xfe")

    assert utf8(of_type(alice.receive(), Error, "FRAME-MALFORMED")) == Text()


@clause("FRAME-UNASKED")
def test_one_for_each_mistake(alice: Peer) -> None:
    """A malformed request brings one ERROR and not two"""
    alice.send_raw(0x03, b"\x09bob")

    assert picked(alice.until_fence(), Error)[:2] == one_of([AN_ERROR], [AN_ERROR, closed()])


@clause("FRAME-ORDER")
def test_does_not_overtake(alice: Peer) -> None:
    """The ERROR for a malformed request does not come before the reply to the request in front of it"""
    alice.send_bytes(build(GetPublicKey(alice.name)) + frame_bytes(0x03, b"\x09bob"))

    assert alice.receive() == PublicKeyResponse(1, alice.account.public_key)
