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
    scalar = int.from_bytes(signature[32:], "little")
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
    try:
        VerifyKey(key).verify(message, signature)
    except BadSignatureError:
        return bool(fault("bad-point-passes") and not bindings.crypto_core_ed25519_is_valid_point(signature[:32]))
    except ValueError:
        return False
    return True


_FAULT_OF_FORM = {_IDENTITY: "small-order-key", _IDENTITY_OTHER_FORM: "small-order-key-other-form"}


def _is_signed_at_identity(key: bytes, message: bytes, signature: bytes) -> bool:
    """The equation S·B = R + k·A with the neutral point for R, which libsodium refuses beforehand."""
    factor = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % _ORDER
    try:
        left = bindings.crypto_scalarmult_ed25519_base_noclamp(signature[32:])
        right = bindings.crypto_scalarmult_ed25519_noclamp(factor.to_bytes(32, "little"), key)
    except CryptoError:
        return False
    return left == right
