"""Where effects are collected, and all that is counted: what is left of a turn, writes to the store, and message ids."""

from __future__ import annotations

from typing import Final

from cchatspec.reference.effects import (
    AddMessage,
    AddUser,
    Close,
    Drain,
    Effect,
    EndTurn,
    Level,
    Note,
    QueuedMessage,
    RemoveMessages,
    ReserveIds,
    Send,
)
from cchatspec.reference.records import Connection
from cchatspec.reference.states import REQUESTS
from cchatspec.spec import Error, ErrorCode, Message, build

#: What one event may cause, in bytes sent to anybody, and what each request counts besides.
TURN_BYTES: Final = 256 * 1024
REQUEST_COST: Final = 256

#: The last message id, and how many are reserved in the store at a time. SEND-UNIQUE.
LAST_ID: Final = 0xFFFF_FFFF
ID_BLOCK: Final = 4096

_ERROR_TEXT_LIMIT: Final = 200


class Counts:
    """What has happened since the start, for the metrics.

    Attributes:
        requests: requests by type; those of types that are none, at 0.
        errors: ERRORs by code.
        pushed, queued, unqueued: messages that were delivered at once, kept, and refused for want of room.
        given: messages that were kept and have left.
        logins, refused_logins: proofs by what came of them.
        connections, turned_away: connections that were taken, and that were not.
        dropped: connections that the server ended, by reason.
    """

    __slots__ = (
        "connections",
        "dropped",
        "errors",
        "given",
        "logins",
        "pushed",
        "queued",
        "refused_logins",
        "requests",
        "turned_away",
        "unqueued",
    )

    def __init__(self) -> None:
        self.requests = [0] * (max(REQUESTS) + 1)
        self.errors = [0] * (max(ErrorCode) + 1)
        self.pushed = self.queued = self.unqueued = self.given = 0
        self.logins = self.refused_logins = 0
        self.connections = self.turned_away = 0
        self.dropped: dict[str, int] = {}

    def drop(self, reason: str) -> None:
        """Counts a connection that the server ended."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1


class Outlet:
    """The effects of one event.

    Args:
        next_id: the first message id that was never given out.
        level: what matters less is not noted.

    Attributes:
        room: what is left of the turn, in bytes; not above 0 when the turn is over.
        ids_stored: the write that reserved the latest ids; a frame with an id must not leave before it.
        counts: what has happened so far.
        next_id: the message id that is given out next.
        reserved_to: the first id that the store does not know to be in use.
    """

    def __init__(self, next_id: int, level: int) -> None:
        self.room = TURN_BYTES
        self.ids_stored = 0
        self.counts = Counts()
        self._effects: list[Effect] = []
        self._sequence = 0
        self._level = level
        self.next_id = self.reserved_to = next_id

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
        self.counts.errors[code] += 1
        self.send(conn, Error(code, text.encode("utf-8", "replace")))

    def close(self, conn: Connection) -> None:
        """Closes the connection behind what was sent to it."""
        self._effects.append(Close(conn.id))

    def drain(self, conn: Connection) -> None:
        """Asks for the news that all has left, and for no input until then."""
        conn.waiting = True
        self._effects.append(Drain(conn.id))

    def end_turn(self) -> None:
        """Asks for a call once all that has come is handed in."""
        self._effects.append(EndTurn())

    def note(
        self, level: Level, event: str, conn: Connection | None, detail: str = "", name: bytes | None = None
    ) -> None:
        """Says what happened, for those who run the server; without `name`, it is about the connection's user."""
        if level < self._level:
            return
        if name is None and conn is not None and conn.account is not None:
            name = conn.account.name
        self._effects.append(Note(level, event, conn.id if conn else 0, name, detail))

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
        number = self.next_id
        if number > LAST_ID:
            return None
        if number >= self.reserved_to:
            self.reserved_to = min(number + ID_BLOCK, LAST_ID + 1)
            self.ids_stored = self._numbered()
            self._effects.append(ReserveIds(self.ids_stored, self.reserved_to))
        self.next_id += 1
        return number

    def _numbered(self) -> int:
        self._sequence += 1
        return self._sequence
