"""The edges of strict Ed25519, with signatures made by hand; libsodium does the arithmetic on points."""

from __future__ import annotations

from hashlib import sha512

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import (
    crypto_core_ed25519_add,
    crypto_core_ed25519_is_valid_point,
    crypto_scalarmult_ed25519_base_noclamp,
)
from tests.reference.conftest import key_of

from cchatspec.reference.identity import is_key, is_name, is_proof

ORDER = 2**252 + 27742317777372353535851937790883648493
FIELD = 2**255 - 19
IDENTITY = (1).to_bytes(32, "little")

#: The eight points of small order, and their encodings that are not canonical.
TORSION_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
SMALL_ORDER = [
    bytes.fromhex(point)
    for point in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    )
]

SIGNER = key_of(b"alice")
KEY = bytes(SIGNER.verify_key)
CHALLENGE = bytes(range(32))
SIGNATURE = SIGNER.sign(CHALLENGE).signature


def scalar(number: int) -> bytes:
    return (number % ORDER).to_bytes(32, "little")


def secret_scalar() -> int:
    digest = bytearray(sha512(bytes(SIGNER)).digest()[:32])
    digest[0] &= 248
    digest[31] = digest[31] & 127 | 64
    return int.from_bytes(digest, "little")


def hashed(point: bytes, key: bytes, message: bytes) -> int:
    return int.from_bytes(sha512(point + key + message).digest(), "little") % ORDER


def signed_with_nonce(nonce: int, point: bytes | None = None) -> bytes:
    """The signature with this nonce; with `point`, that stands in place of the nonce's point."""
    commitment = point or crypto_scalarmult_ed25519_base_noclamp(scalar(nonce))
    return commitment + scalar(nonce + hashed(commitment, KEY, CHALLENGE) * secret_scalar())


def test_the_signature_of_the_key_proves() -> None:
    assert is_proof(KEY, CHALLENGE, SIGNATURE)


def test_a_signature_made_by_hand_proves() -> None:
    assert is_proof(KEY, CHALLENGE, signed_with_nonce(12345))


def test_a_scalar_that_is_not_reduced_proves_nothing() -> None:
    malleable = int.from_bytes(SIGNATURE[32:], "little") + ORDER

    assert not is_proof(KEY, CHALLENGE, SIGNATURE[:32] + malleable.to_bytes(32, "little"))


def test_a_commitment_of_small_order_proves_nothing() -> None:
    # The equation holds: the nonce is 0, and its point the identity.
    assert not is_proof(KEY, CHALLENGE, signed_with_nonce(0, IDENTITY))


def test_a_commitment_off_by_a_point_of_small_order_proves_nothing() -> None:
    # Verification that multiplies by the cofactor would accept it.
    point = crypto_core_ed25519_add(crypto_scalarmult_ed25519_base_noclamp(scalar(12345)), TORSION_8)

    assert not is_proof(KEY, CHALLENGE, signed_with_nonce(12345, point))


@pytest.mark.parametrize("key", SMALL_ORDER, ids=bytes.hex)
def test_a_key_of_small_order_proves_nothing(key: bytes) -> None:
    # With the identity as key, the equation holds for any message.
    commitment = crypto_scalarmult_ed25519_base_noclamp(scalar(5))

    assert not is_proof(key, CHALLENGE, commitment + scalar(5))


@pytest.mark.parametrize("key", SMALL_ORDER, ids=bytes.hex)
def test_a_key_of_small_order_is_no_key(key: bytes) -> None:
    assert not is_key(key)


@pytest.mark.parametrize("y", [FIELD + 2, 2**255 - 1])
def test_an_encoding_that_is_not_canonical_is_no_key(y: int) -> None:
    assert not is_key(y.to_bytes(32, "little"))


@given(st.binary(min_size=32, max_size=32))
def test_whatever_libsodium_takes_for_a_key_is_one(key: bytes) -> None:
    assert is_key(key) or not crypto_core_ed25519_is_valid_point(key)


@given(st.binary(max_size=300))
def test_names_are_what_the_alphabet_says(name: bytes) -> None:
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

    assert is_name(name) == (1 <= len(name) <= 255 and set(name) <= set(alphabet))
