"""The chat in a terminal: keys go in through a pipe, and what reaches the screen is read back."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output
from tests.reference.client.conftest import HOST, House, house, identity_of, run

from cchatspec.reference.client import Unreachable
from cchatspec.reference.client.entry import Key, Settings
from cchatspec.reference.client.terminal import run as run_chat

CTRL_C, CTRL_D, UP, ALT_ENTER = "\x03", "\x04", "\x1b[A", "\x1b\r"


class Paper(io.StringIO):
    """What a terminal would have been sent."""

    def __init__(self) -> None:
        super().__init__()
        self._news = asyncio.Event()

    def write(self, text: str) -> int:
        self._news.set()
        return super().write(text)

    async def shows(self, text: str) -> None:
        """Waits until a text has been written behind the one that was last waited for."""
        while text not in self.getvalue():
            self._news.clear()
            await self._news.wait()
        rest = self.getvalue().partition(text)[2]
        self.seek(0)
        self.truncate()
        super().write(rest)


class Desk:
    def __init__(self, keyboard: PipeInput, paper: Paper, chatting: asyncio.Task[None]) -> None:
        self.keyboard = keyboard
        self.paper = paper
        self.chatting = chatting

    async def types(self, keys: str, then: str) -> None:
        self.keyboard.send_text(keys)
        await self.paper.shows(then)


@asynccontextmanager
async def desk(port: int, folder: Path) -> AsyncIterator[Desk]:
    """Alice in front of her terminal."""
    settings = Settings(HOST, port, "alice", folder)
    paper = Paper()
    output = Vt100_Output(paper, lambda: Size(rows=24, columns=120), enable_cpr=False)
    with create_pipe_input() as keyboard, create_app_session(input=keyboard, output=output):
        chatting = asyncio.create_task(run_chat(settings, Key(Path("alice.key"), identity_of("alice"), None)))
        try:
            yield Desk(keyboard, paper, chatting)
        finally:
            chatting.cancel()
            await asyncio.wait([chatting])


@asynccontextmanager
async def at_home(folder: Path) -> AsyncIterator[tuple[House, Desk]]:
    async with house("alice", "bob") as home, desk(home.port, folder) as alice:
        await alice.paper.shows("/users who there is")
        yield home, alice


def test_people_chat_both_ways(tmp_path: Path) -> None:
    async def conversation() -> None:
        async with at_home(tmp_path) as (home, alice), home.login("bob") as bob:
            await alice.types("/to bob\r", "bob>")
            await alice.types("hello\r", "to bob: hello  [delivered]")
            assert (await anext(bob.messages())).text == "hello"
            await bob.send("alice", "hi \x1b[31m")
            await alice.paper.shows("bob: hi \\x1b[31m")

    run(conversation)


def test_alt_enter_begins_another_line_of_a_message(tmp_path: Path) -> None:
    async def conversation() -> None:
        async with at_home(tmp_path) as (home, alice), home.login("bob") as bob:
            await alice.types("/to bob\r", "bob>")
            await alice.types(f"first{ALT_ENTER}second{ALT_ENTER}{ALT_ENTER}last\r", "[delivered]")
            assert (await anext(bob.messages())).text == "first\nsecond\n\nlast"

    run(conversation)


def test_a_message_of_several_lines_can_be_had_again(tmp_path: Path) -> None:
    async def conversation() -> None:
        async with at_home(tmp_path) as (home, alice), home.login("bob") as bob:
            await alice.types("/to bob\r", "bob>")
            await alice.types(f"one{ALT_ENTER}two\r", "[delivered]")
            await alice.types(f"{UP}!\r", "[delivered]")
            assert [(await anext(bob.messages())).text for _ in range(2)] == ["one\ntwo", "one\ntwo!"]

    run(conversation)


def test_the_help_tells_of_alt_enter(tmp_path: Path) -> None:
    async def conversation() -> None:
        async with at_home(tmp_path) as (_, alice):
            await alice.types("/help\r", "Alt-Enter begins another line")

    run(conversation)


def test_orders_and_names_are_completed(tmp_path: Path) -> None:
    async def conversation() -> None:
        async with at_home(tmp_path) as (_, alice):
            await alice.types("/us\t\r", "offline bob")
            await alice.types("/to b\t\r", "bob>")

    run(conversation)


def test_what_was_typed_can_be_had_again(tmp_path: Path) -> None:
    async def conversation() -> None:
        async with at_home(tmp_path) as (_, alice):
            await alice.types("/nonsense\r", "there is no /nonsense")
            await alice.types(f"{UP}x\r", "there is no /nonsensex")

    run(conversation)


@pytest.mark.parametrize("keys", ["/quit\r", CTRL_D, CTRL_C])
def test_leaving_logs_out(tmp_path: Path, keys: str) -> None:
    async def conversation() -> None:
        async with at_home(tmp_path) as (home, alice), home.login("bob") as bob:
            alice.keyboard.send_text(keys)
            await alice.chatting
            assert (await bob.users())["alice"].name == "OFFLINE"

    run(conversation)


def test_ctrl_c_discards_what_is_typed(tmp_path: Path) -> None:
    async def conversation() -> None:
        async with at_home(tmp_path) as (_, alice):
            await alice.types(f"/oops{CTRL_C}/help\r", "log out and leave")

    run(conversation)


def test_what_was_typed_before_leaving_is_still_done(tmp_path: Path) -> None:
    async def conversation() -> None:
        async with at_home(tmp_path) as (home, alice), home.login("bob") as bob:
            alice.keyboard.send_text(f"/to bob\rbye\r{CTRL_D}")
            await alice.chatting
            assert (await anext(bob.messages())).text == "bye"

    run(conversation)


def test_a_server_that_cannot_be_entered_ends_the_chat(tmp_path: Path) -> None:
    async def conversation() -> None:
        async with house() as home:
            pass
        async with desk(home.port, tmp_path) as alice:
            with pytest.raises(Unreachable):
                await alice.chatting

    run(conversation)
