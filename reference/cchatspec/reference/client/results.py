"""What a client hears of messages and users."""

from __future__ import annotations

from dataclasses import dataclass

from cchatspec.reference.client.crypto import Problem
from cchatspec.reference.client.text import from_wire
from cchatspec.spec import AckStatus, IncomingMessage, Presence


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message that was sent: its id, and whether it was delivered or queued."""

    message_id: int
    status: AckStatus


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A user shows another status."""

    name: str
    status: Presence


@dataclass(frozen=True, slots=True)
class Received:
    """A message that came: what it says, or why it cannot be read; `raw` is how it came.

    Attributes:
        is_authenticated: whether the body proves that it is from its sender; a sealed box does not.
    """

    raw: IncomingMessage
    content: bytes | None
    problem: Problem | None
    is_authenticated: bool = True

    @property
    def id(self) -> int:
        """The id that the server gave the message."""
        return self.raw.message_id

    @property
    def sender(self) -> str:
        """The name of the sender, as the server says it."""
        return from_wire(self.raw.sender)

    @property
    def timestamp(self) -> int:
        """When the server took the message, in Unix seconds."""
        return self.raw.timestamp

    @property
    def text(self) -> str | None:
        """What the message says, with bytes that are not UTF-8 kept as surrogates."""
        return None if self.content is None else from_wire(self.content)
