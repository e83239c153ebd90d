"""Checking Ed25519 signatures: strictly by libsodium, and laxly for the faults."""

from __future__ import annotations

import hashlib

from nacl import bindings
from nacl.exceptions import BadSignatureError, CryptoError
from nacl.signing import VerifyKey

from options import fault

_ORDER = 2**252 + 27742317777372353535851937790883648493
_IDENTITY = (1).to_bytes(32, "little")
_IDENTITY_OTHER_FORM = (2**255 - 18).to_bytes(32, "little")


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is the signature of the key's owner over the message."""
    scalar = scalar_of(signature)
    if fault("scalar-top-bits"):
        scalar &= (1 << 253) - 1
    if fault("scalar-is-reduced"):
        scalar %= _ORDER
    signature = signature[:32] + scalar.to_bytes(32, "little")
    forms = [form for form in (_IDENTITY, _IDENTITY_OTHER_FORM) if fault(_FAULT_OF_FORM[form])]
    if key in forms and signature == _IDENTITY + bytes(32):
        return True
    if signature[:32] == _IDENTITY and fault("small-order-point"):
        return _is_signed_at_identity(key, message, signature)
    if fault("keys-of-order-8") and _is_signed_by_small_order(key, message, signature):
        return True
    try:
        VerifyKey(key).verify(message, signature)
    except BadSignatureError:
        return bool(fault("bad-point-passes") and not bindings.crypto_core_ed25519_is_valid_point(signature[:32]))
    except ValueError:
        return False
    return True


_FAULT_OF_FORM = {_IDENTITY: "small-order-key", _IDENTITY_OTHER_FORM: "small-order-key-other-form"}


def _is_signed_by_small_order(key: bytes, message: bytes, signature: bytes) -> bool:
    """The equation for S = 0 and a key of order 2, 4 or 8, which libsodium refuses beforehand."""
    if scalar_of(signature) != 0 or _times(8, key) != _IDENTITY or key == _IDENTITY:
        return False
    factor = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % _ORDER
    return _sum(signature[:32], _times(factor % 8, key)) == _IDENTITY


def _times(factor: int, point: bytes) -> bytes:
    found = _IDENTITY
    for _ in range(factor):
        found = _sum(found, point)
    return found


def _sum(one: bytes, other: bytes) -> bytes:
    """The sum of two points, or nothing if one of them is none."""
    try:
        return bytes(bindings.crypto_core_ed25519_add(one, other))
    except (CryptoError, TypeError):
        return b""


def scalar_of(signature: bytes) -> int:
    """The scalar of a signature."""
    return int.from_bytes(signature[32:], "little")


def _is_signed_at_identity(key: bytes, message: bytes, signature: bytes) -> bool:
    """The equation S·B = R + k·A with the neutral point for R, which libsodium refuses beforehand."""
    factor = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % _ORDER
    try:
        left = bindings.crypto_scalarmult_ed25519_base_noclamp(signature[32:])
        right = bindings.crypto_scalarmult_ed25519_noclamp(factor.to_bytes(32, "little"), key)
    except CryptoError:
        return False
    return left == right
