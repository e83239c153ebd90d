"""`cchatspec send` and `cchatspec recv`: one message out, some messages in, and an exit status that says how it went.

0: done. 1: refused, undelivered or too late. 2: wrong usage, a file that cannot be used, or a server that cannot be reached.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import Final

from cchatspec.reference.client.client import Client
from cchatspec.reference.client.crypto import fingerprint
from cchatspec.reference.client.entry import Key, Say, Settings, enter, open_key
from cchatspec.reference.client.errors import (
    ClientError,
    Ended,
    FileProblem,
    KeyChanged,
    Misuse,
    Unreachable,
)
from cchatspec.reference.client.polling import polled
from cchatspec.reference.client.results import Receipt, Received
from cchatspec.reference.client.tasks import together
from cchatspec.reference.client.text import shown_lines, shown_name

DONE: Final = 0
REFUSED: Final = 1
UNUSABLE: Final = 2

#: How the first lines of problems with which nothing was sent or received end.
_UNUSABLE: Final = (Unreachable, FileProblem, Misuse)

Show = Callable[[Received], None]


def status_of(error: ClientError) -> int:
    """The exit status that an error stands for."""
    return UNUSABLE if isinstance(error, _UNUSABLE) else REFUSED


def send(settings: Settings, recipient: str, content: bytes, accept: str | None, say: Say) -> tuple[int, str]:
    """Sends one message; returns the exit status and one line for standard output or, with another status than 0, error.

    Args:
        accept: the fingerprint of the recipient's new key, if a changed one is to be accepted.
        say: shows a remark.
    """
    try:
        receipt = asyncio.run(_send(settings, open_key(settings), recipient, content, accept, say))
    except ClientError as error:
        return status_of(error), str(error)
    return DONE, f"{receipt.status.name.lower()} {receipt.message_id}"


async def _send(settings: Settings, key: Key, recipient: str, content: bytes, accept: str | None, say: Say) -> Receipt:
    async with settings.client(settings.pins()) as client:
        await enter(client, settings.name, key, say)
        try:
            return await client.send(recipient, content)
        except KeyChanged as change:
            if accept is None:
                raise
            await _accept(client, recipient, change, accept)
        return await client.send(recipient, content)


async def _accept(client: Client, recipient: str, change: KeyChanged, accept: str) -> None:
    if change.offered != accept:
        raise change
    if fingerprint(await client.accept_key(recipient)) != accept:
        raise change


def receive(settings: Settings, count: int | None, seconds: float | None, show: Show, say: Say) -> tuple[int, str]:
    """Shows messages as they come; returns the exit status and one line about what went wrong, if anything did.

    Args:
        count: how many messages are enough. More are shown if the server has handed over more: it has forgotten them.
        seconds: how long to wait for them.
        show: shows a message.
        say: shows a remark.
    """
    shown = 0

    def count_and_show(message: Received) -> None:
        nonlocal shown
        shown += 1
        show(message)

    try:
        asyncio.run(_receive(settings, open_key(settings), count, seconds, count_and_show, say))
    except ClientError as error:
        return status_of(error), str(error)
    if count is not None and shown < count:
        return REFUSED, f"{shown} of {count} messages came within {seconds:g} seconds"
    return DONE, ""


async def _receive(
    settings: Settings, key: Key, count: int | None, seconds: float | None, show: Show, say: Say
) -> None:
    async with settings.client(settings.pins()) as client:
        await enter(client, settings.name, key, say)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds), polled(client):
                    await together(client.fetch(), _first(client, count, show))
        finally:
            await _rest(client, show)


async def _first(client: Client, count: int | None, show: Show) -> None:
    left = count
    async with aclosing(client.messages()) as messages:
        async for message in messages:
            show(message)
            left = None if left is None else left - 1
            if left == 0:
                return


async def _rest(client: Client, show: Show) -> None:
    """Shows what else the server has handed over, up to the end of the session."""
    with suppress(Ended):
        await client.logout()
        async for message in client.messages():
            show(message)


def as_json(message: Received) -> str:
    """A message as one line of JSON, in ASCII."""
    text = _utf8(message.content)
    unreadable = message.raw.encrypted_message if message.problem else message.content or b""
    return json.dumps(
        {
            "id": message.id,
            "from": message.sender,
            "timestamp": message.timestamp,
            "time": _time(message),
            "text": text,
            "base64": None if text is not None else b64encode(unreadable).decode(),
            "problem": message.problem.kind.value if message.problem else None,
            "detail": message.problem.words if message.problem else None,
            "authenticated": message.is_authenticated,
        }
    )


def as_text(message: Received) -> str:
    """A message for people: time, sender and what it says, escaped; later lines are indented."""
    head = f"{_time(message)} {shown_name(message.sender)}: "
    if message.problem is not None:
        return f"{head}[message {message.id} cannot be read: {message.problem.words}]"
    mark = "" if message.is_authenticated else "[sender not proved] "
    return head + mark + "\n    ".join(shown_lines(message.text or ""))


def _time(message: Received) -> str:
    return datetime.fromtimestamp(message.timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _utf8(content: bytes | None) -> str | None:
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
