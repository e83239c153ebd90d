"""Where effects are collected, and all that is counted: what is left of a turn, writes to the store, and message ids."""

from __future__ import annotations

from typing import Final

from cchatspec.reference.effects import (
    AddMessage,
    AddUser,
    Close,
    Drain,
    Effect,
    QueuedMessage,
    RemoveMessages,
    ReserveIds,
    Send,
)
from cchatspec.reference.records import Connection
from cchatspec.spec import Error, ErrorCode, Message, build

#: What one event may cause, in bytes sent to anybody, and what each request counts besides.
TURN_BYTES: Final = 256 * 1024
REQUEST_COST: Final = 256

#: The last message id, and how many are reserved in the store at a time. SEND-UNIQUE.
LAST_ID: Final = 0xFFFF_FFFF
ID_BLOCK: Final = 4096

_ERROR_TEXT_LIMIT: Final = 200


class Outlet:
    """The effects of one event.

    Attributes:
        room: what is left of the turn, in bytes; not above 0 when the turn is over.
        ids_stored: the write that reserved the latest ids; a frame with an id must not leave before it.
    """

    def __init__(self, next_id: int) -> None:
        self.room = TURN_BYTES
        self.ids_stored = 0
        self._effects: list[Effect] = []
        self._sequence = 0
        self._next_id = self._reserved_to = next_id

    def taken(self) -> list[Effect]:
        """The effects since the last time."""
        effects, self._effects = self._effects, []
        return effects

    def send(self, conn: Connection, message: Message, after: int = 0) -> None:
        """Sends a message once the store has committed write number `after`."""
        self.send_frame(conn, build(message), after)

    def send_frame(self, conn: Connection, data: bytes, after: int = 0) -> None:
        """Sends a frame that is built already."""
        self.room -= len(data)
        self._effects.append(Send(conn.id, data, after))

    def error(self, conn: Connection, code: ErrorCode, detail: str) -> None:
        """Sends an ERROR with a text for people. ERROR-TEXT."""
        text = f"{code.text}: {detail}"[:_ERROR_TEXT_LIMIT]
        self.send(conn, Error(code, text.encode("utf-8", "replace")))

    def close(self, conn: Connection) -> None:
        """Closes the connection behind what was sent to it."""
        self._effects.append(Close(conn.id))

    def drain(self, conn: Connection) -> None:
        """Asks for the news that all has left, and for no input until then."""
        conn.waiting = True
        self._effects.append(Drain(conn.id))

    def add_user(self, name: bytes, key: bytes) -> int:
        """Stores a user, and returns the number of the write."""
        sequence = self._numbered()
        self._effects.append(AddUser(sequence, name, key))
        return sequence

    def add_message(self, message: QueuedMessage) -> int:
        """Stores a queued message, and returns the number of the write."""
        sequence = self._numbered()
        self._effects.append(AddMessage(sequence, message))
        return sequence

    def remove_messages(self, messages: list[QueuedMessage]) -> None:
        """Takes messages out of the store."""
        self._effects.append(RemoveMessages(self._numbered(), tuple(message.id for message in messages)))

    def new_id(self) -> int | None:
        """The next message id, or None when all have been given out. SEND-UNIQUE.

        The store knows which block of ids is in use, not which id is the last; after a restart they go on behind the block.
        """
        number = self._next_id
        if number > LAST_ID:
            return None
        if number >= self._reserved_to:
            self._reserved_to = min(number + ID_BLOCK, LAST_ID + 1)
            self.ids_stored = self._numbered()
            self._effects.append(ReserveIds(self.ids_stored, self._reserved_to))
        self._next_id += 1
        return number

    def _numbered(self) -> int:
        self._sequence += 1
        return self._sequence
