"""The reference server as a program: it says where it listens, and ends cleanly when it is told to."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

from cchatspec.reference.server import IN_MEMORY, Server
from cchatspec.reference.store import StoreError


class ServeError(Exception):
    """The server cannot start, or cannot go on; the message says why in one line."""


def serve(host: str, port: int, *, store: str = IN_MEMORY, announce: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT.

    Args:
        host: the address or name to listen on.
        port: the port; 0 takes a free one.
        store: the file that holds what outlives the server; ":memory:" holds nothing.
        announce: called with `HOST:PORT` once the server accepts.

    Raises:
        ServeError: the address cannot be listened on, or the store cannot be used or written any longer.
    """
    _allow_many_connections()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(Server(host, port, store=store), announce))
    except StoreError as error:
        raise ServeError(str(error)) from None
    except (OSError, UnicodeError, OverflowError) as error:
        raise ServeError(f"cannot listen on {host}:{port}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, socket.gaierror) and error.errno:
        return os.strerror(error.errno)
    return getattr(error, "strerror", None) or str(error)


async def _serve(server: Server, announce: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with server:
        server.failed.add_done_callback(lambda _: stop.set())
        announce(f"{server.host}:{server.port}")
        await stop.wait()
    if server.failed.done():
        raise server.failed.result()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def _allow_many_connections() -> None:
    """Raises the limit of open files as far as the system lets it. ROBUST-CROWD."""
    if sys.platform == "win32":
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
