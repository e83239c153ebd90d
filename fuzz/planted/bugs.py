"""The bugs that can be planted: a name, what the fuzzer should call it, and how people come to make it.

The server asks for each by name in one place, next to what is right there. Where a program in C would die the process dies, by
SIGABRT or SIGSEGV; where one in Python would, it ends with a traceback and exit status 1.
"""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple, NoReturn


class Bug(NamedTuple):
    """One bug: `kind` is the kind of finding by which a fuzzer that looks closely names it."""

    name: str
    kind: str
    text: str


BUGS = (
    # Lengths
    Bug("name-255-overflows", "crash", "A buffer of 255 bytes has no room for the NUL behind the longest name."),
    Bug("name-length-signed", "crash", "The length of a name is a signed char, so 128 and more are negative."),
    Bug("inner-length-trusted", "crash", "REGISTER_USER slices by its inner length and unpacks what may not be there."),
    Bug("header-signed", "crash", "The header's length is a signed int; a negative one passes the check of the limit."),
    Bug("huge-header-allocated", "crash", "Room for the payload is allocated as soon as the header announces it."),
    Bug("payload-4096-overflows", "crash", "A buffer of 4096 bytes is written to its end, and NUL behind it."),
    Bug("body-one-too-short", "illegal-reply", "The check of the body's length is off by one, so one byte may lack."),
    Bug("body-length-8-bit", "state", "The length of a body is kept in one byte, and long bodies are cut."),
    Bug(
        "body-length-signed",
        "disconnect",
        "The length of a body is a short; a long body has a negative one and closes.",
    ),
    Bug(
        "header-16-bit",
        "illegal-reply",
        "The header's length is kept in 16 bits, so the longest frames lose their place.",
    ),
    Bug(
        "error-text-length",
        "illegal-reply",
        "An ERROR quotes the name, and writes the length of its text into one byte.",
    ),
    Bug("list-overflows", "crash", "The list of users is written into a buffer of 1024 bytes."),
    # Nothing where something was expected
    Bug("empty-name-waits", "hang", "A name of no bytes is read with a recv of 0 bytes, again and again."),
    Bug("empty-body-waits", "hang", "A body of no bytes is taken for one that has not come yet."),
    Bug(
        "empty-payload-closes", "disconnect", "A recv of 0 bytes returns nothing, which is taken for the client's end."
    ),
    # Bytes that mean something elsewhere
    Bug("format-in-names", "crash", "A name that is not found is logged with printf, as its format."),
    Bug("nul-ends-names", "state", "Names are compared with strcmp, which stops at NUL."),
    Bug("name-not-utf8", "crash", "Names are decoded as UTF-8, and nobody catches what is none."),
    Bug("unknown-type-crash", "crash", "The type is masked with 0x7f and indexes a table of nine handlers."),
    Bug("status-indexes-table", "crash", "The status is a signed char that indexes a table of names."),
    Bug("status-not-checked", "illegal-reply", "Any status is taken and shown to others."),
    Bug("malformed-stays", "illegal-reply", "What is malformed stays in the buffer, and is refused again and again."),
    Bug("trailing-asserted", "crash", "That the payload of GET_MESSAGES is empty is asserted."),
    # States
    Bug("register-logs-in", "state", "REGISTER_USER between challenge and proof finishes the login."),
    Bug("asking-switches-user", "state", "LOGIN_USER on a live session sets its user before the proof."),
    Bug("second-proof-passes", "state", "A failed proof leaves the state in which the next one is not checked."),
    Bug("served-after-logout", "state", "Requests that came in one segment with LOGOUT are still served."),
    Bug("challenged-is-in", "state", "The user is set with the challenge, and requests ask only whether it is set."),
    Bug("last-challenge-of-all", "state", "The last challenge is kept for all connections together."),
    Bug(
        "proof-names-anyone",
        "state",
        "The session opens for the name in the proof, checked with the key of the challenge's.",
    ),
    Bug("duplicate-replaces-key", "state", "REGISTER_USER for a taken name is refused after the key was stored."),
    Bug("logout-of-nobody", "crash", "LOGOUT follows the pointer to the user, which is NULL before the login."),
    Bug("challenge-freed-twice", "crash", "A failed proof frees the challenge, and so does asking for the next."),
    Bug("failed-login-logs-out", "disconnect", "A failed proof ends the live session of the user it named."),
    Bug("reset-leaves-session", "state", "A reset connection is closed, and its session stays in the table."),
    Bug(
        "refused-as-login",
        "illegal-reply",
        "A bad name is refused by the code of LOGIN_USER, which answers in its own type.",
    ),
    # Messages and presence
    Bug("delivered-twice", "state", "A message that was pushed stays in the queue until the next poll."),
    Bug("queue-of-eight", "state", "The queue is a ring of eight; more are acknowledged and overwrite the oldest."),
    Bug("mailbox-by-hash", "state", "Queues stand in 16 buckets by a hash of the name, and a poll empties the bucket."),
    Bug("status-of-the-newest", "state", "STATUS_UPDATE names the user who was registered last."),
    Bug("self-send-deadlock", "hang", "A message to oneself takes the lock of the user twice."),
    # Counters
    Bug("id-8-bit", "state", "The message id counts in one byte."),
    Bug("messages-256", "crash", "A session keeps its messages in a table of 256."),
    Bug("requests-256", "state", "A session counts its requests in one byte, and 0 means not logged in."),
    Bug("connections-256", "hang", "Connections are numbered in one byte, and the newer takes the older's slot."),
    # Delivery
    Bug("split-header-lost", "illegal-reply", "Fewer than five bytes are thrown away as garbage."),
    Bug("sixteen-a-read", "hang", "Up to sixteen frames of one read are served, and the rest is dropped."),
    Bug("half-frame-holds", "hang", "The one thread waits for the rest of a payload."),
    Bug("slow-reader-stalls", "hang", "The one thread waits until a client reads."),
    Bug("short-write-lost", "illegal-reply", "What a write did not take is taken for written."),
    Bug("reset-ends-accepting", "crash", "A reset in mid frame is an exception that ends the loop of the listener."),
    Bug("half-close-drops", "disconnect", "The end of what a client sends drops the requests that came before it."),
    Bug("thread-dies", "hang", "An exception over a malformed SEND_MESSAGE ends the thread of the connection."),
    Bug("frames-mixed", "illegal-reply", "A long push is written in two pieces, and others write in between."),
    Bug(
        "logout-races-accept",
        "disconnect",
        "What LOGOUT leaves is cleaned up by descriptor, which a newcomer has by then.",
    ),
    # Memory
    Bug("leak-per-failure", "leak", "Each failed proof leaves 64 KiB behind."),
    Bug("leak-per-connection", "leak", "Each connection leaves 64 KiB behind."),
    Bug("descriptor-per-reset", "leak", "A connection that was reset is forgotten, and its descriptor never closed."),
    # Deep
    Bug(
        "depth-5",
        "disconnect",
        "REGISTER, LOGIN, LOGIN, SET_STATUS and SEND of 300 bytes or more closes the connection.",
    ),
    Bug("depth-5-crash", "crash", "REGISTER, LOGIN, LOGIN, SET_STATUS and SEND of 300 bytes or more ends the process."),
)

