"""Whose key is whose: one look at the server for each correspondent and connection, compared with the pins, and what it opens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from cchatspec.reference.client.crypto import (
    Cipher,
    Opened,
    Problem,
    is_altered,
    made_with_another_key,
    no_key,
    proves,
    shape_problem,
)
from cchatspec.reference.client.errors import ClientError, FileProblem, Misuse, UserNotFound
from cchatspec.reference.client.pins import Pins
from cchatspec.reference.client.results import Received
from cchatspec.reference.client.text import from_wire
from cchatspec.spec import IncomingMessage

#: How many names' keys are remembered; a hostile server can send messages from any number of names.
_CACHE_SIZE = 4096


class Directory:
    """The keys of correspondents, on one connection.

    Args:
        pins: the keys that are trusted.
        ask: asks the server for a name's public key.
    """

    def __init__(self, pins: Pins, ask: Callable[[str], Awaitable[bytes]]) -> None:
        self._pins = pins
        self._ask = ask
        self._offered: dict[str, bytes] = {}
        self._cipher: Cipher | None = None

    def open_with(self, cipher: Cipher) -> None:
        """Takes the cipher of the user who has logged in."""
        self._cipher = cipher

    @property
    def cipher(self) -> Cipher:
        """The cipher of the user who has logged in.

        Raises:
            Misuse: nobody has.
        """
        if self._cipher is None:
            raise Misuse("messages need a login")
        return self._cipher

    async def trusted_key(self, name: str) -> bytes:
        """The pinned key of a name, if it is the one that the server gives out.

        Raises:
            KeyChanged: it is not.
        """
        offered = await self._offer(name)
        self._pins.check(name, offered)
        return offered

    async def meet(self, name: str) -> None:
        """Asks for the key of a name, if it is not known yet."""
        with suppress(UserNotFound):
            await self._offer(name)

    async def accept(self, name: str) -> bytes:
        """Pins the key that the server gives out for a name."""
        self._offered.pop(name, None)
        offered = await self._offer(name)
        self._pins.accept(name, offered)
        return offered

    async def open(self, message: IncomingMessage) -> Received:
        """Decrypts a message; whatever is wrong with it becomes its problem."""
        cipher = self.cipher
        opened = shape_problem(message.encrypted_message) or await self._open(cipher, message)
        if isinstance(opened, Problem):
            return Received(message, None, opened, is_authenticated=False)
        return Received(message, opened.content, None, opened.is_authenticated)

    async def _open(self, cipher: Cipher, message: IncomingMessage) -> Opened | Problem:
        name, body = from_wire(message.sender), message.encrypted_message
        pinned = self._pins.get(name)
        try:
            offered = await self._offer(name)
        except ClientError as error:
            return no_key(str(error)) if pinned is None else cipher.open(body, pinned)
        opened = cipher.open(body, pinned or offered)
        if pinned is None:
            self._meet(name, offered, opened)
        elif is_altered(opened) and proves(cipher.open(body, offered)):
            return made_with_another_key(pinned, offered)
        return opened

    def _meet(self, name: str, offered: bytes, opened: Opened | Problem) -> None:
        """Pins the key of a sender who is new, once it has opened something.

        A pin that cannot be written must not hide the message; sending to that name says what is wrong with the file.
        """
        if proves(opened):
            with suppress(FileProblem):
                self._pins.accept(name, offered)

    async def _offer(self, name: str) -> bytes:
        offered = self._offered.get(name)
        if offered is None:
            offered = await self._ask(name)
            if len(self._offered) >= _CACHE_SIZE:
                del self._offered[next(iter(self._offered))]
            self._offered[name] = offered
        return offered
