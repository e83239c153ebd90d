"""Asking for messages now and then: a connection on which nothing is said is kept, and one that is dead is found out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from cchatspec.reference.client.client import Client
from cchatspec.reference.client.errors import ClientError, Refused

#: How often, in seconds.
EVERY_SECONDS: Final = 30.0


@asynccontextmanager
async def polled(client: Client, seconds: float = EVERY_SECONDS) -> AsyncIterator[None]:
    """Asks as long as the context lasts. When the connection ends, all others who wait on it hear of it, so this is silent."""
    polling = asyncio.create_task(_poll(client, seconds))
    try:
        yield
    finally:
        polling.cancel()
        await asyncio.wait([polling])


async def _poll(client: Client, seconds: float) -> None:
    with suppress(ClientError):
        while True:
            await asyncio.sleep(seconds)
            with suppress(Refused):
                await client.fetch()
