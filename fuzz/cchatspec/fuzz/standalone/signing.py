"""Ed25519 (RFC 8032) in plain Python: slow and simple, for keys that are thrown away."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

P = 2**255 - 19
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
if TYPE_CHECKING:
    Point = tuple[int, int, int, int]


def _add(one: Point, two: Point) -> Point:
    a = (one[1] - one[0]) * (two[1] - two[0]) % P
    b = (one[1] + one[0]) * (two[1] + two[0]) % P
    c = 2 * one[3] * two[3] * D % P
    d = 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(number: int, point: Point) -> Point:
    total = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = _add(total, point)
        point = _add(point, point)
        number >>= 1
    return total


def _base() -> Point:
    y = 4 * pow(5, P - 2, P) % P
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    x = P - x if x & 1 else x
    return x, y, 1, x * y % P


BASE = _base()


def _packed(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    number: int = y | (x & 1) << 255
    return number.to_bytes(32, "little")


def _expanded(seed: bytes) -> tuple[int, bytes]:
    digest = hashlib.sha512(seed).digest()
    number = int.from_bytes(digest[:32], "little")
    return number & (2**254 - 8) | 2**254, digest[32:]


def public_key(seed: bytes) -> bytes:
    """The public key of a private one of 32 bytes."""
    return _packed(_times(_expanded(seed)[0], BASE))


def sign(seed: bytes, message: bytes) -> bytes:
    """The detached signature over a message."""
    number, prefix = _expanded(seed)
    own = _packed(_times(number, BASE))
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % GROUP_ORDER
    point = _packed(_times(r, BASE))
    k = int.from_bytes(hashlib.sha512(point + own + message).digest(), "little") % GROUP_ORDER
    return point + ((r + k * number) % GROUP_ORDER).to_bytes(32, "little")
