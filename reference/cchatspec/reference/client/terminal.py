"""The chat in a terminal, on prompt_toolkit: a line to type in, messages above it, and the state of things below."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.shortcuts import CompleteStyle
from prompt_toolkit.styles import Style

from cchatspec.reference.client.entry import Key, Settings, open_key
from cchatspec.reference.client.errors import ClientError
from cchatspec.reference.client.orders import ORDERS, Quit, obey
from cchatspec.reference.client.room import PRESENCE_WORDS, Room
from cchatspec.reference.client.scripts import DONE, status_of
from cchatspec.reference.client.text import shown_name
from cchatspec.spec import Presence

_STYLE = Style.from_dict(
    {
        "time": "ansibrightblack",
        "own": "ansicyan",
        "other": "bold",
        "note": "ansibrightblack",
        "problem": "ansired",
        "bottom-toolbar": "noreverse ansibrightblack",
    }
)


class Terminal:
    """A room's screen, and the line that is typed into it."""

    def __init__(self) -> None:
        self.room: Room | None = None
        self._session: PromptSession[str] = PromptSession(
            erase_when_done=True,
            complete_style=CompleteStyle.READLINE_LIKE,
            completer=_Names(self),
            key_bindings=_keys(),
            bottom_toolbar=self._state,
            prompt_continuation=lambda width, number, wraps: " " * width,
            style=_STYLE,
        )

    def show(self, text: str, style: str = "") -> None:
        """Prints above the line that is being typed."""
        now = datetime.now().astimezone().strftime("%H:%M ")
        print_formatted_text(FormattedText([("class:time", now), (f"class:{style}", text)]), style=_STYLE)

    def refresh(self) -> None:
        """Draws the line and the state again."""
        self._session.app.invalidate()

    async def ask(self) -> str:
        """The next line that is typed.

        Raises:
            EOFError: the user wants to leave.
        """
        return await self._session.prompt_async(self._prompt)

    def _prompt(self) -> str:
        recipient = self.room.recipient if self.room else None
        return f"{shown_name(recipient)}> " if recipient else "> "

    def _state(self) -> str:
        room = self.room
        if room is None:
            return ""
        own = PRESENCE_WORDS[room.status] if room.client else "not connected"
        parts = [f"{shown_name(room.settings.name)} at {room.settings.server}: {own}"]
        if room.recipient is not None:
            status = room.presence.get(room.recipient, Presence.OFFLINE)
            parts.append(f"{shown_name(room.recipient)}: {PRESENCE_WORDS[status]}")
        if room.on_their_way:
            parts.append(f"{room.on_their_way} on the way")
        return " | ".join(parts)


class _Names(Completer):
    """Completes orders, and the names behind those that take one."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What the text before the cursor may become."""
        word, space, rest = document.text_before_cursor.partition(" ")
        if not word.startswith("/"):
            return
        start = rest if space else word
        for candidate in self._names(word) if space else ORDERS:
            if candidate.startswith(start):
                yield Completion(candidate, -len(start))

    def _names(self, word: str) -> list[str]:
        order, room = ORDERS.get(word), self._terminal.room
        return sorted(map(shown_name, room.presence)) if room and order and order.argument else []


def _keys() -> KeyBindings:
    """Ctrl-C discards what is typed, and leaves if that is nothing; Alt-Enter begins another line of the same message."""
    keys = KeyBindings()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    @keys.add("c-c")
    def _(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=EOFError)

    return keys


def chat(settings: Settings) -> tuple[int, str]:
    """Chats until the user leaves; returns the exit status, and one line if the chat did not come about."""
    try:
        asyncio.run(run(settings, open_key(settings)))
    except ClientError as error:
        return status_of(error), str(error)
    return DONE, ""


async def run(settings: Settings, key: Key) -> None:
    """Enters, and then does what is typed until the user leaves.

    Raises:
        ClientError: the server could not be entered.
    """
    terminal = Terminal()
    room = terminal.room = Room(settings, key, terminal)
    staying = asyncio.create_task(room.stay())
    try:
        await room.entered
        room.note("/help shows what you can do, /users who there is")
        await _type(terminal, room)
    finally:
        staying.cancel()
        await asyncio.wait([staying])


async def _type(terminal: Terminal, room: Room) -> None:
    lines: asyncio.Queue[str] = asyncio.Queue()
    obeying = asyncio.create_task(_obey_all(room, lines))
    typing = asyncio.create_task(_read_all(terminal, lines))
    try:
        await asyncio.wait([obeying, typing], return_when=asyncio.FIRST_COMPLETED)
        if typing.done() and not obeying.done():
            # What was typed before leaving is still sent.
            await lines.join()
    finally:
        for task in (obeying, typing):
            task.cancel()
        results = await asyncio.gather(obeying, typing, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, Quit | EOFError):
            raise result


async def _obey_all(room: Room, lines: asyncio.Queue[str]) -> None:
    while True:
        line = await lines.get()
        try:
            await obey(room, line)
        finally:
            lines.task_done()


async def _read_all(terminal: Terminal, lines: asyncio.Queue[str]) -> None:
    with suppress(EOFError):
        while True:
            lines.put_nowait(await terminal.ask())
