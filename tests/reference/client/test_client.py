"""The client on real connections: to the reference server, and to servers that do what none should."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
from tests.reference.client.conftest import CLOSE, HOST, LOGGED_IN, NOTHING, House, Scripted, house, identity_of, run

from cchatspec.reference.client import (
    Client,
    ClientError,
    Disconnected,
    Ended,
    KeyChanged,
    LoginRefused,
    Misuse,
    NoReply,
    Pins,
    ProblemKind,
    ProtocolViolation,
    Received,
    Refused,
    Scheme,
    StatusChange,
    Terminated,
    Undelivered,
    Unreachable,
    UserNotFound,
)
from cchatspec.reference.client import client as client_module
from cchatspec.reference.client.crypto import Cipher
from cchatspec.spec import (
    AckStatus,
    Error,
    ErrorCode,
    IncomingMessage,
    Logout,
    MessageAck,
    Presence,
    PublicKeyResponse,
    SendMessage,
    build,
    frame_bytes,
)

ALICE, BOB, EVE = map(identity_of, ("alice", "bob", "eve"))
TO_BOB = PublicKeyResponse(1, BOB.public_key)


async def one(client: Client) -> Received:
    return await anext(client.messages())


# With the reference server


def test_what_is_said_is_heard() -> None:
    async def conversation() -> None:
        async with house("alice", "bob") as home, home.login("alice") as alice, home.login("bob") as bob:
            receipt = await alice.send("bob", "grüße")
            message = await one(bob)
            assert receipt.status is AckStatus.DELIVERED and message.id == receipt.message_id
            assert (message.sender, message.text, message.problem) == ("alice", "grüße", None)

    run(conversation)


def test_what_was_queued_has_come_when_fetch_returns() -> None:
    async def conversation() -> None:
        async with house("alice", "bob") as home:
            async with home.login("alice") as alice:
                receipts = [await alice.send("bob", str(number)) for number in range(300)]
            async with home.login("bob") as bob:
                await bob.fetch()
                assert bob.unread == 300 and {receipt.status for receipt in receipts} == {AckStatus.QUEUED}
                assert [(await one(bob)).text for _ in range(300)] == [str(number) for number in range(300)]

    run(conversation)


def test_requests_of_many_tasks_get_their_own_replies() -> None:
    async def conversation() -> None:
        async with house("alice", "bob") as home, home.login("alice") as alice, home.login("bob") as bob:
            keys = [alice.public_key(name) for name in ["alice", "bob"] * 20]
            receipts = [alice.send("bob", "x") for _ in range(20)]
            got_keys, got_receipts = await asyncio.gather(asyncio.gather(*keys), asyncio.gather(*receipts))
            assert got_keys == [ALICE.public_key, BOB.public_key] * 20
            assert [(await one(bob)).id for _ in range(20)] == [receipt.message_id for receipt in got_receipts]

    run(conversation)


def test_a_status_is_shown_to_others() -> None:
    async def conversation() -> None:
        async with house("alice", "bob") as home, home.login("alice") as alice, home.login("bob") as bob:
            await bob.set_status(Presence.AWAY)
            assert await alice.users() == {"alice": Presence.ONLINE, "bob": Presence.AWAY}
            assert [change async for change in _up_to(alice, Presence.AWAY)][-1] == StatusChange("bob", Presence.AWAY)

    run(conversation)


async def _up_to(client: Client, status: Presence):  # type: ignore[no-untyped-def]
    async for change in client.changes():
        yield change
        if change.status is status:
            return


def test_a_logout_ends_the_messages_and_is_seen_by_others() -> None:
    async def conversation() -> None:
        async with house("alice", "bob") as home, home.login("alice") as alice:
            async with home.login("bob") as bob:
                await alice.send("bob", "last words")
                await bob.logout()
                assert [message.text async for message in bob.messages()] == ["last words"]
            assert (await alice.users())["bob"] is Presence.OFFLINE

    run(conversation)


def test_leaving_the_context_logs_out() -> None:
    async def conversation() -> None:
        async with Scripted(*LOGGED_IN) as server:
            async with server.client() as client:
                await client.login("alice", ALICE)
            assert server.received[-1].type == Logout.type

    run(conversation)


def test_sealed_boxes_can_be_chosen() -> None:
    async def conversation() -> None:
        async with house("alice") as home, home.login("alice", scheme=Scheme.SEALED) as alice:
            await alice.send("alice", "psst")
            message = await one(alice)
            assert (message.text, message.is_authenticated) == ("psst", False)

    run(conversation)


@pytest.mark.parametrize("size", [0, 1, 65_535 - 40])
def test_messages_of_every_size_arrive(size: int) -> None:
    async def conversation() -> None:
        async with house("alice") as home, home.login("alice") as alice:
            await alice.send("alice", bytes(size))
            assert (await one(alice)).content == bytes(size)

    run(conversation)


Act = Callable[[Client], Awaitable[object]]


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda c: c.register("bob", ALICE), Refused, "registering bob: User already exists"),
        (lambda c: c.register("a b", ALICE), Refused, "registering a\\x20b: Invalid username"),
        (lambda c: c.public_key("nobody"), UserNotFound, "nobody: User not found"),
        (lambda c: c.send("nobody", "x"), UserNotFound, "nobody: User not found"),
        (lambda c: c.send("bob", bytes(65_496)), Misuse, "a message may have 65495 bytes, and this one has 65496"),
        (lambda c: c.send("", "x"), Misuse, "a name has 1 to 255 bytes, and this one has 0"),
        (lambda c: c.send("x" * 256, "x"), Misuse, "a name has 1 to 255 bytes, and this one has 256"),
        (lambda c: c.login("bob", EVE), LoginRefused, "login as bob: the server does not accept the proof of this key"),
    ],
)
def test_a_refusal_is_said_and_the_session_goes_on(act: Act, error: type[ClientError], words: str) -> None:
    async def conversation() -> None:
        async with house("alice", "bob") as home, home.login("alice") as alice:
            with pytest.raises(error) as caught:
                await act(alice)
            assert str(caught.value) == words and await alice.public_key("bob") == BOB.public_key

    run(conversation)


@pytest.mark.parametrize("act", [lambda c: c.users(), lambda c: c.public_key("bob")])
def test_a_request_without_a_login_is_refused_in_words(act: Act) -> None:
    async def conversation() -> None:
        async with house("bob") as home, home.connect() as client:
            with pytest.raises(Refused, match="Authentication failed") as caught:
                await act(client)
            assert caught.value.code == ErrorCode.AUTHENTICATION_FAILED

    run(conversation)


@pytest.mark.parametrize(
    "act", [lambda c: c.fetch(), lambda c: c.set_status(Presence.AWAY), lambda c: c.send("bob", "")]
)
def test_what_needs_a_login_is_not_sent_without(act: Act) -> None:
    async def conversation() -> None:
        async with house("bob") as home, home.connect() as client:
            with pytest.raises(Misuse, match="login"):
                await act(client)

    run(conversation)


# Bodies that cannot be read


async def raw_send(home: House, *bodies: bytes) -> None:
    """Eve hands the server bodies for Alice."""
    async with home.login("eve") as eve:
        for body in bodies:
            await eve._ask(SendMessage(b"alice", body), MessageAck)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", ProblemKind.EMPTY),
        (b"short", ProblemKind.SHORT),
        (bytes(99), ProblemKind.ALTERED),
        (Cipher(BOB).seal(b"not by eve", ALICE.public_key), ProblemKind.ALTERED),
        (Cipher(EVE, Scheme.SEALED).seal(b"by whom?", ALICE.public_key), ProblemKind.SEALED),
    ],
    ids=["nothing", "short", "zeros", "another-sender", "sealed"],
)
def test_what_cannot_be_read_is_given_with_its_problem(body: bytes, kind: ProblemKind) -> None:
    async def conversation() -> None:
        async with house("alice", "eve") as home, home.login("alice") as alice:
            await raw_send(home, body, Cipher(EVE).seal(b"next", ALICE.public_key))
            first, second = await one(alice), await one(alice)
            assert first.problem is not None and first.problem.kind is kind and first.raw.encrypted_message == body
            assert second.text == "next"

    run(conversation)


def test_a_sender_whose_key_cannot_be_had_is_said() -> None:
    async def conversation() -> None:
        incoming = build(IncomingMessage(1, b"ghost", 0, bytes(99)))
        replies = LOGGED_IN[0], build(LOGGED_IN[1]) + incoming, PublicKeyResponse(0)
        async with Scripted(*replies) as server, server.client() as client:
            await client.login("alice", ALICE)
            problem = (await one(client)).problem
            assert problem is not None and problem.kind is ProblemKind.NO_KEY
            assert problem.words == "the sender's public key could not be had: ghost: User not found"

    run(conversation)


# Trust on first use


def test_a_changed_key_stops_sending_until_it_is_accepted() -> None:
    async def conversation() -> None:
        pins = Pins()
        pins.check("bob", EVE.public_key)
        async with house("alice", "bob") as home, home.login("alice", pins) as alice, home.login("bob") as bob:
            with pytest.raises(KeyChanged):
                await alice.send("bob", "hello")
            assert bob.unread == 0
            await alice.accept_key("bob")
            assert (await alice.send("bob", "hello")).status is AckStatus.DELIVERED

    run(conversation)


def test_a_message_made_with_a_changed_key_is_named_and_opens_once_it_is_accepted() -> None:
    async def conversation() -> None:
        pins = Pins()
        pins.check("eve", BOB.public_key)
        async with house("alice", "eve") as home, home.login("alice", pins) as alice:
            await raw_send(home, Cipher(EVE).seal(b"it is me", ALICE.public_key))
            message = await one(alice)
            assert message.problem is not None and message.problem.kind is ProblemKind.WRONG_KEY
            await alice.accept_key("eve")
            assert (await alice.open(message.raw)).text == "it is me"

    run(conversation)


def test_a_message_made_before_the_key_changed_still_opens() -> None:
    async def conversation() -> None:
        pins = Pins()
        pins.check("eve", BOB.public_key)
        async with house("alice", "eve") as home, home.login("alice", pins) as alice:
            await raw_send(home, Cipher(BOB).seal(b"from before", ALICE.public_key))
            assert (await one(alice)).text == "from before"

    run(conversation)


def test_a_sender_is_pinned_by_what_opens_and_by_nothing_else() -> None:
    async def conversation() -> None:
        pins = Pins()
        async with house("alice", "eve") as home, home.login("alice", pins) as alice:
            await raw_send(home, bytes(99), Cipher(EVE).seal(b"hello", ALICE.public_key))
            await one(alice)
            pinned_before = pins.get("eve")
            await one(alice)
            assert (pinned_before, pins.get("eve")) == (None, EVE.public_key)

    run(conversation)


# Servers that do what none should


@pytest.mark.parametrize(
    ("replies", "error", "words"),
    [
        ((CLOSE,), Disconnected, "the connection was lost"),
        ((NOTHING,), NoReply, "no reply to GET_PUBLIC_KEY within 0.2 seconds"),
        ((build(TO_BOB)[:-1],), NoReply, "no reply to GET_PUBLIC_KEY within 0.2 seconds"),
        ((b"\xff\xff\xff\xff\x83",), ProtocolViolation, "the server broke the protocol: a header announces"),
        ((frame_bytes(0x83, b"\x07"),), ProtocolViolation, "the server broke the protocol: PUBLIC_KEY_RESPONSE"),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), ProtocolViolation, "the server broke the protocol: a header"),
        ((MessageAck(1, 1),), ProtocolViolation, "the server broke the protocol: it sent MESSAGE_ACK, which"),
        ((Error(8, b"bye"),), Terminated, "the server ended the connection: Connection terminated: bye"),
        ((Error(0x63, b"?"),), Refused, "GET_PUBLIC_KEY: error code 0x63, which the protocol does not define: ?"),
        ((Error(6, b"\xff\n"),), Refused, "GET_PUBLIC_KEY: Rate limit exceeded: \ufffd\\x0a"),
    ],
)
def test_a_broken_server_leads_to_a_clear_exception(
    replies: tuple[bytes, ...], error: type[ClientError], words: str
) -> None:
    async def conversation() -> None:
        async with Scripted(*replies) as server, server.client(0.2) as client:
            with pytest.raises(error) as caught:
                await client.public_key("bob")
            assert type(caught.value) is error and str(caught.value).startswith(words)

    run(conversation)


def test_after_the_end_every_request_says_why() -> None:
    async def conversation() -> None:
        async with Scripted(NOTHING, TO_BOB) as server, server.client(0.2) as client:
            for _ in range(2):
                with pytest.raises(NoReply, match="no reply to GET_PUBLIC_KEY within"):
                    await client.public_key("bob")
            with pytest.raises(NoReply, match="no reply to GET_PUBLIC_KEY within"):
                await one(client)

    run(conversation)


def test_all_who_wait_hear_of_the_end() -> None:
    async def conversation() -> None:
        async with Scripted(NOTHING, CLOSE) as server, server.client() as client:
            results = await asyncio.gather(*(client.public_key("bob") for _ in range(2)), return_exceptions=True)
            assert [type(result) for result in results] == [Disconnected, Disconnected]

    run(conversation)


def test_a_server_that_never_closes_is_left_all_the_same() -> None:
    async def conversation() -> None:
        async with Scripted(stubborn=True) as server, server.client(0.1) as client:
            with pytest.raises(NoReply, match="did not close the connection within"):
                await client.logout()

    run(conversation)


def test_a_message_that_failed_is_said() -> None:
    async def conversation() -> None:
        async with Scripted(*LOGGED_IN, TO_BOB, MessageAck(5, 0)) as server, server.client(0.2) as client:
            await client.login("alice", ALICE)
            with pytest.raises(Undelivered, match="message 5: the server failed to deliver it"):
                await client.send("bob", "x")

    run(conversation)


def test_a_status_that_was_refused_is_said() -> None:
    async def conversation() -> None:
        refusal = Error(ErrorCode.INVALID_MESSAGE_FORMAT, b"no")
        async with Scripted(*LOGGED_IN, refusal, TO_BOB) as server, server.client() as client:
            await client.login("alice", ALICE)
            with pytest.raises(Refused, match="SET_STATUS: Invalid message format: no"):
                await client.set_status(Presence.AWAY)

    run(conversation)


def test_a_request_that_was_given_up_does_not_confuse_the_next() -> None:
    async def conversation() -> None:
        alice_and_bob = build(PublicKeyResponse(1, ALICE.public_key)) + build(TO_BOB)
        async with Scripted(NOTHING, alice_and_bob) as server, server.client() as client:
            given_up = asyncio.ensure_future(client.public_key("alice"))
            await asyncio.wait([given_up], timeout=0.01)
            given_up.cancel()
            assert await client.public_key("bob") == BOB.public_key

    run(conversation)


def test_a_flood_that_nobody_reads_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "UNREAD_LIMIT", 1 << 20)

    async def conversation() -> None:
        flood = build(IncomingMessage(1, b"eve", 0, bytes(60_000))) * 100
        async with Scripted(flood) as server, server.client() as client:
            with pytest.raises(Disconnected, match="more than 1 MiB of messages waited to be read"):
                await client.public_key("bob")
            assert client.unread < 20

    run(conversation)


def test_changes_that_nobody_reads_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "CHANGES_LIMIT", 10)

    async def conversation() -> None:
        flood = frame_bytes(0x87, b"\x03bob\x01") * 1000
        async with Scripted(flood + build(TO_BOB)) as server, server.client() as client:
            await client.public_key("bob")
            assert len(client._changes) <= 10

    run(conversation)


def test_a_server_that_cannot_be_reached_is_said() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]

    async def conversation() -> None:
        with pytest.raises(Unreachable, match=f"cannot reach {HOST}:{port}: Connection refused"):
            async with Client.connect(HOST, port):
                pass

    run(conversation)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "x" * 70, "a..b", "\udcff"])
def test_a_host_that_is_none_is_said(host: str) -> None:
    async def conversation() -> None:
        with pytest.raises(Unreachable, match="cannot reach"):
            async with Client.connect(host, 1):
                pass

    run(conversation)


def test_every_end_is_ended() -> None:
    assert all(issubclass(each, Ended) for each in (Unreachable, Disconnected, Terminated, NoReply, ProtocolViolation))
