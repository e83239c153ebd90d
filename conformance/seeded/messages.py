"""Messages: relayed to those who are there, and queued for those who are not."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import wire
from connection import Connection
from options import CHOSEN, fault, reads
from state import AWAY, OFFLINE, ONLINE, Letter, User, timestamp

FAILED, DELIVERED, QUEUED = 0, 1, 2


def on_send(connection: Connection, fields: wire.Fields) -> None:
    """SEND_MESSAGE."""
    name, size = fields.name(), fields.number(2)
    if fields.left < size and fault("cut-message-is-delivered"):
        accept(connection, name, fields.rest())
        raise wire.Malformed
    if len(name) > 200 and fault("dies-of-a-long-name"):
        os._exit(1)
    end = len(fields.payload) - fields.left + size
    is_let = fault("length-check-wraps") and end & 0xFFFF <= len(fields.payload)
    body = fields.rest() if fault("short-body-is-sent") or is_let else fields.take(size)
    if fields.left and fault("trailing-message-is-sent"):
        accept(connection, name, body)
    fields.end()
    if len(body) > 4096 and fault("large-is-dropped"):
        return
    if len(body) > CHOSEN.limits.body or (not body and reads("empty-body", "refused")):
        connection.error(wire.INVALID_FORMAT)
        return
    accept(connection, name, mangled(body))


def accept(connection: Connection, name: bytes, body: bytes) -> None:
    """Take a message: relay or queue it, and acknowledge it."""
    user = recipient(connection, name)
    if user is None:
        refuse(connection, name, body)
        return
    if not body and fault("empty-body-is-lost"):
        acknowledge(connection, number_for(connection, user, True), DELIVERED)
        return
    if connection.user and fault("sending-is-being-there"):
        connection.user.status = ONLINE
    if user is connection.user and not may_write_to_oneself(connection):
        return
    is_there = is_present(connection, user)
    now = connection.entered_at if fault("time-of-login") else timestamp()
    letter = Letter(number_for(connection, user, is_there), sender_name(connection), now, body)
    if user.has_ghost and not is_there:
        user.has_ghost = False
        acknowledge(connection, letter.number, DELIVERED)
    elif is_there:
        acknowledge(connection, letter.number, ack_of_delivered())
        push(connection, user, letter)
    else:
        if not is_full(user, letter):
            connection.state.keep(user, as_kept(user, letter))
        for heir in [other for other in connection.state.connections if other.heir_of is user]:
            write(heir, letter, connection)
        acknowledge(connection, letter.number, ack_of_queued())


def is_present(connection: Connection, user: User) -> bool:
    """Whether a message to a user is pushed."""
    if user is connection.user and fault("self-is-queued"):
        return False
    if user.status == AWAY and fault("away-is-not-there"):
        return False
    if fault("asking-stops-pushes") and any(session.challenge for session in user.sessions):
        return False
    if fault("twenty-are-there") and sum(1 for _ in connection.state.sessions()) > 20:
        return False
    return bool(user.sessions) and not (user.status == OFFLINE and reads("invisible", "queued"))


def is_for_the_present(connection: Connection, fields: wire.Fields) -> bool:
    """Whether the recipient of a SEND_MESSAGE is there."""
    user = connection.state.find(wire.Fields(fields.payload).name())
    return user is None or bool(user.sessions)


def may_write_to_oneself(connection: Connection) -> bool:
    """Whether a user may write to themselves, as all may without a fault."""
    if fault("self-is-refused"):
        connection.error(wire.INVALID_NAME)
        return False
    if fault("self-deadlocks"):
        connection.is_stuck = True
        return False
    return True


def recipient(connection: Connection, name: bytes) -> User | None:
    """The user whom a message is for."""
    users = connection.state.users
    if fault("nobody-is-a-prefix"):
        return next((user for other, user in users.items() if name and other.startswith(name)), None)
    if fault("push-to-any-case"):
        return next((user for other, user in users.items() if other.lower() == name.lower()), None)
    if fault("recipient-is-trimmed"):
        name = name.strip(b" \0\n")
    user = connection.state.find(name)
    if user is None:
        connection.state.nobodies.add(name)
    return None if name in connection.state.nobodies and fault("nobody-is-remembered") else user


def refuse(connection: Connection, name: bytes, body: bytes) -> None:
    """Say that nobody has this name."""
    if fault("nobody-is-silent"):
        return
    if fault("nobody-is-queued"):
        acknowledge(connection, connection.state.next_id(), QUEUED)
    elif fault("nobody-is-delivered"):
        acknowledge(connection, connection.state.next_id(), DELIVERED)
    elif not name and fault("empty-name-is-everybody"):
        letter = Letter(connection.state.next_id(), sender_name(connection), timestamp(), body)
        acknowledge(connection, letter.number, DELIVERED)
        for session in connection.state.sessions():
            write(session, letter, connection)
    elif reads("unknown-recipient", "error") != fault("not-as-declared"):
        connection.error(wire.USER_NOT_FOUND)
    else:
        connection.send(wire.MESSAGE_ACK, wire.ack(0, FAILED))


# Parts of a message


def number_for(connection: Connection, user: User, is_there: bool) -> int:
    """The id of a new message."""
    state, sender = connection.state, connection.user
    if fault("ids-constant"):
        return 7
    if sender and fault("ids-of-the-sender"):
        sender.sent += 1
        return sender.sent
    connection.sent += 1
    if fault("ids-of-the-session"):
        return connection.sent
    if fault("ids-by-the-second"):
        return int(time.time())
    if fault("ids-by-the-millisecond"):
        return int(time.time() * 1000) & 0xFFFFFFFF
    user.got += 1
    if fault("ids-of-the-recipient"):
        return user.got
    if fault("queue-counts-by-itself") and not is_there:
        state.counter += 1
        return 1000 + state.counter
    number = state.next_id(counts=is_there or not fault("queued-ids-not-counted"))
    return number & 0xFF if fault("ids-8-bit") else number


def sender_name(connection: Connection) -> bytes:
    """The name that the sending connection has proved."""
    state, name = connection.state, connection.user.name if connection.user else connection.asked
    if fault("sender-as-registered") and connection.registered:
        name = connection.registered
    if fault("sender-is-the-newest") and state.newest:
        name = state.newest.name
    if fault("switch-keeps-the-sender") and connection.first_user:
        name = connection.first_user.name
    if fault("sender-as-asked") and connection.asked:
        name = connection.asked
    if fault("sender-cut-at-16"):
        name = name[:16]
    if fault("sender-cut-at-127"):
        name = name[:127]
    return name.lower() if fault("sender-lower-case") else name


def mangled(body: bytes) -> bytes:
    """The body, byte for byte unless a fault changes it."""
    if fault("body-ends-at-nul"):
        body = body.partition(b"\0")[0]
    if fault("body-is-text"):
        body = body.decode(errors="replace").encode()
    if body and len(body) % 256 == 0 and fault("body-fills-its-buffer"):
        body = body[:-1] + b"\0"
    if len(body) == 300 and fault("body-of-300"):
        body = body[:-1]
    if fault("body-is-trimmed"):
        body = body.strip()
    if fault("body-crlf"):
        body = body.replace(b"\r\n", b"\n")
    if fault("body-newlines"):
        body = body.replace(b"\r", b"\n")
    if fault("body-cut-at-4096"):
        body = body[:4096]
    if fault("body-length-8-bit"):
        body = body[: len(body) & 0xFF]
    if fault("body-length-signed") and len(body) > 0x7FFF:
        body = b""
    return body[:65_535]


def ack_of_delivered() -> int:
    """The status of a message that was delivered."""
    if fault("ack-says-queued"):
        return QUEUED
    return FAILED if fault("ack-says-failed") else DELIVERED


def ack_of_queued() -> int:
    """The status of a message that was queued."""
    if fault("queued-ack-delivered"):
        return DELIVERED
    return FAILED if fault("queued-ack-failed") else QUEUED


def acknowledge(connection: Connection, number: int, status: int) -> None:
    """Send MESSAGE_ACK."""
    if fault("no-ack") or (connection.has_acked and fault("one-ack-a-read")):
        return
    connection.has_acked = True
    connection.send(wire.MESSAGE_ACK, wire.ack(number, status))
    if fault("two-acks"):
        connection.send(wire.MESSAGE_ACK, wire.ack(number, status))


# To those who are there


def push(connection: Connection, user: User, letter: Letter) -> None:
    """Bring a message to a user who is there."""
    if fault("two-counters"):
        letter = replace(letter, number=connection.state.next_id())
    if letter.body == user.last_body and fault("equal-pushes-are-one"):
        return
    user.last_body = letter.body
    if fault("pushed-and-queued") or (user.status == AWAY and fault("away-is-queued-too")):
        user.queue.append(letter)
    if fault("pushed-and-kept"):
        user.again.append(letter)
    if fault("push-at-poll"):
        user.queue.append(letter)
    elif fault("push-at-next-request"):
        user.sessions[0].waiting.append(letter)
    elif fault("newest-first"):
        connection.later(0, lambda: push_now(connection, user, connection.stack.pop()))
        connection.stack.append(letter)
    elif fault("short-overtakes"):
        connection.later(len(letter.body) / 30_000, lambda: push_now(connection, user, letter))
    elif not (user is connection.user and fault("self-is-not-pushed")):
        push_now(connection, user, letter)


def push_now(connection: Connection, user: User, letter: Letter) -> None:
    """Write a message to the sessions of its recipient."""
    state, sessions = connection.state, list(user.sessions)
    if fault("push-to-all"):
        sessions = list(state.sessions())
    if fault("push-to-sender-too"):
        sessions.append(connection)
    if fault("push-to-prefix"):
        sessions += [session for session in state.sessions() if session.user and session.user.name[:-1] == user.name]
    if fault("push-to-part-of-name"):
        sessions += [session for session in state.sessions() if session.user and session.user.name in user.name[1:]]
    if fault("push-to-visitors"):
        sessions += [other for other in state.connections if other.user is None]
    for session in sessions:
        if session.pushed and fault("push-first-only"):
            continue
        session.pushed += 1
        write(session, letter, connection)
        if session is not connection and fault("recipient-is-acknowledged-to"):
            session.send(wire.MESSAGE_ACK, wire.ack(letter.number, DELIVERED))
        if fault("pushed-twice"):
            write(session, letter, connection)


def write(session: Connection, letter: Letter, origin: Connection | None = None) -> None:
    """Send INCOMING_MESSAGE; `origin` is the connection that the message came from, if it is another one."""
    if fault("sender-is-recipient") and session.user:
        letter = replace(letter, sender=session.user.name)
    if session.transport.get_write_buffer_size() > 64 << 10 and fault("slow-readers-miss"):
        return
    payload = wire.incoming(letter.number, letter.sender, letter.time, letter.body)
    session.send(wire.INCOMING_MESSAGE, payload, None if origin is session else origin)


# To those who were not


def is_full(user: User, letter: Letter) -> bool:
    """Whether a fault drops a message instead of queueing it."""
    limit = (64 << 10) if fault("queue-keeps-64-kib") else (512 << 10) if fault("queue-keeps-512-kib") else 0
    if limit and sum(len(kept.body) for kept in [*user.queue, letter]) > limit:
        return True
    if fault("equal-messages-are-one"):
        return any((kept.sender, kept.body) == (letter.sender, letter.body) for kept in user.queue)
    if fault("queue-of-one"):
        return len(user.queue) >= 1
    if fault("queue-keeps-the-first-1000"):
        return len(user.queue) >= 1000
    if fault("queue-keeps-the-first-100"):
        return len(user.queue) >= 100
    if fault("queue-keeps-the-last-32"):
        del user.queue[:-31]
    return False


def as_kept(user: User, letter: Letter) -> Letter:
    """A message as it is queued."""
    if fault("queue-keeps-the-buffer"):
        user.queue = [replace(kept, body=letter.body) if kept.sender == letter.sender else kept for kept in user.queue]
    return replace(letter, body=letter.body[:4096]) if fault("queue-cut-at-4096") else letter


def on_poll(connection: Connection, fields: wire.Fields) -> None:
    """GET_MESSAGES."""
    wire.nothing(fields)
    user = connection.acting
    if not user.queue:
        answer_empty(connection)
    deliver_queue(connection, user)
    if fault("poll-ends-with-a-word"):
        connection.send(wire.MESSAGE_ACK, wire.ack(0, DELIVERED))


def answer_empty(connection: Connection) -> None:
    """Say nothing, or that there is nothing."""
    if fault("empty-poll-closes"):
        connection.close()
    elif fault("empty-poll-empty-message"):
        write(connection, Letter(0, b"", 0, b""))
    elif reads("empty-poll", "error"):
        connection.error(wire.SERVER_ERROR)


def deliver_queue(connection: Connection, user: User) -> None:
    """Bring all that is queued for a user."""
    if user.queue and len(user.queue) % 256 == 0 and fault("queue-count-8-bit"):
        return
    if user.status == OFFLINE and fault("invisible-have-no-queue"):
        return
    letters, kept = connection.state.take_all(user), []
    if fault("queue-of-all"):
        letters = [letter for other in connection.state.users.values() for letter in [*other.queue, *letters]]
    if fault("queue-is-a-stack"):
        letters.reverse()
    if fault("queue-by-sender"):
        letters.sort(key=lambda letter: letter.sender)
    if fault("queue-short-first"):
        letters.sort(key=lambda letter: len(letter.body) >= 1024)
    if letters and fault("queue-time-of-the-first"):
        letters = [replace(letter, time=letters[0].time) for letter in letters]
    if fault("one-a-poll"):
        letters, kept = letters[:1], letters[1:]
    if fault("ten-a-poll"):
        letters, kept = letters[:10], letters[10:]
    if fault("last-of-several-stays") and len(letters) > 1:
        kept = letters[-1:]
    if fault("queue-is-not-emptied"):
        kept = letters
    if fault("queue-is-emptied-for-now"):
        user.again += letters
    user.queue = kept
    for letter in letters:
        write(connection, redone(connection, letter))


def redone(connection: Connection, letter: Letter) -> Letter:
    """A queued message, as it was sent unless a fault makes parts of it anew."""
    if fault("queue-time-of-delivery"):
        letter = replace(letter, time=timestamp())
    sender = connection.state.find(letter.sender)
    if fault("queue-asks-who-sent") and not (sender and sender.sessions):
        letter = replace(letter, sender=b"")
    if fault("queue-new-ids"):
        letter = replace(letter, number=connection.state.next_id())
    if fault("queue-sender-is-recipient") and connection.user:
        letter = replace(letter, sender=connection.user.name)
    if fault("queue-body-is-text"):
        letter = replace(letter, body=letter.body.decode(errors="replace").encode()[:65_535])
    return letter


def after_login(connection: Connection, user: User) -> None:
    """Bring what was queued to a user who has just logged in, if that is when it is brought."""
    if user.logins > 1 and fault("queue-dropped-at-login"):
        user.queue.clear()
    user.queue, user.again = user.again + user.queue, []
    if not reads("queued-delivery", "poll"):
        deliver_queue(connection, user)
