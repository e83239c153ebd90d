"""The bases of the generated classes: a message, and an entry of a counted group."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct


class Message(Struct, frozen=True, gc=False):
    """A message; `type` is the byte that stands for it on the wire."""

    type: ClassVar[int]


class Entry(Struct, frozen=True, gc=False):
    """One entry of a counted group."""
