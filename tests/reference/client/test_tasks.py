"""Several things at once."""

from __future__ import annotations

import asyncio

import pytest
from tests.reference.client.conftest import run

from cchatspec.reference.client.tasks import together


async def fail() -> None:
    raise LookupError


async def wait() -> None:
    await asyncio.Event().wait()


def test_the_first_failure_is_the_failure_of_all() -> None:
    async def conversation() -> None:
        with pytest.raises(LookupError):
            await together(wait(), fail())

    run(conversation)


def test_a_cancellation_goes_before_a_failure() -> None:
    async def conversation() -> None:
        failing = asyncio.Event()

        async def fail_then() -> None:
            await failing.wait()
            raise LookupError

        task = asyncio.create_task(together(fail_then()))
        await asyncio.sleep(0)
        failing.set()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(conversation)
