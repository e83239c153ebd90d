"""Messages: SEND_MESSAGE and GET_MESSAGES."""

from __future__ import annotations

import time

import wording
from bugs import die, has, segfault, wait_for_ever
from choices import limits, point
from links import Link
from people import Directory, Message, User, look_at

FAILED, DELIVERED, QUEUED = range(3)


def on_send(directory: Directory, link: Link, payload: bytes) -> None:
    """SEND_MESSAGE."""
    try:
        name, body = _read(payload)
    except wording.Malformed:
        if not has("thread-dies"):
            raise
        link.stuck = True
        return
    if _stumbles(link, body):
        return
    user = directory.find(name)
    look_at(name, user is not None)
    if len(body) > limits.body:
        link.say(wording.error(wording.MALFORMED, b"the message is too long"))
    elif not body and point["empty-body"] == "refused":
        link.say(wording.error(wording.MALFORMED, b"the message is empty"))
    elif user is None:
        _say_nobody(link, name)
    else:
        _accept(directory, link, user, body)


def _read(payload: bytes) -> tuple[bytes, bytes]:
    """Recipient and body."""
    name, end = wording.take_name(payload)
    start = end + 2
    if len(payload) < start:
        raise wording.Malformed
    size = int.from_bytes(payload[end:start], "big")
    if len(payload) == start + size - 1 and has("body-one-too-short"):
        return name, payload[start:] + b"\0"
    if len(payload) != start + size:
        raise wording.Malformed
    return name, payload[start:]


def _stumbles(link: Link, body: bytes) -> bool:
    """What bugs do about a body before it is looked at."""
    if len(body) >= 300 and link.depth == 4:
        if has("depth-5-crash"):
            die("MemoryError: body")
        if has("depth-5"):
            link.end()
    if len(body) > 32_767 and has("body-length-signed"):
        link.end()
    if not body and has("empty-body-waits"):
        link.stuck = True
    return link.over or link.stuck


def _say_nobody(link: Link, name: bytes) -> None:
    if has("error-text-length"):
        text = b"there is no user called " + name
        link.say(wording.frame(0x88, bytes((wording.NOT_FOUND, 0, len(text) & 0xFF)) + text))
    elif point["unknown-recipient"] == "ack":
        link.say(wording.ack(0, FAILED))
    else:
        link.say(wording.error(wording.NOT_FOUND, b"nobody has registered this name"))


def _accept(directory: Directory, link: Link, user: User, body: bytes) -> None:
    """Push a message, or keep it."""
    assert link.user is not None
    if user is link.user and has("self-send-deadlock"):
        wait_for_ever()
    link.messages += 1
    if link.messages == 256 and has("messages-256"):
        segfault()
    if has("body-length-8-bit"):
        body = body[: len(body) & 0xFF]
    message = Message(directory.next_number(), link.user.name, int(time.time()), body)
    is_away = user.status == 0 and point["invisible"] == "queued"
    if user.sessions and not is_away:
        push(user.sessions[-1], message)
        if has("delivered-twice"):
            user.queue.append(message)
        link.say(wording.ack(message.number, DELIVERED))
    elif keep(directory, user, message):
        link.say(wording.ack(message.number, QUEUED))
    else:
        link.say(wording.ack(message.number, FAILED))


def push(link: Link, message: Message) -> None:
    """Bring a message to a session."""
    data = wording.incoming(message.number, message.sender, message.when, message.body)
    if len(data) > 1000 and has("frames-mixed"):
        link.say(data[:1000])
        link.late += data[1000:]
    else:
        link.say(data)


def keep(directory: Directory, user: User, message: Message) -> bool:
    """Queue a message, unless the queue is full."""
    if user.queued_bytes + len(message.body) > limits.queued_bytes:
        return False
    if has("queue-of-eight") and len(user.queue) == 8:
        user.queue.popleft()
    user.queue.append(message)
    user.queued_bytes += len(message.body) + 64
    number, when = message.number.to_bytes(4, "big"), message.when.to_bytes(4, "big")
    directory.journal.write(b"Q", user.name, number, message.sender, when, message.body)
    return True


def hand_over(directory: Directory, link: Link, user: User) -> bool:
    """Bring all queued messages of a user to a session; whether there were any."""
    if not user.queue:
        return False
    for message in user.queue:
        push(link, message)
    user.queue.clear()
    user.queued_bytes = 0
    directory.journal.write(b"P", user.name)
    return True


def on_poll(directory: Directory, link: Link, payload: bytes) -> None:
    """GET_MESSAGES."""
    if payload and has("trailing-asserted"):
        die("AssertionError")
    if payload:
        raise wording.Malformed
    assert link.user is not None
    if not hand_over(directory, link, link.user) and point["empty-poll"] == "error":
        link.say(wording.error(wording.NOT_FOUND, b"nothing is waiting"))
