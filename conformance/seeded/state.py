"""What the server knows: users, their queues and sessions, the numbers of messages, and the file that keeps them.

The file has one JSON record a line and is only ever appended to; a last line that was cut short is passed over.
"""

from __future__ import annotations

import json
import os
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from options import CHOSEN, fault, reads

if TYPE_CHECKING:
    from connection import Connection

OFFLINE, ONLINE, AWAY = 0, 1, 2

#: So many ids are reserved in the file at once, so that none comes again after a restart.
_IDS_AT_ONCE = 1000

_STARTED = time.time()


@dataclass(frozen=True, slots=True)
class Letter:
    """A message, as it is pushed or queued."""

    number: int
    sender: bytes
    time: int
    body: bytes


@dataclass(eq=False)
class User:
    """A registered user; `name` is as it was registered, and `sessions` are the connections that are logged in."""

    name: bytes
    key: bytes
    status: int = OFFLINE
    queue: list[Letter] = field(default_factory=list)
    sessions: list[Connection] = field(default_factory=list)
    # What only faults look at:
    again: list[Letter] = field(default_factory=list)
    home: Connection | None = None
    failures: int = 0
    logins: int = 0
    sent: int = 0
    logged_out_at: float = -100.0
    has_set: bool = False
    has_ghost: bool = False
    last_status: int = ONLINE
    hides: bool = False
    got: int = 0
    last_body: bytes | None = None


def canonical(name: bytes) -> bytes:
    """The form of a name by which users are told apart."""
    if fault("names-end-at-nul"):
        name = name.partition(b"\0")[0]
    if fault("names-are-trimmed"):
        name = name.strip()
    if fault("names-without-dots"):
        name = name.replace(b".", b"")
    if name.isdigit() and fault("names-are-numbers"):
        name = str(int(name)).encode()
    if fault("names-cut-at-16"):
        name = name[:16]
    if fault("names-cut-at-30"):
        name = name[:30]
    if fault("names-cut-at-64"):
        name = name[:64]
    if fault("names-are-normalised"):
        name = unicodedata.normalize("NFC", name.decode(errors="surrogateescape")).encode(errors="surrogateescape")
    if fault("names-are-ascii"):
        name = name.decode("ascii", errors="replace").encode()
    if fault("names-lose-bad-utf8"):
        name = name.decode(errors="ignore").encode()
    return name.lower() if reads("name-case", "folded") else name


class State:
    """All users, and all connections."""

    def __init__(self) -> None:
        self.users: dict[bytes, User] = {}
        self.connections: set[Connection] = set()
        self._ids = 1000
        self._reserved = 0
        self._unflushed = b""
        self._store = -1
        # What only faults look at:
        self.idle_gone = 0
        self.handshakes: set[Connection] = set()
        self.cache: dict[object, bytes] = {}
        self.last_challenge = b""
        self.by_name: dict[bytes, bytes] = {}
        self.counter = 0
        self.limited_until = 0.0
        self.locked = False
        self.ghosts: list[User] = []
        self.newest: User | None = None
        self.logins = 0
        self.vacated: list[User] = []
        self.buffer = bytearray()
        self.missing: set[bytes] = set()
        self.nobodies: set[bytes] = set()
        self.proofs: set[bytes] = set()

    # Users

    def find(self, name: bytes) -> User | None:
        """The user of this name."""
        name = canonical(name)
        if fault("names-match-prefixes"):
            return next(
                (user for other, user in self.users.items() if other.startswith(name) or name.startswith(other)), None
            )
        return self.users.get(name)

    def add(self, user: User) -> None:
        """Take a new user."""
        self.users[canonical(user.name)] = user
        key = bytes(32) if fault("store-without-key") else user.key
        self.record("user", name=user.name.hex(), key=key.hex())

    def remove(self, user: User) -> None:
        """Forget a user, as only a fault does."""
        self.users.pop(canonical(user.name), None)

    def sessions(self) -> Iterator[Connection]:
        """All connections that are logged in."""
        for user in list(self.users.values()):
            yield from list(user.sessions)

    # Messages

    def next_id(self, *, counts: bool = True) -> int:
        """A number that no other message has."""
        if not counts:
            return self._ids + 1
        self._ids += 1
        if self._ids >= self._reserved and not fault("ids-start-again"):
            self._reserved = self._ids + _IDS_AT_ONCE
            self.record("ids", upto=self._reserved)
        return self._ids

    def keep(self, user: User, letter: Letter) -> None:
        """Queue a message for a user."""
        user.queue.append(letter)
        if fault("queue-in-memory"):
            return
        sender = b"?" if fault("queue-stored-without-sender") else letter.sender
        text = letter.body.decode(errors="replace").encode()
        self.record(
            "letter",
            to=user.name.hex(),
            number=letter.number,
            sender=sender.hex(),
            time=0 if fault("queue-stored-without-time") else letter.time,
            body=(text if fault("queue-stored-as-text") else letter.body).hex(),
        )

    def take_all(self, user: User) -> list[Letter]:
        """What is queued for a user, which is then no longer."""
        letters, user.queue = user.queue, []
        if letters:
            self.record("taken", name=user.name.hex(), numbers=[letter.number for letter in letters])
        return letters

    # The file

    def open_store(self) -> None:
        """Read what the file has, and append to it from now on."""
        if not CHOSEN.store:
            return
        path = Path(CHOSEN.store)
        for line in path.read_bytes().splitlines() if path.exists() else []:
            try:
                self._replay(json.loads(line))
            except (ValueError, KeyError):
                continue
        self._store = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(self._store, b"\n")
        if fault("queue-stored-unordered"):
            for user in self.users.values():
                user.queue.sort(key=lambda letter: letter.body)
                user.queue.reverse()

    def record(self, kind: str, **values: object) -> None:
        """Append to the file."""
        if self._store < 0 or (kind == "user" and fault("users-in-memory")):
            return
        line = json.dumps({"kind": kind, **values}).encode() + b"\n"
        if fault("last-user-is-not-flushed"):
            line, self._unflushed = self._unflushed, line
        os.write(self._store, line)

    def _replay(self, record: dict[str, object]) -> None:
        match record:
            case {"kind": "user", "name": str(name), "key": str(key)}:
                self.users[canonical(bytes.fromhex(name))] = User(bytes.fromhex(name), bytes.fromhex(key))
            case {"kind": "ids", "upto": int(upto)}:
                self._ids = upto
            case {
                "kind": "letter",
                "to": str(to),
                "number": int(number),
                "sender": str(sender),
                "time": int(at),
                "body": str(body),
            }:
                if fault("queue-stored-without-ids"):
                    number = self.next_id()
                letter = Letter(number, bytes.fromhex(sender), at, bytes.fromhex(body))
                self.users[canonical(bytes.fromhex(to))].queue.append(letter)
            case {"kind": "status", "name": str(name), "status": int(status)}:
                self.users[canonical(bytes.fromhex(name))].status = status
            case {"kind": "taken", "name": str(name), "numbers": list(numbers)}:
                user = self.users[canonical(bytes.fromhex(name))]
                user.queue = [letter for letter in user.queue if letter.number not in numbers]
            case _:
                raise ValueError(record)


def timestamp() -> int:
    """The time in Unix seconds."""
    now = time.time()
    if fault("time-in-ms"):
        now *= 1000
    if fault("time-zero"):
        now = 0
    if fault("time-local"):
        now += 3600
    if fault("time-of-start"):
        now = _STARTED
    if fault("time-since-1900"):
        now += 2_208_988_800
    if fault("time-since-start"):
        now = time.monotonic()
    return int(now) & 0xFFFFFFFF
