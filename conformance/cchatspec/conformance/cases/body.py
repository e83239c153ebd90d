"""SEND-BODY: bodies arrive byte for byte, whatever is in them and however large they are."""

from __future__ import annotations

import pytest

from cchatspec.conformance.cases.send import ALL_BYTES, pattern
from cchatspec.conformance.harness.expect import ANYTHING, acknowledged, error, one_of, refusal
from cchatspec.conformance.harness.peer import Peer
from cchatspec.conformance.harness.steps import deliver
from cchatspec.conformance.marks import clause
from cchatspec.spec import IncomingMessage, ListUsers, SendMessage, build

SMALL_SIZES = [1, 2, 24, 40, 127, 128, 254, 255, 256, 257]
LARGE_SIZES = [1023, 1024, 1025, 2047, 2048, 2049, 4096, 8192, 16384, 32767, 32768, 65534, 65535]


@clause("SEND-BODY")
@pytest.mark.parametrize("size", SMALL_SIZES)
def test_small(sending: None, alice: Peer, bob: Peer, size: int) -> None:
    """A small body arrives as it was sent"""
    assert deliver(alice, bob, pattern(size)) == IncomingMessage(ANYTHING, ANYTHING, ANYTHING, pattern(size))


@clause("SEND-BODY")
@pytest.mark.parametrize("size", LARGE_SIZES)
def test_large(sending: None, alice: Peer, bob: Peer, size: int) -> None:
    """A large body arrives as it was sent, if the target takes it"""
    assert deliver(alice, bob, pattern(size)) == IncomingMessage(ANYTHING, ANYTHING, ANYTHING, pattern(size))


@clause("SEND-BODY")
def test_all_bytes(sending: None, alice: Peer, bob: Peer) -> None:
    """A body with all 256 byte values arrives as it was sent"""
    assert deliver(alice, bob, ALL_BYTES) == IncomingMessage(ANYTHING, ANYTHING, ANYTHING, ALL_BYTES)


@clause("SEND-BODY")
@pytest.mark.parametrize(
    "byte", [0x00, 0x0A, 0x0D, 0x20, 0x22, 0x25, 0x27, 0x5C, 0x7F, 0x80, 0xC3, 0xFF], ids="0x{:02x}".format
)
def test_one_byte(sending: None, alice: Peer, bob: Peer, byte: int) -> None:
    """A body that starts, ends and is full of such bytes arrives as it was sent"""
    body = bytes([byte]) * 3

    assert deliver(alice, bob, body) == IncomingMessage(ANYTHING, ANYTHING, ANYTHING, body)


WORDS = {
    "crlf": b"one\r\ntwo\r\n",
    "lf": b"\none\ntwo\n",
    "bom": b"\xef\xbb\xbfone",
    "escape": b"\\n\\x00%00&lt;",
    "spaces": b"  one  ",
    "a-frame": build(ListUsers()) * 2,
    "json": b'{"text": "\xff\xfe"}',
    "markup": b"<b>\xe9</b>&amp;",
    "base64": b"aGVsbG8=",
    "decomposed": "e\u0301".encode(),
    "object": b'{"a": 1}',
    "element": b"<a>1</a>",
    "gzip": b"\x1f\x8b\x08\x00\xff",
    "bad-utf-8": b"\xc3\x28 \xed\xa0\x80",
}


@clause("SEND-BODY")
@pytest.mark.parametrize("what", WORDS)
def test_words(sending: None, alice: Peer, bob: Peer, what: str) -> None:
    """Bytes that mean something to programs arrive as they were sent"""
    assert deliver(alice, bob, WORDS[what]) == IncomingMessage(ANYTHING, ANYTHING, ANYTHING, WORDS[what])


@clause("FRAME-LARGE")
def test_in_step_after_the_largest(sending: None, alice: Peer, bob: Peer) -> None:
    """After the largest message, taken or refused with a word, nothing of it is taken for requests"""
    alice.send(SendMessage(bob.name, pattern(65_535)))

    assert alice.until_fence() == refusal(one_of(acknowledged(ANYTHING), error(ANYTHING)))
