"""Asking now and then."""

from __future__ import annotations

import asyncio

from tests.reference.client.conftest import LOGGED_IN, Scripted, house, identity_of, run

from cchatspec.reference.client.polling import polled
from cchatspec.spec import GetMessages, Message, PublicKeyResponse

ALICE = identity_of("alice")


def test_messages_are_asked_for_again_and_again() -> None:
    async def conversation() -> None:
        fences: list[Message | bytes] = [b"", PublicKeyResponse(1, ALICE.public_key)] * 100
        async with Scripted(*LOGGED_IN, *fences) as server, server.client() as client:
            await client.login("alice", ALICE)
            async with polled(client, 0.001):
                while [frame.type for frame in server.received].count(GetMessages.type) < 3:
                    await asyncio.sleep(0)
            assert client.unread == 0

    run(conversation)


def test_the_end_of_the_connection_is_heard_by_others() -> None:
    async def conversation() -> None:
        async with house("alice") as home, home.login("alice") as alice, polled(alice, 0.001):
            await alice.logout()
            assert [message async for message in alice.messages()] == []

    run(conversation)
