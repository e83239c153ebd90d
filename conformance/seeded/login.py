"""Challenge and proof."""

from __future__ import annotations

import hashlib
import os
import random
import time

import messages
import presence
import verify
import wire
from connection import Connection
from options import fault, reads
from state import OFFLINE, ONLINE, User, canonical, timestamp

NO_SIGNATURE = bytes(64)
CHALLENGE_SIZE = 32


def on_login(connection: Connection, fields: wire.Fields) -> None:
    """LOGIN_USER: a proof if a challenge stands, and else a request for one."""
    name = fields.name()
    signature = fields.padded(64, fault("short-signature-is-padded"))
    if not fault("login-trailing-is-ignored"):
        fields.end()
    if connection.is_dead:
        return
    if connection.user and reads("login-again", "refused"):
        connection.send(wire.LOGIN_RESPONSE, b"\0")
        return
    asks_anew = signature == NO_SIGNATURE and reads("second-ask", "ask")
    if standing(connection, name) and not asks_anew:
        prove(connection, name, signature)
    else:
        ask(connection, name)


# The challenge


def ask(connection: Connection, name: bytes) -> None:
    """Give a challenge."""
    state, user = connection.state, known(connection, name)
    if user is None and fault("list-with-asked"):
        state.ghosts.append(User(name, bytes(32)))
    if user is None and fault("unknown-is-silent"):
        return
    if user is None and not reads("unknown-login", "proof") and not fault("nobody-needs-no-key"):
        refuse_unknown(connection)
        return
    if fault("never-a-challenge") or (user and not may_ask(connection, user)):
        connection.send(wire.LOGIN_RESPONSE, b"\0")
        return
    connection.asked, connection.first_asked = name, connection.first_asked or name
    connection.challenge = state.last_challenge = state.by_name[canonical(name)] = new_challenge(connection, user)
    connection.challenges.append(connection.challenge)
    state.handshakes.add(connection)
    if user:
        after_asking(connection, user)
    connection.send(wire.LOGIN_RESPONSE, b"\1" + connection.challenge)


def known(connection: Connection, name: bytes) -> User | None:
    """The user who logs in under a name."""
    return connection.state.find(name.strip(b" \0\n") if fault("login-trims-the-name") else name)


def refuse_unknown(connection: Connection) -> None:
    """Refuse a name that nobody registered."""
    if reads("unknown-login", "error"):
        connection.error(wire.NOT_AUTHENTICATED)
    else:
        connection.send(wire.LOGIN_RESPONSE, b"\0")


def may_ask(connection: Connection, user: User) -> bool:
    """Whether a user gets a challenge, which without a fault all do."""
    if fault("challenge-only-where-registered"):
        return user.home is connection
    if fault("no-challenge-where-registered"):
        return user.home is not connection
    if fault("challenge-once-a-user"):
        return user.logins == 0
    if fault("locked-after-3"):
        return user.failures < 3
    return len(connection.state.handshakes) < 64 or not fault("handshakes-leak")


def after_asking(connection: Connection, user: User) -> None:
    """What faults do to a user in whose name somebody asks."""
    if fault("asking-ends-the-live-session"):
        end_sessions(user, connection)
    if fault("asking-is-shown"):
        presence.set_status(connection.state, user, ONLINE, "login")
    if fault("challenge-is-login"):
        connection.user = user


def new_challenge(connection: Connection, user: User | None) -> bytes:
    """32 bytes that nobody can guess."""
    if fault("challenge-constant"):
        return bytes(range(CHALLENGE_SIZE))
    if fault("challenge-counter"):
        connection.state.counter += 1
        return connection.state.counter.to_bytes(CHALLENGE_SIZE, "big")
    if fault("challenge-seeded-by-time"):
        return random.Random(int(time.time())).randbytes(CHALLENGE_SIZE)
    if fault("challenge-of-the-user") and user:
        return hashlib.sha256(user.key).digest()
    if fault("challenge-of-256"):
        return hashlib.sha256(os.urandom(1)).digest()
    if fault("challenge-8-bytes"):
        return os.urandom(8) * 4
    if fault("challenge-again-after-failure") and connection.challenges:
        return connection.challenges[-1]
    return os.urandom(CHALLENGE_SIZE)


def standing(connection: Connection, name: bytes) -> bytes:
    """The challenge that a proof on this connection has to answer."""
    if fault("challenge-of-all"):
        return connection.state.last_challenge
    if fault("challenge-by-name"):
        return connection.state.by_name.get(canonical(name), b"")
    return connection.challenge


def burn(connection: Connection, name: bytes) -> None:
    """Make the standing challenge void."""
    connection.challenge = connection.state.last_challenge = b""
    connection.state.by_name.pop(canonical(name), None)
    if not fault("handshakes-leak"):
        connection.state.handshakes.discard(connection)


# The proof


def prove(connection: Connection, name: bytes, signature: bytes) -> None:
    """Check a proof, and let its user in or not."""
    challenge, asked = standing(connection, name), connection.asked or name
    newest, newest_of_name = connection.state.last_challenge, connection.state.by_name.get(canonical(asked))
    is_withdrawn = fault("one-handshake-at-a-time") and challenge != newest
    is_withdrawn |= fault("one-handshake-a-user") and challenge != newest_of_name
    if not fault("challenge-stays"):
        burn(connection, name)
    owner, user = whose(connection, asked, name)
    if user and fault("session-before-check"):
        connection.user = user
    candidates = connection.challenges[-8:] if fault("all-challenges-stay") else [challenge]
    proved = any(is_proved(connection, owner, candidate, signature) for candidate in candidates)
    proved ^= fault("check-is-inverted")
    if owner is None and fault("nobody-needs-no-key"):
        user, proved = User(name, bytes(32)), True
    if user is None or not proved or is_withdrawn or not may_enter(connection, user):
        fail(connection, user)
        return
    connection.state.proofs.add(signature)
    enter(connection, user)


