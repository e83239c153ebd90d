"""What can be typed in a chat: a message, or an order that starts with a slash.

The table says all: name, what follows it, what it does. Help and completion are made from it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from cchatspec.reference.client.crypto import fingerprint
from cchatspec.reference.client.errors import ClientError
from cchatspec.reference.client.room import PRESENCE_WORDS, Room
from cchatspec.reference.client.text import shown_name
from cchatspec.spec import Presence

_LINE: Final = "{:<16}{}"


class Quit(Exception):
    """The user wants to leave."""


@dataclass(frozen=True, slots=True)
class Order:
    """What an order does; `argument` is empty if nothing follows it."""

    argument: str
    help: str
    do: Callable[[Room, str], Awaitable[None]]


async def obey(room: Room, line: str) -> None:
    """Does what a line asks for.

    Raises:
        Quit: the user wants to leave.
    """
    line = line.strip()
    if not line:
        return
    try:
        await _obey(room, line)
    except ClientError as error:
        room.problem(str(error))


async def _obey(room: Room, line: str) -> None:
    if line.startswith("//") or not line.startswith("/"):
        await _say(room, line.removeprefix("/") if line.startswith("//") else line)
        return
    word, _, argument = line.partition(" ")
    order = ORDERS.get(word)
    if order is None:
        room.problem(f"there is no {word}; /help shows what there is, and //{word[1:]} says it as a message")
        return
    await order.do(room, argument.strip())


async def _say(room: Room, text: str) -> None:
    if room.recipient is None:
        room.problem("to whom? /to NAME chooses, and /users shows who there is")
        return
    await room.say(room.recipient, text)


async def _to(room: Room, name: str) -> None:
    name = _known(room, name)
    if not name:
        room.problem("to whom? /to NAME")
        return
    await room.connected().trusted_key(name)
    room.recipient = name
    room.screen.refresh()


async def _users(room: Room, _: str) -> None:
    room.presence = await room.connected().users()
    order = sorted(room.presence, key=lambda name: (room.presence[name] is Presence.OFFLINE, name))
    for name in order:
        me = " (you)" if name == room.settings.name else ""
        room.note(f"{PRESENCE_WORDS[room.presence[name]]:<8}{shown_name(name)}{me}")
    room.screen.refresh()


async def _set_status(room: Room, status: Presence) -> None:
    await room.connected().set_status(status)
    room.status = status
    room.screen.refresh()


async def _away(room: Room, _: str) -> None:
    await _set_status(room, Presence.AWAY)


async def _online(room: Room, _: str) -> None:
    await _set_status(room, Presence.ONLINE)


async def _key(room: Room, name: str) -> None:
    own = fingerprint(room.key.identity.public_key)
    if not name:
        room.note(f"{own} is your own key")
        return
    name = _known(room, name)
    offered = await room.connected().public_key(name)
    await room.connected().trusted_key(name)
    room.note(f"{fingerprint(offered)} is the key of {shown_name(name)}\n      {own} is your own")


async def _accept(room: Room, name: str) -> None:
    name = _known(room, name or room.recipient or "")
    if not name:
        room.problem("whose key? /accept NAME")
        return
    client = room.connected()
    key = await client.accept_key(name)
    room.note(f"accepted the key {fingerprint(key)} for {shown_name(name)}")
    await room.open_again(client, name)


async def _reconnect(room: Room, _: str) -> None:
    if room.client is not None:
        room.note("you are connected")
    room.retry.set()


async def _help(room: Room, _: str) -> None:
    for word, order in ORDERS.items():
        room.note(_LINE.format(f"{word} {order.argument}", order.help))
    room.note(
        "Anything else is a message; // at its start stands for one slash, and Alt-Enter begins another line of it."
    )


async def _quit(room: Room, _: str) -> None:
    raise Quit


ORDERS: Final[dict[str, Order]] = {
    "/to": Order("NAME", "write to NAME from now on", _to),
    "/users": Order("", "show who there is", _users),
    "/away": Order("", "show others that you are away", _away),
    "/online": Order("", "show others that you are there", _online),
    "/key": Order("[NAME]", "show the fingerprint of NAME's key, or of yours", _key),
    "/accept": Order("[NAME]", "trust the key that the server now gives out for NAME", _accept),
    "/reconnect": Order("", "try at once to connect again", _reconnect),
    "/help": Order("", "show this", _help),
    "/quit": Order("", "log out and leave", _quit),
}


def _known(room: Room, shown: str) -> str:
    """The name that is shown like this, or the text itself."""
    return next((name for name in room.presence if shown_name(name) == shown), shown)
