from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cchatspec.reference.effects import (
    AddMessage,
    AddUser,
    QueuedMessage,
    RemoveMessages,
    ReserveIds,
    Snapshot,
    Write,
)
from cchatspec.reference.store import Store, StoreError

USERS = (AddUser(1, b"alice", b"a" * 32), AddUser(2, b"bob", b"b" * 32))
FIRST = QueuedMessage(7, b"alice", b"bob", 2**32 - 1, bytes(range(256)))
ALL_IDS = ReserveIds(9, 2**32)
SECOND = QueuedMessage(2**32 - 1, b"alice", b"bob", 0, b"")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "chat.db")


@pytest.fixture
def store(path: str) -> Iterator[Store]:
    store = Store(path)
    yield store
    store.close()


def reopened(store: Store, *writes: Write) -> Snapshot:
    store.commit(writes)
    store.close()
    again = Store(store.path)
    snapshot = again.snapshot()
    again.close()
    return snapshot


def test_a_new_store_is_empty(store: Store) -> None:
    assert store.snapshot() == Snapshot()


def test_users_survive_in_order(store: Store) -> None:
    assert reopened(store, *reversed(USERS)).users == ((b"bob", b"b" * 32), (b"alice", b"a" * 32))


def test_messages_survive_in_order(store: Store) -> None:
    assert reopened(store, *USERS, AddMessage(3, SECOND), AddMessage(4, FIRST), ALL_IDS).messages == (FIRST, SECOND)


def test_removed_messages_are_gone(store: Store) -> None:
    writes = AddMessage(3, FIRST), AddMessage(4, SECOND), RemoveMessages(5, (FIRST.id,)), ALL_IDS

    assert reopened(store, *USERS, *writes).messages == (SECOND,)


def test_ids_go_on(store: Store) -> None:
    assert reopened(store, ReserveIds(1, 4097)).next_id == 4097


def test_a_group_is_committed_as_a_whole_or_not_at_all(store: Store) -> None:
    with pytest.raises(StoreError, match="UNIQUE"):
        store.commit([*USERS, USERS[0]])

    assert store.snapshot() == Snapshot()


def test_commits_outlive_a_power_cut(store: Store) -> None:
    pragma = {name: store._database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}

    assert pragma == {"journal_mode": "wal", "synchronous": 2}


def test_without_fsync_commits_wait_for_no_disk(path: str) -> None:
    store = Store(path, fsync=False)
    (synchronous,) = store._database.execute("PRAGMA synchronous").fetchone()
    store.close()

    assert synchronous == 0


def test_a_store_in_use_is_refused(store: Store, path: str) -> None:
    with pytest.raises(StoreError, match="locked"):
        Store(path)


@pytest.mark.parametrize("path", ["", "/nonexistent/chat.db", "/"])
def test_a_path_that_cannot_be_opened_is_refused(path: str) -> None:
    with pytest.raises(StoreError, match="cannot open the store"):
        Store(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, " * 100)

    with pytest.raises(StoreError, match="not a database"):
        Store(str(file))


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("CREATE TABLE other (a)", "another program"),
        ("PRAGMA application_id = 5", "another program"),
    ],
)
def test_the_database_of_another_program_is_refused(path: str, statement: str, reason: str) -> None:
    alter(path, statement)

    with pytest.raises(StoreError, match=reason):
        Store(path)


def test_a_store_of_another_version_is_refused(path: str) -> None:
    Store(path).close()
    alter(path, "PRAGMA user_version = 2")

    with pytest.raises(StoreError, match="its version is 2, and this program needs 1"):
        Store(path)


def test_a_damaged_store_is_refused_in_words(path: str) -> None:
    Store(path).close()
    alter(path, "DROP TABLE messages")
    store = Store(path)

    with pytest.raises(StoreError, match="no such table"):
        store.snapshot()
    store.close()


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE users SET key = x'00' WHERE name = x'626f62'", "a user whose name or key is none"),
        ("UPDATE users SET name = 'bob' WHERE name = x'626f62'", "a user whose name or key is none"),
        ("UPDATE messages SET body = 'text'", "a message that is none"),
        ("UPDATE messages SET recipient = x'00'", "message 7 is for nobody"),
        ("DELETE FROM counter", "which message ids are in use"),
        ("UPDATE counter SET next_id = 7", "an id that was never given out"),
    ],
)
def test_what_no_server_has_written_is_refused(path: str, statement: str, problem: str) -> None:
    with closing(Store(path)) as store:
        store.commit([*USERS, ReserveIds(3, 100), AddMessage(4, FIRST)])
    alter(path, statement)

    with closing(Store(path)) as store, pytest.raises(StoreError, match=problem):
        store.snapshot()


def test_a_file_that_is_damaged_on_the_disk_is_refused(path: str) -> None:
    with closing(Store(path)) as store:
        store.commit([AddUser(number, b"user%d" % number, b"k" * 32) for number in range(2000)])
    with Path(path).open("r+b") as file:
        file.seek(4096)
        file.write(b"damage" * 20_000)

    with pytest.raises(StoreError, match=r"malformed"), closing(Store(path)) as store:
        store.snapshot()


def alter(path: str, statement: str) -> None:
    database = sqlite3.connect(path)
    database.execute(statement)
    database.commit()
    database.close()