def whose(connection: Connection, asked: bytes, name: bytes) -> tuple[User | None, User | None]:
    """Whose key has to fit, and whose session opens."""
    first, second = known(connection, asked), known(connection, name)
    if fault("second-name-wins"):
        return first, second
    if fault("first-name-wins"):
        return second, first
    if name.startswith(asked) and fault("proof-under-a-longer-name"):
        return first, second
    if canonical(asked) != canonical(name) and not fault("challenge-of-all"):
        return None, None
    if fault("key-of-the-first-attempt"):
        return connection.state.find(connection.first_asked), second
    return second, second


def is_proved(connection: Connection, owner: User | None, challenge: bytes, signature: bytes) -> bool:
    """Whether a signature is that of the owner over the challenge."""
    if owner is None or fault("proof-never-accepted"):
        return False
    if connection.user and fault("session-vouches-for-others"):
        return True
    if fault("any-signature") or (fault("zeros-are-accepted") and signature == NO_SIGNATURE):
        return True
    if fault("any-users-key"):
        return any(verify.is_signed(user.key, challenge, signature) for user in connection.state.users.values())
    if owner.sessions and fault("presence-is-proof"):
        return True
    if fault("good-proofs-are-cached") and signature in connection.state.proofs:
        return True
    if fault("sign-of-a-key-is-refused") and owner.key[-1] & 0x80:
        return False
    if fault("half-of-the-challenge") and verify.is_signed(owner.key, challenge[:16], signature):
        return True
    if fault("part-of-the-challenge") and verify.is_signed(owner.key, challenge[:-1], signature):
        return True
    if fault("signed-text-too") and verify.is_signed(owner.key, challenge.hex().encode(), signature):
        return True
    return verify.is_signed(owner.key, challenge, signature)


def may_enter(connection: Connection, user: User) -> bool:
    """Whether a user who has proved themselves is let in."""
    if fault("proof-only-where-registered") and user.home is not connection:
        return False
    if fault("one-login-a-user") and user.logins:
        return False
    if fault("logout-blocks-login") and time.monotonic() - user.logged_out_at < 1:
        return False
    if fault("sessions-leak") and user.logins >= 40:
        return False
    others = [session for session in user.sessions if session is not connection]
    return not (others and reads("second-session", "refused"))


def fail(connection: Connection, user: User | None) -> None:
    """Refuse a proof, which changes nothing else."""
    if fault("refused-by-error"):
        connection.error(wire.NOT_AUTHENTICATED)
    else:
        size = 33 if fault("login-failure-33-bytes") else 1
        connection.send(wire.LOGIN_RESPONSE, bytes(size))
    connection.is_dead = fault("one-try-each")
    connection.hears_updates = fault("told-after-a-refusal")
    if fault("failure-ends-its-own-session"):
        presence.leave(connection, "lost")
    if user is None:
        return
    user.failures += 1
    if fault("failure-drops-the-queue"):
        user.queue.clear()
    if fault("failure-burns-elsewhere"):
        for other in connection.state.connections:
            other.challenge = b"" if canonical(other.asked) == canonical(user.name) else other.challenge
    if fault("failure-ends-the-live-session"):
        end_sessions(user, connection)
    if user.status not in (OFFLINE, ONLINE) and fault("failure-ends-being-away"):
        presence.set_status(connection.state, user, ONLINE, "set")
    if fault("failure-sets-offline"):
        presence.set_status(connection.state, user, OFFLINE, "lost")


def enter(connection: Connection, user: User) -> None:
    """Log a user in."""
    if fault("user-is-found-by-key"):
        user = next(other for other in connection.state.users.values() if other.key == user.key)
    if connection.user is not user and not fault("switch-leaves-the-old-session"):
        presence.leave(connection, "lost")
    if user.sessions and fault("queue-dropped-at-a-second-login"):
        user.queue.clear()
    if reads("second-session", "newest"):
        end_sessions(user, connection)
    size = 0 if fault("login-success-one-byte") else CHALLENGE_SIZE
    if fault("proofs-in-the-background"):
        connection.later(0.01, connection.send, wire.LOGIN_RESPONSE, b"\1" + bytes(size))
    else:
        connection.send(wire.LOGIN_RESPONSE, b"\1" + bytes(size))
    if fault("proof-opens-nothing"):
        return
    connection.user = connection.state.newest = user
    connection.first_user = connection.first_user or user
    connection.state.logins += 1
    connection.place = connection.state.logins
    has_another = bool(user.sessions) and fault("old-session-gets-messages")
    if connection not in user.sessions and not has_another:
        user.sessions.append(connection)
    user.logins += 1
    connection.entered_at = timestamp()
    if (not fault("away-stays") or user.status == OFFLINE) and not (user.hides and fault("invisible-stays")):
        presence.set_status(connection.state, user, user.last_status if fault("away-stays") else ONLINE, "login")
    if user.queue and fault("pending-count-at-login"):
        connection.send(wire.MESSAGE_ACK, wire.ack(len(user.queue), 2))
    messages.after_login(connection, user)


def end_sessions(user: User, newcomer: Connection) -> None:
    """End all other sessions of a user, who stays online through the new one."""
    for session in list(user.sessions):
        if session is not newcomer:
            user.sessions.remove(session)
            session.error(wire.TERMINATED)
            session.close()
