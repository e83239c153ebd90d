"""Registration, public keys, and the list of users."""

from __future__ import annotations

import fnmatch
import os
import re
import string
import time
from itertools import accumulate

import wire
from connection import Connection
from options import CHOSEN, fault, reads
from state import OFFLINE, ONLINE, User, canonical

_PORTABLE = frozenset((string.ascii_letters + string.digits + "_").encode())
_EXTENDED = _PORTABLE | frozenset(b".-")


def is_allowed(name: bytes) -> bool:
    """Whether a name may be registered."""
    if not (name or fault("empty-name-registers")) or len(name) > CHOSEN.limits.name:
        return False
    if fault("names-from-3") and len(name) < 3:
        return False
    if len(name) > (30 if fault("names-to-30") else 20 if fault("names-to-20") else 255):
        return False
    if fault("no-leading-digit") and name[:1].isdigit():
        return False
    if fault("no-underscore") and not name.isalnum():
        return False
    if fault("no-upper-case") and name != name.lower():
        return False
    alphabet = _EXTENDED if reads("name-alphabet", "extended") else _PORTABLE
    return reads("name-alphabet", "any") or alphabet.issuperset(name)


def kept(key: bytes) -> bytes:
    """The key as it is stored."""
    if fault("key-starts-with-nul") and key.startswith(b"\0"):
        key = bytes(32)
    if fault("key-ends-at-nul"):
        key = key.partition(b"\0")[0].ljust(32, b"\0")
    if fault("key-is-trimmed"):
        key = key.lstrip(b" ").ljust(32, b"\0")
    if fault("key-newlines") and key.startswith(b"\r"):
        key = b"\n" + key[1:]
    if fault("key-sign-bit-cleared"):
        key = key[:-1] + bytes([key[-1] & 0x7F])
    return key


def on_register(connection: Connection, fields: wire.Fields) -> None:
    """REGISTER_USER."""
    name = fields.name()
    key = kept(fields.padded(32, fault("short-key-is-padded")))
    if fault("register-takes-a-second-key") and fields.left == 32:
        fields.rest()
    fields.end()
    if code := _refusal(connection, name, key):
        if code == wire.INVALID_NAME and reads("bad-name", "error"):
            connection.error(code)
        else:
            is_short = connection.user is not None and fault("register-failure-one-byte-in-a-session")
            connection.send(wire.REGISTER_RESPONSE, b"\0" if is_short else wire.register_response(code))
        return
    if fault("checked-long-before"):
        connection.later(0.005, _store, connection, name, key)
    else:
        _store(connection, name, key)


def _store(connection: Connection, name: bytes, key: bytes) -> None:
    user = User(name, key, home=connection)
    connection.state.add(user)
    connection.home, connection.registered = user, name
    connection.send(wire.REGISTER_RESPONSE, wire.register_response())
    if fault("registering-logs-in") and connection.user is None:
        connection.user = user


def _refusal(connection: Connection, name: bytes, key: bytes) -> int:
    """The code that refuses a registration, or 0."""
    state = connection.state
    if not name and fault("empty-name-is-malformed"):
        raise wire.Malformed
    while not name and fault("hangs-on-empty-name"):
        time.sleep(1)
    if not is_allowed(canonical(name)) or len(name) > CHOSEN.limits.name:
        return wire.INVALID_NAME
    if name in (b"constructor", b"toString") and fault("words-are-taken"):
        return wire.USER_EXISTS
    found = state.find(name)
    if found and not (fault("only-the-present-are-taken") and not found.sessions):
        return _refuse_taken(connection, found, key)
    if fault("registers-nobody") or len(state.users) >= CHOSEN.limits.users:
        return wire.SERVER_ERROR
    if connection.home and fault("one-registration-each"):
        return wire.NOT_AUTHENTICATED
    if connection.user and reads("register-again", "refused"):
        return wire.NOT_AUTHENTICATED
    return 0


def _refuse_taken(connection: Connection, found: User, key: bytes) -> int:
    if fault("key-is-replaced"):
        found.key = key
        return 0
    if fault("same-key-registers-again") and found.key == key:
        return 0
    if fault("registering-again-empties-the-queue"):
        found.queue.clear()
    if fault("refused-and-replaced"):
        found.key = key
    if fault("refused-and-at-home"):
        connection.user = connection.user or (found if found.sessions else None)
    if fault("list-with-refused"):
        connection.state.ghosts.append(found)
    return wire.INVALID_NAME if fault("duplicate-wrong-code") else wire.USER_EXISTS


