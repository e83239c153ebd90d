"""A conversation without a terminal: the connection that is kept up, what is typed, and what is shown.

What is typed is done in order by one task, so that messages leave in the order in which they were written. What comes is shown
by another. A third keeps up the connection: when it is lost, it is tried again with growing delays. A server that ends three
young sessions in a row is left alone, since it is likely that the same user is chatting somewhere else, and the newest session
ends the one before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Final, Protocol

from cchatspec.reference.client.backoff import Backoff
from cchatspec.reference.client.client import Client
from cchatspec.reference.client.entry import Key, Settings, enter
from cchatspec.reference.client.errors import ClientError, Ended, KeyChanged, Misuse, Refused, Terminated
from cchatspec.reference.client.polling import polled
from cchatspec.reference.client.results import Received
from cchatspec.reference.client.tasks import together
from cchatspec.reference.client.text import shown_lines, shown_name
from cchatspec.spec import ErrorCode, Presence

#: A session that lasted this long, in seconds, was no accident.
STABLE_SECONDS: Final = 60.0

#: How many young sessions in a row the server may end.
PATIENCE: Final = 3

#: How many messages that cannot be read are kept, to be tried again when a key is accepted.
_UNREADABLE_LIMIT: Final = 1000

#: The refusals at entry that may pass with time.
_PASSING: Final = frozenset({ErrorCode.RATE_LIMIT_EXCEEDED, ErrorCode.SERVER_ERROR})

PRESENCE_WORDS: Final = {Presence.OFFLINE: "offline", Presence.ONLINE: "online", Presence.AWAY: "away"}


class Screen(Protocol):
    """What a room is shown on."""

    def show(self, text: str, style: str = "") -> None:
        """Shows a line above what is being typed; the styles are `own`, `other`, `note` and `problem`."""

    def refresh(self) -> None:
        """Shows what has changed of the room's state."""


class Room:
    """One user's chat.

    Args:
        settings: who the user is, and where the server.
        key: the user's key.
        screen: where it is shown.
        backoff: the delays between attempts to connect.
        clock: tells seconds that pass.
    """

    def __init__(
        self,
        settings: Settings,
        key: Key,
        screen: Screen,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.key = key
        self.screen = screen
        self.client: Client | None = None
        self.recipient: str | None = None
        self.presence: dict[str, Presence] = {}
        self.status = Presence.ONLINE
        self.on_their_way = 0
        self.retry = asyncio.Event()
        self.entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pins = settings.pins()
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._young_ends = 0
        self._last_problem = ""
        self._unreadable: list[Received] = []

    # The connection

    async def stay(self) -> None:
        """Keeps up the connection until it is cancelled; `entered` tells how the first attempt ended."""
        while True:
            since = self._clock()
            problem: ClientError
            try:
                await self._visit()
            except ClientError as error:
                problem = error
            finally:
                self.client = None
                self.screen.refresh()
            if not self.entered.done():
                self.entered.set_exception(problem)
                return
            await self._pause(problem, self._clock() - since)

    async def _visit(self) -> None:
        """One session, from connecting to its end."""
        async with self.settings.client(self._pins) as client:
            await enter(client, self.settings.name, self.key, self.note)
            self.client = client
            if not self.entered.done():
                self.entered.set_result(None)
            self._last_problem = ""
            self.note(f"connected to {self.settings.server} as {shown_name(self.settings.name)}")
            async with polled(client):
                await together(self._show_messages(client), self._show_changes(client), self._arrive(client))

    async def _arrive(self, client: Client) -> None:
        """What is done first: who is there, what was queued, and the status that the user had chosen."""
        try:
            self.presence = await client.users()
            self.screen.refresh()
            await client.fetch()
            if self.status is not Presence.ONLINE:
                await client.set_status(self.status)
        except Refused as refusal:
            self.problem(str(refusal))

    async def _pause(self, problem: ClientError, lasted: float) -> None:
        """Waits before the next attempt, or for the user's word where another attempt makes no sense by itself."""
        if lasted >= STABLE_SECONDS:
            self._backoff.reset()
            self._young_ends = 0
        self._young_ends += isinstance(problem, Terminated)
        self.retry.clear()
        is_final = isinstance(problem, Refused) and problem.code not in _PASSING
        if is_final or not isinstance(problem, Ended | Refused) or self._young_ends >= PATIENCE:
            self._young_ends = 0
            self.problem(f"{problem}; /reconnect tries again")
            await self.retry.wait()
            return
        if str(problem) != self._last_problem:
            self._last_problem = str(problem)
            self.problem(f"{problem}; trying again")
        with suppress(TimeoutError):
            async with asyncio.timeout(self._backoff.delay()):
                await self.retry.wait()

    def connected(self) -> Client:
        """The session that there is.

        Raises:
            Misuse: there is none.
        """
        if self.client is None:
            raise Misuse("not connected")
        return self.client

    # What comes

    async def _show_messages(self, client: Client) -> None:
        async with aclosing(client.messages()) as messages:
            async for message in messages:
                self.show_message(message)

    async def _show_changes(self, client: Client) -> None:
        async with aclosing(client.changes()) as changes:
            async for change in changes:
                self.presence[change.name] = change.status
                self.screen.refresh()
                if change.name == self.recipient:
                    self.note(f"{shown_name(change.name)} is {PRESENCE_WORDS[change.status]}")

    def show_message(self, message: Received) -> None:
        """Shows a message, or why it cannot be read."""
        sender = shown_name(message.sender)
        if message.problem is not None:
            self.screen.show(f"{sender}: [message {message.id} cannot be read: {message.problem.words}]", "problem")
            if len(self._unreadable) < _UNREADABLE_LIMIT:
                self._unreadable.append(message)
            return
        mark = "" if message.is_authenticated else "[sender not proved] "
        self._show_said(f"{sender}: {mark}", message.text or "", "", "other")

    async def open_again(self, client: Client, name: str) -> None:
        """Tries those messages again that could not be read before a key was accepted."""
        again = [message for message in self._unreadable if message.sender == name]
        for message in again:
            opened = await client.open(message.raw)
            if opened.problem is None:
                self._unreadable.remove(message)
                self.show_message(opened)

    # What is said

    async def say(self, recipient: str, text: str) -> None:
        """Sends a message, and shows it with what became of it."""
        self.on_their_way += 1
        self.screen.refresh()
        try:
            receipt = await self.connected().send(recipient, text)
        except ClientError as error:
            self._show_own(recipient, text, "failed", "problem")
            self.problem(self._advice(recipient, error))
        else:
            self._show_own(recipient, text, receipt.status.name.lower(), "own")
        finally:
            self.on_their_way -= 1
            self.screen.refresh()

    def _advice(self, recipient: str, error: ClientError) -> str:
        if isinstance(error, KeyChanged):
            return f"{error}; compare it by another way, then /accept {shown_name(recipient)}"
        if isinstance(error, Ended):
            return "the connection ended before the server said what became of it; it may have arrived"
        return str(error)

    def _show_own(self, recipient: str, text: str, state: str, style: str) -> None:
        self._show_said(f"to {shown_name(recipient)}: ", text, f"  [{state}]", style)

    def _show_said(self, head: str, text: str, tail: str, style: str) -> None:
        first, *rest = shown_lines(text)
        self.screen.show("\n".join([head + first, *(f"    {line}" for line in rest)]) + tail, style)

    def note(self, text: str) -> None:
        """Shows a remark."""
        self.screen.show(text, "note")

    def problem(self, text: str) -> None:
        """Shows what went wrong."""
        self.screen.show(text, "problem")
