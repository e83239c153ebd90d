"""What SQLite can do at most: bare inserts, committed in groups, as durably as the reference server's.

    python bench/bare_store.py FILE users|messages GROUP SECONDS

Prints inserts a second. The tables are those of the server's store, without what refers from one to the other.
"""

from __future__ import annotations

import sqlite3
import sys
from itertools import count
from time import perf_counter

TABLES = {
    "users": (
        "CREATE TABLE users (number INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, key BLOB NOT NULL)",
        "INSERT INTO users (name, key) VALUES (?, ?)",
    ),
    "messages": (
        "CREATE TABLE messages (id INTEGER PRIMARY KEY, sender BLOB NOT NULL, recipient BLOB NOT NULL,"
        " timestamp INTEGER NOT NULL, body BLOB NOT NULL)",
        "INSERT INTO messages (id, sender, recipient, timestamp, body) VALUES (?, ?, ?, ?, ?)",
    ),
}


def row(table: str, number: int) -> tuple[object, ...]:
    if table == "users":
        return (b"user%06d" % number, b"k" * 32)
    return (number, b"s0001", b"absent%04d" % (number % 500), 1_700_000_000, b"m" * 64)


def inserts(path: str, table: str, group: int, seconds: float) -> float:
    database = sqlite3.connect(path, isolation_level=None)
    run = database.execute
    create, insert = TABLES[table]
    for statement in (
        "PRAGMA locking_mode = EXCLUSIVE",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        create,
    ):
        run(statement)
    numbers = count(1)
    start, done = perf_counter(), 0
    while perf_counter() - start < seconds:
        run("BEGIN IMMEDIATE")
        for _ in range(group):
            run(insert, row(table, next(numbers)))
        run("COMMIT")
        done += group
    rate = done / (perf_counter() - start)
    database.close()
    return rate


if __name__ == "__main__":
    print(inserts(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
