"""The chat without a terminal: what is shown for what is typed, for what comes, and when the server goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.reference.client.conftest import HOST, LOGGED_IN, House, Scripted, house, identity_of, run

from cchatspec.reference.client import ClientError, LoginRefused, Pins, Unreachable, fingerprint
from cchatspec.reference.client import room as room_module
from cchatspec.reference.client.backoff import Backoff
from cchatspec.reference.client.entry import Key, Settings
from cchatspec.reference.client.orders import ORDERS, Quit, obey
from cchatspec.reference.client.room import Room
from cchatspec.reference.server import Server
from cchatspec.spec import Error, IncomingMessage, Presence, PublicKeyResponse, UserListResponse, build

ALICE, BOB = identity_of("alice"), identity_of("bob")


class Sheet:
    """A screen to look at."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._news = asyncio.Event()

    def show(self, text: str, style: str = "") -> None:
        self.lines.append(text)
        self._news.set()

    def refresh(self) -> None:
        self._news.set()

    async def until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            self._news.clear()
            await self._news.wait()

    async def shows(self, text: str) -> None:
        await self.until(lambda: text in self.lines)


class Chat:
    """Alice's room, and what she types."""

    def __init__(self, port: int, folder: Path) -> None:
        settings = Settings(HOST, port, "alice", folder, deadline=5)
        self.sheet = Sheet()
        self.room = Room(settings, Key(Path("alice.key"), ALICE, None), self.sheet, Backoff(lambda *_: 0.01))
        self.staying = asyncio.create_task(self.room.stay())

    async def type(self, *lines: str) -> list[str]:
        """What is shown for lines."""
        before = len(self.sheet.lines)
        for line in lines:
            await obey(self.room, line)
        return self.sheet.lines[before:]

    async def settle(self) -> None:
        """Waits until Alice has come in and knows who is there."""
        await self.room.entered
        await self.sheet.until(lambda: bool(self.room.presence))


@asynccontextmanager
async def chatting(port: int, folder: Path) -> AsyncIterator[Chat]:
    chat = Chat(port, folder)
    try:
        yield chat
    finally:
        chat.staying.cancel()
        await asyncio.wait([chat.staying])


Conversation = Callable[[House, Chat], Awaitable[None]]


def with_alice(folder: Path, *names: str) -> Callable[[Conversation], None]:
    """Runs a conversation with a server, these users, and Alice in her room."""

    def decorate(conversation: Conversation) -> None:
        async def held() -> None:
            async with house("alice", *names) as home, chatting(home.port, folder) as chat:
                await chat.settle()
                await conversation(home, chat)

        run(held)

    return decorate


def test_own_messages_are_shown_with_what_became_of_them(tmp_path: Path) -> None:
    @with_alice(tmp_path, "bob")
    async def conversation(home: House, chat: Chat) -> None:
        queued = await chat.type("/to bob", "hello")
        async with home.login("bob"):
            await chat.sheet.shows("bob is online")
            delivered = await chat.type("//to be\tshown")
        assert (queued, delivered) == (["to bob: hello  [queued]"], ["to bob: /to be    shown  [delivered]"])


def test_messages_of_others_are_shown_escaped(tmp_path: Path) -> None:
    @with_alice(tmp_path, "bob")
    async def conversation(home: House, chat: Chat) -> None:
        async with home.login("bob") as bob:
            await bob.send("alice", "hi \x1b[31m\nalice: sure")
        await chat.sheet.shows("bob: hi \\x1b[31m\n    alice: sure")


def test_what_was_queued_is_fetched_at_login(tmp_path: Path) -> None:
    async def conversation() -> None:
        async with house("alice", "bob") as home:
            async with home.login("bob") as bob:
                await bob.send("alice", "while you were out")
            async with chatting(home.port, tmp_path) as chat:
                await chat.sheet.shows("bob: while you were out")

    run(conversation)


