"""LOGIN-STRICT: keys of order 2, 4 and 8, under which anybody can make signatures over some challenges.

A server that verifies as RFC 8032 says, with OpenSSL, Go or Java, takes them; so these cases are a SHOULD, beyond their clause.

The points of small order are the multiples 0 to 7 of one of them. With such a key A and S = 0, a signature fits the equation
S·B = R + k·A if R is -k·A, and k depends on R: one of the eight does for about two challenges of three.
"""

from __future__ import annotations

import hashlib
from functools import partial

import pytest
from nacl.bindings import crypto_core_ed25519_add

from cchatspec.conformance.cases.proof import NEUTRAL_POINT
from cchatspec.conformance.harness.expect import ANYTHING, no_login, one_of, register_refused
from cchatspec.conformance.harness.peer import Peer
from cchatspec.conformance.harness.steps import ED25519_ORDER, forged_login
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause

_ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")


def multiples(point: bytes) -> list[bytes]:
    """The multiples of a point by 0 to 7."""
    found = [NEUTRAL_POINT]
    while len(found) < 8:
        found.append(crypto_core_ed25519_add(found[-1], point))
    return found


POINTS = multiples(_ORDER_8)

#: Keys by their order, as multiples of the point of order 8.
KEYS = {"order-2": 4, "order-4": 2, "order-8": 1, "order-8-negative": 7}


def forged(multiple: int, challenge: bytes) -> bytes | None:
    """A signature that fits this key and challenge, made without a private key; None if there is none.

    64 zero bytes are none, since they ask for another challenge.
    """
    for index, point in enumerate(POINTS):
        digest = hashlib.sha512(point + POINTS[multiple] + challenge).digest()
        factor = int.from_bytes(digest, "little") % ED25519_ORDER
        if (index + factor * multiple) % 8 == 0 and point != bytes(32):
            return point + bytes(32)
    return None


@clause("LOGIN-STRICT", level="SHOULD")
@pytest.mark.parametrize("order", KEYS)
def test_forged_for_a_key_of_small_order(checking: None, target: Target, stranger: Peer, order: str) -> None:
    """A key of this order is refused at the registration, or a signature that anybody can make for it is"""
    target.require("KEY-FOUND")

    assert forged_login(stranger, POINTS[KEYS[order]], partial(forged, KEYS[order])) == one_of(
        register_refused(ANYTHING), no_login()
    )
