"""Tables of precompiled structs for the fast codec: one for each length that a one-byte length field can say.

With the length of a name known, all that stands around the name is read or written in one call. The `{}` of a format is where
the length goes.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any

_SIZES = range(256)


def packers(layout: str) -> tuple[Callable[..., bytes], ...]:
    """`pack` of the struct for each length."""
    return tuple(Struct(layout.format(size)).pack for size in _SIZES)


def unpackers(layout: str) -> tuple[Callable[[bytes], tuple[Any, ...]], ...]:
    """`unpack` of the struct for each length: it takes the whole payload, no byte more or less."""
    return tuple(Struct(layout.format(size)).unpack for size in _SIZES)


def readers(layout: str) -> tuple[Callable[..., tuple[Any, ...]], ...]:
    """`unpack_from` of the struct for each length: it takes a payload and an offset."""
    return tuple(Struct(layout.format(size)).unpack_from for size in _SIZES)