NAMES = frozenset(bug.name for bug in BUGS)

_planted: set[str] = set()
_leaked: list[bytes] = []


def plant(name: str) -> None:
    """Make the server have this bug."""
    _planted.add(name)


def has(name: str) -> bool:
    """Whether the server has this bug."""
    return name in _planted


def die(words: str, status: int = 1) -> NoReturn:
    """End the process as an uncaught exception does."""
    sys.stderr.write(f"Traceback (most recent call last):\n{words}\n")
    sys.stderr.flush()
    os._exit(status)


def abort(words: str) -> NoReturn:
    """End the process as the C library does when it finds memory overwritten."""
    sys.stderr.write(f"*** {words} ***: terminated\n")
    sys.stderr.flush()
    os.abort()


def segfault() -> NoReturn:
    """End the process as a read from an address that is not there does."""
    os.kill(os.getpid(), 11)
    os._exit(139)


def wait_for_ever() -> NoReturn:
    """Hold up the one thread."""
    while True:
        os.read(_nothing(), 1)


def leak() -> None:
    """Keep 64 KiB that nobody will ask for again."""
    _leaked.append(b"\x5a" * (1 << 16) + os.urandom(1))


def listing() -> list[dict[str, Any]]:
    """All bugs, for JSON."""
    return [bug._asdict() for bug in BUGS]


def _nothing() -> int:
    reading, _ = os.pipe()
    return reading
