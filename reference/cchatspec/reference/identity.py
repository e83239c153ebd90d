"""Names, keys and proofs: what the server accepts of each. Pure functions, with libsodium for the signatures."""

from __future__ import annotations

import re
from typing import Final

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

#: Open points name-alphabet and name-length: the portable bytes, full stop and hyphen; 1 to 255 of them.
_NAME: Final = re.compile(rb"[A-Za-z0-9_.-]{1,255}")

_FIELD: Final = 2**255 - 19
_SIGN_BIT: Final = 1 << 255

#: The y coordinates of the eight points of small order; a sign bit tells those with the same y apart.
_SMALL_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        _FIELD - 1,
        int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    }
)


def is_name(name: bytes) -> bool:
    """Whether a name may be registered. REG-EMPTY, REG-PORTABLE."""
    return _NAME.fullmatch(name) is not None


def is_key(key: bytes) -> bool:
    """Whether 32 bytes may be registered as a key: all but points of small order and encodings that are not canonical.

    Bytes that are no point on the curve are accepted, since no signature verifies under them. LOGIN-STRICT.
    """
    y = int.from_bytes(key, "little") & ~_SIGN_BIT
    return y < _FIELD and y not in _SMALL_ORDER_Y


def is_proof(key: bytes, challenge: bytes, signature: bytes) -> bool:
    """Whether the 64 bytes are a strict Ed25519 signature by the key over the challenge. LOGIN-PROOF, LOGIN-STRICT."""
    try:
        crypto_sign_open(signature + challenge, key)
    except BadSignatureError:
        return False
    return True