def test_what_cannot_be_read_is_shown_as_such(tmp_path: Path) -> None:
    incoming = build(IncomingMessage(7, b"b\x1b", 0, b""))

    async def conversation() -> None:
        replies = LOGGED_IN[0], build(LOGGED_IN[1]) + incoming
        async with Scripted(*replies) as server, chatting(server.port, tmp_path) as chat:
            await chat.sheet.shows("b\\x1b: [message 7 cannot be read: the body is empty]")

    run(conversation)


def test_a_changed_key_is_held_up_until_it_is_accepted(tmp_path: Path) -> None:
    @with_alice(tmp_path, "bob")
    async def conversation(home: House, chat: Chat) -> None:
        await chat.type("/to bob")
        chat.room._pins.accept("bob", ALICE.public_key)
        held = await chat.type("hello")
        async with home.login("bob") as bob:
            await bob.send("alice", "new phone")
            await chat.sheet.until(lambda: any("message 1 cannot be read" in line for line in chat.sheet.lines))
        await chat.sheet.shows("bob is offline")
        accepted = await chat.type("/accept bob", "hello")
        change = (
            f"{fingerprint(ALICE.public_key)} is pinned, and the server now gives out {fingerprint(BOB.public_key)}"
        )
        assert held[0] == "to bob: hello  [failed]" and change in held[1] and held[1].endswith("then /accept bob")
        assert accepted == [
            f"accepted the key {fingerprint(BOB.public_key)} for bob",
            "bob: new phone",
            "to bob: hello  [queued]",
        ]


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (["hello"], ["to whom? /to NAME chooses, and /users shows who there is"]),
        (["/to"], ["to whom? /to NAME"]),
        (["/to nobody"], ["nobody: User not found"]),
        (["/accept"], ["whose key? /accept NAME"]),
        (["/key"], [f"{fingerprint(ALICE.public_key)} is your own key"]),
        (["/users"], ["online  alice (you)", "offline bob"]),
        (["/nonsense x"], ["there is no /nonsense; /help shows what there is, and //nonsense says it as a message"]),
        (["/reconnect"], ["you are connected"]),
        (["", "  "], []),
    ],
)
def test_orders_show_what_they_did(tmp_path: Path, lines: list[str], shown: list[str]) -> None:
    @with_alice(tmp_path, "bob")
    async def conversation(_: House, chat: Chat) -> None:
        assert await chat.type(*lines) == shown


def test_keys_can_be_compared(tmp_path: Path) -> None:
    @with_alice(tmp_path, "bob")
    async def conversation(_: House, chat: Chat) -> None:
        (shown,) = await chat.type("/key bob")
        assert shown.startswith(f"{fingerprint(BOB.public_key)} is the key of bob")


def test_help_names_every_order(tmp_path: Path) -> None:
    @with_alice(tmp_path)
    async def conversation(_: House, chat: Chat) -> None:
        shown = "\n".join(await chat.type("/help"))
        assert [word for word in ORDERS if word not in shown] == []


def test_quit_is_a_wish_to_leave(tmp_path: Path) -> None:
    @with_alice(tmp_path)
    async def conversation(_: House, chat: Chat) -> None:
        with pytest.raises(Quit):
            await chat.type("/quit")


def test_a_status_is_shown_to_others(tmp_path: Path) -> None:
    @with_alice(tmp_path, "bob")
    async def conversation(home: House, chat: Chat) -> None:
        async with home.login("bob") as bob:
            await chat.type("/away")
            away = (await bob.users())["alice"]
            await chat.type("/online")
            assert (away, (await bob.users())["alice"]) == (Presence.AWAY, Presence.ONLINE)


# Servers that come and go


