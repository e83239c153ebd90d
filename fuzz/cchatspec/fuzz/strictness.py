"""Proofs that only a lax check takes, and keys under which anybody can make proofs. LOGIN-STRICT."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from cchatspec.fuzz.edits import GROUP_ORDER
from cchatspec.fuzz.wrong import SMALL_ORDER

_HALF: Final = 32


def is_weak(keys: Collection[bytes]) -> bool:
    """Whether one of these keys is of small order, so that anybody can make proofs. A server should refuse them, but need not."""
    return any(_without_sign(key) in _SMALL for key in keys)


def _without_sign(point: bytes) -> bytes:
    return point[:-1] + bytes([point[-1] & 0x7F])


_SMALL: Final = frozenset(map(_without_sign, SMALL_ORDER))


def is_lax(signature: bytes, made: Collection[bytes]) -> bool:
    """Whether nobody made this signature, and the mathematics without the checks takes it for one that was made."""
    reduced = int.from_bytes(signature[_HALF:], "little") - GROUP_ORDER
    return reduced >= 0 and signature[:_HALF] + reduced.to_bytes(_HALF, "little") in made
