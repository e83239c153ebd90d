"""What outlives the server: users, queued messages and the ids in use, in one SQLite file.

A commit outlives a power cut by the write-ahead log with `synchronous=FULL`, and the process with `synchronous=OFF`. The file is
locked while a server uses it. The store knows nothing of connections; it takes the core's writes and gives a snapshot.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain, groupby
from typing import Any, Final

from cchatspec.reference.effects import AddMessage, AddUser, QueuedMessage, RemoveMessages, ReserveIds, Snapshot, Write

#: Marks a file as a store ("CCht"), and the version of its tables.
APPLICATION: Final = 0x43436874
VERSION: Final = 1

_KEY_BYTES: Final = 32

#: How many rows one statement inserts.
_AT_ONCE: Final = 32

#: What bytes are bound as: for those themselves, sqlite3 first looks for an adapter, which takes longer than the insert.
_blob: Final = bytearray

_TABLES: Final = (
    "CREATE TABLE users (number INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, key BLOB NOT NULL)",
    "CREATE TABLE messages (id INTEGER PRIMARY KEY, sender BLOB NOT NULL, recipient BLOB NOT NULL REFERENCES users (name),"
    " timestamp INTEGER NOT NULL, body BLOB NOT NULL)",
    "CREATE TABLE counter (next_id INTEGER NOT NULL)",
    "INSERT INTO counter VALUES (1)",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
)


class StoreError(Exception):
    """The store cannot be opened, read or written; the message says why, for people."""


class Store:
    """An open store. It may be used from any one thread at a time.

    Args:
        path: the file, which is made if it is not there.
        fsync: whether a commit waits until it is on disk.

    Raises:
        StoreError: the path cannot be written, another server uses the file, or it is no store of this version.
    """

    def __init__(self, path: str, *, fsync: bool = True) -> None:
        self.path = path
        if not path:
            raise StoreError("cannot open the store: its path is empty")
        try:
            self._database = sqlite3.connect(path, timeout=0.5, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise StoreError(f"cannot open the store {path}: {error}") from None
        try:
            self._prepare(fsync=fsync)
        except sqlite3.Error as error:
            self._database.close()
            raise StoreError(f"cannot use the store {path}: {error}") from None
        except StoreError:
            self._database.close()
            raise

    def _prepare(self, *, fsync: bool) -> None:
        run = self._database.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA foreign_keys = ON")
        is_new = self._is_new()
        run("PRAGMA journal_mode = WAL")
        run(f"PRAGMA synchronous = {'FULL' if fsync else 'OFF'}")
        # Takes the lock, and shows that the file can be written.
        run("BEGIN IMMEDIATE")
        for statement in _TABLES if is_new else ("UPDATE counter SET next_id = next_id",):
            run(statement)
        run("COMMIT")

    def _is_new(self) -> bool:
        """Whether the file is empty; a store of this version is not, and anything else is refused."""
        run = self._database.execute
        (tables,) = run("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = run("PRAGMA application_id").fetchone()
        (version,) = run("PRAGMA user_version").fetchone()
        if (tables, application, version) == (0, 0, 0):
            return True
        if application != APPLICATION:
            raise StoreError(f"cannot use the store {self.path}: it is the database of another program")
        if version != VERSION:
            problem = f"its version is {version}, and this program needs {VERSION}"
            raise StoreError(f"cannot use the store {self.path}: {problem}")
        return False

    def snapshot(self) -> Snapshot:
        """All that the store holds.

        Raises:
            StoreError: the file is damaged.
        """
        run = self._database.execute
        try:
            users = tuple(run("SELECT name, key FROM users ORDER BY number"))
            rows = run("SELECT id, sender, recipient, timestamp, body FROM messages ORDER BY id")
            messages = tuple(QueuedMessage(*row) for row in rows)
            counters = list(run("SELECT next_id FROM counter"))
        except sqlite3.Error as error:
            raise StoreError(f"cannot read the store {self.path}: {error}") from None
        if problem := _damage(users, messages, counters):
            raise StoreError(f"cannot use the store {self.path}: it is damaged, {problem}")
        return Snapshot(users, messages, counters[0][0])

    def commit(self, writes: Iterable[Write]) -> None:
        """Carries out writes in their order, all or none; when it returns, they outlive a power cut.

        Raises:
            StoreError: the disk is full, or the file cannot be written for another reason.
        """
        try:
            self._database.execute("BEGIN IMMEDIATE")
            for kind, group in groupby(writes, type):
                _WRITERS[kind](self._database, group)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise StoreError(f"cannot write the store {self.path}: {error}") from None

    def close(self) -> None:
        """Releases the file."""
        self._database.close()


def _damage(users: Sequence[Any], messages: Sequence[QueuedMessage], counters: Sequence[Any]) -> str | None:
    """What in the tables no server has written, if there is anything."""
    if not all(type(name) is type(key) is bytes and len(key) == _KEY_BYTES for name, key in users):
        return "it has a user whose name or key is none"
    names = {name for name, _ in users}
    for each in messages:
        kinds = [type(value) for value in (each.id, each.sender, each.recipient, each.timestamp, each.body)]
        if kinds != [int, bytes, bytes, int, bytes]:
            return "it has a message that is none"
        if each.recipient not in names:
            return f"message {each.id} is for nobody"
    if len(counters) != 1 or type(counters[0][0]) is not int:
        return "it does not say which message ids are in use"
    if messages and messages[-1].id >= counters[0][0]:
        return f"message {messages[-1].id} has an id that was never given out"
    return None


def _add_users(database: sqlite3.Connection, writes: Iterable[AddUser]) -> None:
    rows = [(_blob(write.name), _blob(write.key)) for write in writes]
    _insert(database, "INSERT INTO users (name, key) VALUES ", "(?, ?)", rows)


def _add_messages(database: sqlite3.Connection, writes: Iterable[AddMessage]) -> None:
    messages = [write.message for write in writes]
    rows = [(each.id, _blob(each.sender), _blob(each.recipient), each.timestamp, _blob(each.body)) for each in messages]
    _insert(database, "INSERT INTO messages (id, sender, recipient, timestamp, body) VALUES ", "(?, ?, ?, ?, ?)", rows)


def _remove_messages(database: sqlite3.Connection, writes: Iterable[RemoveMessages]) -> None:
    database.executemany("DELETE FROM messages WHERE id = ?", [(number,) for write in writes for number in write.ids])


def _reserve_ids(database: sqlite3.Connection, writes: Iterable[ReserveIds]) -> None:
    database.executemany("UPDATE counter SET next_id = ?", [(write.next_id,) for write in writes])


def _insert(database: sqlite3.Connection, statement: str, row: str, rows: list[tuple[Any, ...]]) -> None:
    """Inserts rows, many in one statement: after each statement the event loop may take its turn, and keep it for a while."""
    whole = len(rows) - len(rows) % _AT_ONCE
    many = statement + ", ".join([row] * _AT_ONCE)
    for first in range(0, whole, _AT_ONCE):
        database.execute(many, [*chain.from_iterable(rows[first : first + _AT_ONCE])])
    database.executemany(statement + row, rows[whole:])


#: How writes of each type that follow one another are carried out, together.
_WRITERS: Final[dict[type, Callable[[sqlite3.Connection, Iterable[Any]], None]]] = {
    AddUser: _add_users,
    AddMessage: _add_messages,
    RemoveMessages: _remove_messages,
    ReserveIds: _reserve_ids,
}