def test_a_server_that_comes_back_is_entered_again_with_the_status_that_was_chosen(tmp_path: Path) -> None:
    async def conversation() -> None:
        store = str(tmp_path / "chat.db")
        async with Server(store=store) as server:
            port = server.port
            await House(server).register("alice", "bob")
            chats = chatting(port, tmp_path)
            chat = await chats.__aenter__()
            await chat.settle()
            await chat.type("/to bob", "/away")
        await chat.sheet.until(lambda: chat.room.client is None)
        assert await chat.type("hello") == ["to bob: hello  [failed]", "not connected"]
        async with Server(port=port, store=store) as server, House(server).login("bob") as bob:
            async for change in bob.changes():
                if change.status is Presence.AWAY:
                    break
            assert await chat.type("hello") == ["to bob: hello  [delivered]"]
        await chats.__aexit__(None, None, None)

    run(conversation)


def test_a_problem_that_lasts_is_said_once(tmp_path: Path) -> None:
    async def conversation() -> None:
        async with Scripted(*LOGGED_IN) as server:
            chats = chatting(server.port, tmp_path)
            chat = await chats.__aenter__()
            await chat.room.entered
        attempts = 0

        def counted(*_: float) -> float:
            nonlocal attempts
            attempts += 1
            chat.sheet.refresh()
            return 0.001

        chat.room._backoff = Backoff(counted)
        await chat.sheet.until(lambda: attempts > 5)
        unreachable = [line for line in chat.sheet.lines if "cannot reach" in line]
        assert unreachable == [f"cannot reach {HOST}:{server.port}: Connection refused; trying again"]
        await chats.__aexit__(None, None, None)

    run(conversation)


FAREWELL = Error(8, b"elsewhere")


def test_a_server_that_ends_young_sessions_is_left_alone(tmp_path: Path) -> None:
    async def conversation() -> None:
        session = *LOGGED_IN, build(UserListResponse(())) + build(FAREWELL)
        async with Scripted(*session * 4) as server, chatting(server.port, tmp_path) as chat:
            words = "the server ended the connection: Connection terminated: elsewhere"
            await chat.sheet.shows(f"{words}; /reconnect tries again")
            entered = chat.sheet.lines.count(f"connected to {HOST}:{server.port} as alice")
            await chat.type("/reconnect")
            await chat.sheet.until(lambda: chat.room.client is not None)
            assert entered == room_module.PATIENCE

    run(conversation)


def test_a_first_attempt_that_fails_ends_the_chat(tmp_path: Path) -> None:
    async def first_failure(name: str, port: int) -> ClientError:
        settings = Settings(HOST, port, name, tmp_path)
        room = Room(settings, Key(Path("alice.key"), BOB, None), Sheet())
        await room.stay()
        error = room.entered.exception()
        assert isinstance(error, ClientError)
        return error

    async def conversation() -> None:
        async with house("alice") as home:
            refused = await first_failure("alice", home.port)
        unreachable = await first_failure("alice", home.port)
        assert isinstance(refused.__cause__, LoginRefused) and isinstance(unreachable, Unreachable)

    run(conversation)


def test_a_message_that_was_never_answered_may_have_arrived(tmp_path: Path) -> None:
    async def conversation() -> None:
        listed = build(UserListResponse(()))
        fetched = PublicKeyResponse(1, ALICE.public_key)
        key = PublicKeyResponse(1, BOB.public_key)
        replies = *LOGGED_IN, listed, b"", fetched, key, FAREWELL
        async with Scripted(*replies) as server, chatting(server.port, tmp_path) as chat:
            await chat.room.entered
            shown = await chat.type("/to bob", "hello")
            assert [line for line in shown if "trying again" not in line] == [
                "to bob: hello  [failed]",
                "the connection ended before the server said what became of it; it may have arrived",
            ]

    run(conversation)


def test_pins_are_those_of_the_server(tmp_path: Path) -> None:
    @with_alice(tmp_path, "bob")
    async def conversation(home: House, chat: Chat) -> None:
        await chat.type("/to bob")
        assert Pins(f"{HOST}:{home.port}", tmp_path / "pins").get("bob") == BOB.public_key
