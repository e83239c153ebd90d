"""A reference server for the tests of C-Chat clients.

Import the fixture in a `conftest.py`; it is loaded nowhere else:

    from cchatspec.reference.testing import cchat_server  # noqa: F401

Then every test that names it has a server of its own, with nobody registered, on a free port of the loopback interface:

    def test_my_client(cchat_server):
        client = MyClient(cchat_server.host, cchat_server.port)

The server runs on a thread of its own, so that the client may be synchronous or asynchronous. It keeps nothing on disk and limits
no rate. For other limits or a store, use `serving` in a fixture of your own:

    @pytest.fixture
    def small_server(tmp_path):
        with serving(store=str(tmp_path / "chat.db"), limits=Limits(queue_limit=3)) as server:
            yield server

In asynchronous tests, `async with Server() as server:` does the same on the test's own event loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import pytest
from msgspec import Struct

from cchatspec.reference.limits import Limits
from cchatspec.reference.server import IN_MEMORY, Server

__all__ = ["Limits", "RunningServer", "Server", "cchat_server", "serving"]


class RunningServer(Struct, frozen=True):
    """Where a server can be reached."""

    host: str
    port: int

    @property
    def address(self) -> str:
        """`HOST:PORT`."""
        return f"{self.host}:{self.port}"


@contextmanager
def serving(*, store: str = IN_MEMORY, limits: Limits | None = None) -> Iterator[RunningServer]:
    """Runs a server on a thread while the context lasts; without `limits`, no rate is limited.

    Raises:
        StoreError: the store cannot be used.
    """
    started: SimpleQueue[RunningServer | BaseException] = SimpleQueue()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with Server(store=store, limits=limits or Limits(rate=0)) as server:
            started.put(RunningServer(server.host, server.port))
            await stop.wait()

    def work() -> None:
        try:
            loop.run_until_complete(run())
        except BaseException as error:  # noqa: BLE001 (raised in the thread that waits)
            started.put(error)
        finally:
            loop.close()

    thread = threading.Thread(target=work, name="cchat-server", daemon=True)
    thread.start()
    server = started.get()
    if isinstance(server, BaseException):
        thread.join()
        raise server
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


@pytest.fixture
def cchat_server() -> Iterator[RunningServer]:
    """A reference server of the test's own; see the module for how to use it."""
    with serving() as server:
        yield server
