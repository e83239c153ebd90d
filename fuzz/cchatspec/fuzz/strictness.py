"""Proofs that only a lax check takes: by a key of small order, or with a number that is not reduced. LOGIN-STRICT."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from cchatspec.fuzz.edits import GROUP_ORDER
from cchatspec.fuzz.wrong import SMALL_ORDER

_HALF: Final = 32


def is_lax(signature: bytes, keys: Collection[bytes], made: Collection[bytes]) -> bool:
    """Whether nobody made this signature, and the mathematics without the checks takes it for one.

    Args:
        signature: the proof.
        keys: the keys that the user may have.
        made: the signatures that were made.
    """
    if any(key in SMALL_ORDER for key in keys):
        return True
    reduced = int.from_bytes(signature[_HALF:], "little") - GROUP_ORDER
    return reduced >= 0 and signature[:_HALF] + reduced.to_bytes(_HALF, "little") in made
