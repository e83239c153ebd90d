"""The client on asyncio: a connection, what one can ask through it, and what comes by itself.

The protocol is the core's business and encryption the cipher's; this module waits. Every wait has a deadline, except that for
others to write.

    async with Client.connect("127.0.0.1", 4000) as client:
        await client.register("alice", identity)
        await client.login("alice", identity)
        await client.send("bob", "hello")
        async for message in client.messages():
            print(message.sender, message.text)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from types import TracebackType
from typing import Final, Self, TypeVar

from cchatspec.reference.client.core import Answered, ClientCore, Event, Over, Pushed, Told
from cchatspec.reference.client.crypto import Cipher, Identity, Scheme
from cchatspec.reference.client.directory import Directory
from cchatspec.reference.client.errors import (
    ClientError,
    Disconnected,
    Ended,
    LoginRefused,
    Misuse,
    NoReply,
    Refused,
    Undelivered,
    UserNotFound,
    code_words,
    error_words,
)
from cchatspec.reference.client.inbox import Inbox
from cchatspec.reference.client.pins import Pins
from cchatspec.reference.client.replies import NAMES
from cchatspec.reference.client.results import Receipt, Received, StatusChange
from cchatspec.reference.client.text import from_wire, shown_name, to_wire
from cchatspec.reference.client.wire import connected
from cchatspec.spec import (
    AckStatus,
    Error,
    ErrorCode,
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    LoginResponse,
    LoginUser,
    Message,
    MessageAck,
    Presence,
    PublicKeyResponse,
    RegisterResponse,
    RegisterUser,
    SendMessage,
    SetStatus,
    StatusUpdate,
    UserListResponse,
)

#: How long to wait for the server, in seconds, if nothing else is said.
DEADLINE: Final = 10.0

#: How many bytes of messages may wait to be read, and how many changes of status; of those, the oldest are forgotten.
UNREAD_LIMIT: Final = 64 << 20
CHANGES_LIMIT: Final = 65_535

#: What a message costs beside its body.
_MESSAGE_COST: Final = 256

_NAME_LIMIT: Final = 255
_BODY_LIMIT: Final = 65_535

#: Asking for a challenge carries no signature. CLIENT-ASK
_NO_SIGNATURE: Final = bytes(64)

#: The ERRORs that refuse a login for what it says, and not for when it comes.
_LOGIN_REFUSALS: Final = frozenset(
    {ErrorCode.INVALID_USERNAME, ErrorCode.USER_NOT_FOUND, ErrorCode.AUTHENTICATION_FAILED}
)

Reply = TypeVar("Reply", bound=Message)


class Client:
    """A connection to a server, as an asynchronous context manager; leaving it logs out.

    All methods raise `Ended` when the connection is over, and `Refused` when the server says no. They may be called from several
    tasks at once.
    """

    def __init__(self, host: str, port: int, *, deadline: float, pins: Pins, scheme: Scheme) -> None:
        self.name: str | None = None
        self._address = (host, port)
        self._deadline = deadline
        self._scheme = scheme
        self._core = ClientCore()
        self._waiting: dict[int, asyncio.Future[Message | None]] = {}
        self._messages: Inbox[IncomingMessage] = Inbox(UNREAD_LIMIT, _cost)
        self._changes: Inbox[StatusChange] = Inbox(CHANGES_LIMIT, lambda _: 1)
        self._directory = Directory(pins, self.public_key)
        self._ended: Ended | None = None

    @classmethod
    def connect(
        cls, host: str, port: int, *, deadline: float = DEADLINE, pins: Pins | None = None, scheme: Scheme = Scheme.BOX
    ) -> Self:
        """A client that connects when its context is entered.

        Args:
            host: the server's name or address.
            port: the server's port.
            deadline: how long to wait for the server each time, in seconds.
            pins: the keys of correspondents that are trusted; without them, trust lasts as long as the connection.
            scheme: how bodies are encrypted; sealed boxes are made, and accepted, only if they are chosen.

        Raises on entry:
            Unreachable: no connection came about.
        """
        return cls(host, port, deadline=deadline, pins=pins or Pins(), scheme=scheme)

    async def __aenter__(self) -> Self:
        self._wire = await connected(*self._address, self._deadline, self._received, self._lost)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with suppress(Ended):
                await self.logout()
        finally:
            self._wire.abort()

    # Names, keys and users

    async def register(self, name: str, identity: Identity) -> None:
        """Binds a name to an identity's public key.

        Raises:
            Refused: the name is taken or not allowed, as its code says.
        """
        request = RegisterUser(_name(name), identity.public_key)
        reply = await self._ask(request, RegisterResponse)
        if not reply.success:
            raise Refused(f"registering {shown_name(name)}", reply.error_code, code_words(reply.error_code or 0))

    async def login(self, name: str, identity: Identity) -> None:
        """Proves that one owns a name.

        Raises:
            LoginRefused: nobody has registered the name, or not with this identity's key.
        """
        wire_name = _name(name)
        first = await self._ask(LoginUser(wire_name, _NO_SIGNATURE), LoginResponse)
        if not first.success or first.challenge is None:
            raise LoginRefused(f"login as {shown_name(name)}", None, "the server gives no challenge for this name")
        proof = LoginUser(wire_name, identity.prove(first.challenge))
        second = await self._ask(proof, LoginResponse)
        if not second.success:
            raise LoginRefused(f"login as {shown_name(name)}", None, "the server does not accept the proof of this key")
        self.name = name
        self._directory.open_with(Cipher(identity, self._scheme))

    async def public_key(self, name: str) -> bytes:
        """The public key that the server gives out for a name, whatever is pinned.

        Raises:
            UserNotFound: nobody has registered the name.
        """
        try:
            reply = await self._ask(GetPublicKey(_name(name)), PublicKeyResponse)
        except Refused as refusal:
            if refusal.code == ErrorCode.USER_NOT_FOUND:
                raise UserNotFound(name) from None
            raise
        if reply.public_key is None:
            raise UserNotFound(name)
        return reply.public_key

    async def trusted_key(self, name: str) -> bytes:
        """The public key of a name that messages are encrypted to; on first use it is pinned.

        Raises:
            KeyChanged: the server gives out another key than the pinned one.
        """
        return await self._directory.trusted_key(name)

    async def accept_key(self, name: str) -> bytes:
        """Pins the key that the server gives out for a name now, in the place of the old one, and returns it."""
        return await self._directory.accept(name)

    async def users(self) -> dict[str, Presence]:
        """All registered users, and what they show of themselves."""
        reply = await self._ask(ListUsers(), UserListResponse)
        return {from_wire(user.username): Presence(user.status) for user in reply.users}

    # Messages and status

    async def send(self, recipient: str, content: str | bytes) -> Receipt:
        """Encrypts and sends a message, and says what became of it.

        When the connection ends before the answer comes, whether the message arrived is not known.

        Raises:
            KeyChanged: the recipient's key is not the pinned one; nothing was sent.
            UserNotFound: nobody has registered the name.
            Undelivered: the server took the message and failed to deliver it.
        """
        cipher = self._directory.cipher
        name = _name(recipient)
        data = content.encode() if isinstance(content, str) else content
        if len(data) + cipher.overhead > _BODY_LIMIT:
            raise Misuse(f"a message may have {_BODY_LIMIT - cipher.overhead} bytes, and this one has {len(data)}")
        body = cipher.seal(data, await self.trusted_key(recipient))
        ack = await self._ask(SendMessage(name, body), MessageAck)
        if ack.status == AckStatus.FAILED:
            raise Undelivered(ack.message_id)
        return Receipt(ack.message_id, AckStatus(ack.status))

    async def fetch(self) -> None:
        """Asks for the messages that were queued; they come out of `messages`, and have come when this returns."""
        await self._ask_silent(GetMessages())

    async def set_status(self, status: Presence) -> None:
        """Shows others a status; when this returns, the server has taken it."""
        await self._ask_silent(SetStatus(status))

    async def messages(self) -> AsyncGenerator[Received, None]:
        """The messages that come, decrypted, until the connection ends; then `Ended`, or nothing more after a logout.

        What cannot be decrypted comes too, with its `problem`.
        """
        while True:
            try:
                message = await self._messages.get()
            except StopAsyncIteration:
                return
            try:
                received = await self.open(message)
            except BaseException:
                self._messages.put_back(message)
                raise
            yield received

    @property
    def unread(self) -> int:
        """How many messages have come that `messages` has not given yet."""
        return len(self._messages)

    async def open(self, message: IncomingMessage) -> Received:
        """Decrypts a message, also one again whose sender's key has been accepted since."""
        return await self._directory.open(message)

    async def changes(self) -> AsyncGenerator[StatusChange, None]:
        """The changes of others' status, until the connection ends; then `Ended`, or nothing more after a logout."""
        while True:
            try:
                change = await self._changes.get()
            except StopAsyncIteration:
                return
            yield change

    async def logout(self) -> None:
        """Logs out, and waits until the server has closed the connection. What came before is still in `messages`.

        Raises:
            NoReply: the server did not close it.
        """
        if self._ended is not None:
            return
        await self._meet_senders()
        self._core.leave()
        self._flush()
        try:
            async with asyncio.timeout(self._deadline):
                await self._wire.closed.wait()
        except TimeoutError:
            error = NoReply(f"the server did not close the connection within {self._deadline:g} seconds")
            self._end(error)
            raise error from None

    async def _meet_senders(self) -> None:
        """Asks for the keys of those whose messages were not read yet, as long as they can be asked for."""
        senders = {from_wire(message.sender) for message in self._messages}
        with suppress(ClientError, TimeoutError):
            async with asyncio.timeout(self._deadline):
                for sender in senders:
                    await self._directory.meet(sender)

    # Waiting

    async def _ask(self, request: Message, expected: type[Reply]) -> Reply:
        reply = await self._answer(request, None)
        if isinstance(reply, Error):
            raise _refused(request, reply)
        assert isinstance(reply, expected)  # the core has seen to it
        return reply

    async def _ask_silent(self, request: Message) -> None:
        if self.name is None:
            raise Misuse(f"{NAMES[request.type]} needs a login")
        reply = await self._answer(request, GetPublicKey(_name(self.name)))
        if isinstance(reply, Error):
            raise _refused(request, reply)

    async def _answer(self, request: Message, fence: Message | None) -> Message | None:
        if self._ended is not None:
            raise type(self._ended)(*self._ended.args)
        ticket = self._core.ask(request, fence)
        future: asyncio.Future[Message | None] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = future
        self._flush()
        try:
            async with asyncio.timeout(self._deadline):
                return await future
        except TimeoutError:
            error = NoReply(f"no reply to {NAMES[request.type]} within {self._deadline:g} seconds")
            self._end(error)
            raise error from None
        finally:
            self._waiting.pop(ticket, None)

    def _flush(self) -> None:
        if data := self._core.data_to_send():
            self._wire.write(data)

    # What the wire reports

    def _received(self, data: bytes) -> None:
        for event in self._core.receive(data):
            if self._ended is None:
                self._take(event)
        self._flush()

    def _lost(self, reason: str) -> None:
        for event in self._core.finish(reason):
            self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case Answered(ticket, reply):
                future = self._waiting.get(ticket)
                if future is not None and not future.done():
                    future.set_result(reply)
            case Pushed(IncomingMessage() as message):
                if not self._messages.put(message):
                    self._end(Disconnected(f"more than {UNREAD_LIMIT >> 20} MiB of messages waited to be read"))
            case Pushed(StatusUpdate(name, status)):
                self._changes.put(StatusChange(from_wire(name), Presence(status)))
                self._changes.drop_oldest()
            case Over(error):
                self._end(error)
            case Told():
                pass  # the core keeps it as the last words, should the connection end

    def _end(self, error: Ended | None) -> None:
        """Gives up the connection, and tells all who wait."""
        if self._ended is not None:
            return
        self._ended = error or Disconnected("logged out")
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(type(self._ended)(*self._ended.args))
        self._messages.close(error)
        self._changes.close(error)
        self._core.finish()
        self._wire.close()


def _cost(message: IncomingMessage) -> int:
    return len(message.encrypted_message) + _MESSAGE_COST


def _name(name: str) -> bytes:
    wire_name = to_wire(name)
    if not 1 <= len(wire_name) <= _NAME_LIMIT:
        raise Misuse(f"a name has 1 to {_NAME_LIMIT} bytes, and this one has {len(wire_name)}")
    return wire_name


def _refused(request: Message, error: Error) -> Refused:
    # Open point unknown-login: some servers refuse a login with an ERROR.
    is_login = isinstance(request, LoginUser) and error.error_code in _LOGIN_REFUSALS
    kind = LoginRefused if is_login else Refused
    return kind(NAMES[request.type], error.error_code, error_words(error))
