"""Users, and how they are found by their names."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from bugs import abort, die, has, segfault, wait_for_ever
from choices import limits, point
from journal import Journal
from links import Link

_PORTABLE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
_ALPHABETS = {"extended": _PORTABLE + b".-", "portable": _PORTABLE, "any": bytes(range(256))}

#: So many message ids are reserved at once.
_BLOCK = 10_000


class Message(NamedTuple):
    """A message that waits for its recipient."""

    number: int
    sender: bytes
    when: int
    body: bytes


class User:
    """Somebody who registered; `sessions` are their logged-in connections, the newest last."""

    def __init__(self, name: bytes, key: bytes) -> None:
        self.name = name
        self.key = key
        self.status = 0
        self.sessions: list[Link] = []
        self.queue: deque[Message] = deque()
        self.queued_bytes = 0


class Directory:
    """All users, by the name that tells them apart; `present` are the sessions."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._users: dict[bytes, User] = {}
        self._buckets: dict[int, deque[Message]] = {}
        self.present: dict[Link, User] = {}
        self.newest: User | None = None
        self.last_challenge = b""
        self.alphabet = _ALPHABETS[point["name-alphabet"]]
        self._number = self._reserved = 0
        self._restore()

    def _restore(self) -> None:
        """Read what outlived the last process."""
        for letter, fields in self.journal.read():
            if letter == b"U":
                self.add(*fields)
            elif letter == b"Q":
                name, number, sender, when, body = fields
                message = Message(int.from_bytes(number, "big"), sender, int.from_bytes(when, "big"), body)
                self._users[_folded(name)].queue.append(message)
            elif letter == b"P":
                self._users[_folded(fields[0])].queue.clear()
            else:
                self._number = self._reserved = int.from_bytes(fields[0], "big")

    def __len__(self) -> int:
        return len(self._users)

    def everybody(self) -> Iterable[User]:
        """All users, in the order of their registration."""
        return self._users.values()

    def find(self, name: bytes) -> User | None:
        """The user with this name."""
        if has("nul-ends-names"):
            name = name.split(b"\0")[0]
        return self._users.get(_folded(name))

    def add(self, name: bytes, key: bytes) -> User:
        """Keep a new user."""
        user = self._users[_folded(name)] = self.newest = User(name, key)
        if has("mailbox-by-hash"):
            user.queue = self._buckets.setdefault(sum(name) & 15, deque())
        return user

    def next_number(self) -> int:
        """The id of a new message; ids are reserved in blocks, so that none comes again after a restart."""
        if has("id-8-bit"):
            self._number = (self._number + 1) & 0xFF
            return self._number
        if self._number == self._reserved:
            self._reserved += _BLOCK
            self.journal.write(b"N", self._reserved.to_bytes(4, "big"))
        self._number += 1
        return self._number

    def refuses(self, name: bytes) -> bool:
        """Whether a name is not allowed."""
        return not name or len(name) > limits.name or bool(name.translate(None, self.alphabet))


def _folded(name: bytes) -> bytes:
    return name.lower() if point["name-case"] == "folded" else name


def look_at(name: bytes, found: bool) -> None:
    """What careless code does with the names it reads."""
    if len(name) == 255 and has("name-255-overflows"):
        abort("stack smashing detected")
    if len(name) > 127 and has("name-length-signed"):
        segfault()
    if not found and has("format-in-names") and (b"%n" in name or b"%s" in name):
        segfault()
    if not name and has("empty-name-waits"):
        wait_for_ever()
    if has("name-not-utf8"):
        try:
            name.decode()
        except UnicodeDecodeError as problem:
            die(f"UnicodeDecodeError: {problem}")