def on_get_key(connection: Connection, fields: wire.Fields) -> None:
    """GET_PUBLIC_KEY."""
    name = fields.name()
    if fault("name-is-all-the-rest"):
        name += fields.rest()
    fields.end()
    if fault("dies-of-bad-utf8") and not name.isascii():
        os._exit(1)
    if fault("names-are-properties") and name in (b"constructor", b"__proto__"):
        connection.error(wire.SERVER_ERROR)
        return
    user = look_up(connection, name)
    if user is None and fault("missing-is-an-error"):
        connection.error(wire.USER_NOT_FOUND)
        return
    if user is None and fault("missing-closes"):
        connection.close()
        return
    key = user.key if user else None
    if user is connection.user and user is not None and fault("own-key-after-a-status") and user.status == 2:
        key = bytes(32)
    if fault("key-cached"):
        key = connection.cached_key = connection.cached_key or key
    connection.send(wire.PUBLIC_KEY_RESPONSE, wire.public_key_response(key))


def look_up(connection: Connection, name: bytes) -> User | None:
    """The user whose key is asked for."""
    users = connection.state.users
    if fault("key-of-the-asker") and connection.state.find(name):
        return connection.user
    if fault("key-of-a-prefix"):
        return next((user for other, user in users.items() if other.startswith(name)), None)
    if fault("key-by-wildcard"):
        pattern = re.compile(fnmatch.translate(name.decode("latin-1")))
        return next((user for other, user in users.items() if pattern.fullmatch(other.decode("latin-1"))), None)
    if fault("key-by-like"):
        like = re.escape(name).replace(b"%", b".*").replace(b"_", b".")
        return next((user for other, user in users.items() if re.fullmatch(like, other, re.DOTALL)), None)
    if fault("key-is-quoted-badly"):
        name = name.partition(b"'")[0]
    if fault("key-of-a-trimmed-name"):
        name = name.strip()
    if fault("key-by-path"):
        name = name.removeprefix(b"./")
    if fault("key-of-any-case"):
        return next((user for other, user in users.items() if other.lower() == name.lower()), None)
    user = connection.state.find(name)
    if user is None:
        connection.state.missing.add(name)
    if name in connection.state.missing and fault("missing-is-cached"):
        return None
    if user and not user.sessions and fault("keys-of-the-present"):
        return None
    return user


def on_list(connection: Connection, fields: wire.Fields) -> None:
    """LIST_USERS."""
    only = fields.rest() if fault("list-takes-a-filter") else b""
    wire.nothing(fields)
    users = [*connection.state.users.values(), *connection.state.ghosts]
    if fault("list-of-the-present"):
        users = [user for user in users if user.sessions]
    if fault("list-without-oneself"):
        users = [user for user in users if user is not connection.user]
    if fault("list-first-1000"):
        users = users[:1000]
    if fault("list-first-100"):
        users = users[:100]
    if fault("list-fills-a-buffer"):
        users = [
            user for at, user in zip(accumulate(len(user.name) + 2 for user in users), users, strict=True) if at < 4096
        ]
    if only:
        users = [user for user in users if user.name.startswith(only)]
    if fault("listed-twice"):
        users += [user for user in users for _ in user.sessions[1:]]
    payload = _count(connection, users) + b"".join(_entry(connection, user) for user in users)
    if fault("list-cached"):
        payload = connection.state.cache.setdefault("list", payload)
    if fault("list-at-login"):
        payload = connection.state.cache.setdefault(connection, payload)
    if fault("lists-in-the-background"):
        connection.later(0.02, connection.send, wire.USER_LIST_RESPONSE, payload)
        return
    connection.send(wire.USER_LIST_RESPONSE, payload)


def _count(connection: Connection, users: list[User]) -> bytes:
    count = min(len(users), 0xFFFF)
    if fault("count-without-oneself"):
        count -= 1
    if fault("count-of-the-present"):
        count = sum(bool(user.sessions) for user in users)
    if fault("count-8-bit"):
        count &= 0xFF
    return count.to_bytes(4 if fault("list-count-4-bytes") else 2, "little" if fault("count-little-endian") else "big")


def _entry(connection: Connection, user: User) -> bytes:
    status = user.status
    if fault("status-is-not-listed"):
        status = ONLINE if user.sessions else OFFLINE
    if fault("list-all-online"):
        status = ONLINE
    if fault("list-undefined-status") and not user.logins:
        status = 255
    if fault("list-status-of-the-asker") and connection.user:
        status = connection.user.status
    if fault("login-is-not-listed") and user.status == ONLINE and not user.has_set:
        status = OFFLINE
    name = user.name.ljust(32, b"\0") if fault("list-names-padded") else wire.counted(user.name)
    return name + bytes([status])
