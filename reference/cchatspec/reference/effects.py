"""What the core asks of its shell, and what it starts from.

Effects are carried out in their order. Those that write to the store are numbered in one rising sequence; a `Send` says with
`after` which of them must be committed before its bytes may leave, so that no promise is given that a power cut could break. What
is sent to one connection keeps its order, so a frame that waits holds up those behind it, and no other connection.
"""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct


class QueuedMessage(Struct, frozen=True, gc=False):
    """A message that waits for its recipient; `timestamp` is in Unix seconds."""

    id: int
    sender: bytes
    recipient: bytes
    timestamp: int
    body: bytes


class Snapshot(Struct, frozen=True):
    """What a store holds when the server starts.

    Attributes:
        users: name and public key of each user, in the order of registration.
        messages: those that are queued, in the order of their ids.
        next_id: the first message id that was never given out.
    """

    users: tuple[tuple[bytes, bytes], ...] = ()
    messages: tuple[QueuedMessage, ...] = ()
    next_id: int = 1


class Send(Struct, frozen=True, gc=False):
    """Send these bytes, a whole frame, once the store has committed write number `after`; 0 is at once."""

    connection: int
    data: bytes
    after: int = 0


class Close(Struct, frozen=True, gc=False):
    """Close the connection once all that was sent to it has left."""

    connection: int


class Drain(Struct, frozen=True, gc=False):
    """Stop reading from the connection; once all that was sent to it has left our buffers, call `drained` and read on."""

    connection: int


class AddUser(Struct, frozen=True, gc=False):
    """Store a user."""

    sequence: int
    name: bytes
    key: bytes


class AddMessage(Struct, frozen=True, gc=False):
    """Store a queued message."""

    sequence: int
    message: QueuedMessage


class RemoveMessages(Struct, frozen=True, gc=False):
    """Forget queued messages that have been delivered."""

    sequence: int
    ids: tuple[int, ...]


class ReserveIds(Struct, frozen=True, gc=False):
    """Note that the ids below `next_id` may have been given out."""

    sequence: int
    next_id: int


class EndTurn(Struct, frozen=True, gc=False):
    """Call `end_turn` once all that has come by now is handed in."""


class Level(IntEnum):
    """How much what happened matters to who runs the server; the numbers are those of `logging`."""

    DEBUG = 10
    INFO = 20
    WARNING = 30


class Note(Struct, frozen=True, gc=False):
    """Something happened that who runs the server may want to know; it has no effect. `name` is as it came from the wire."""

    level: Level
    event: str
    connection: int = 0
    name: bytes | None = None
    detail: str = ""


Write = AddUser | AddMessage | RemoveMessages | ReserveIds
Effect = Send | Close | Drain | EndTurn | Note | Write
