"""The reference server as a program: it says where it listens, and ends cleanly when it is told to."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from cchatspec.reference.effects import Level
from cchatspec.reference.journal import Journal, structured
from cchatspec.reference.options import Options
from cchatspec.reference.server import Server
from cchatspec.reference.store import StoreError

if TYPE_CHECKING:
    from cchatspec.reference.metrics import MetricsEndpoint


#: How many new objects there have to be before cycles are looked for among them.
_NEW_OBJECTS: Final = 20_000


class ServeError(Exception):
    """The server cannot start, or cannot go on; the message says why in one line."""


def serve(options: Options, announce: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT; a second signal ends the process at once.

    Args:
        options: how.
        announce: called with `HOST:PORT` once the server accepts.

    Raises:
        ServeError: an address cannot be listened on, or the store cannot be used or written any longer.
    """
    _allow_many_connections()
    _collect_rarely()
    journal = structured(options.log_format, options.log_level)
    server = Server(
        options.host,
        options.port,
        store=options.store,
        fsync=options.fsync,
        limits=options.limits,
        journal=journal,
    )
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(server, options, journal, announce))
    except StoreError as error:
        raise ServeError(str(error)) from None
    except (OSError, UnicodeError, OverflowError) as error:
        raise ServeError(f"cannot listen on {options.host}:{options.port}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, socket.gaierror) and error.errno:
        return os.strerror(error.errno)
    return getattr(error, "strerror", None) or str(error)


async def _serve(server: Server, options: Options, journal: Journal, announce: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    _stop_on_signals(stop)
    async with server:
        server.failed.add_done_callback(lambda _: stop.set())
        with _metrics(server, options, journal):
            announce(f"{server.host}:{server.port}")
            journal.note(Level.INFO, "started", address=f"{server.host}:{server.port}", store=options.store)
            await stop.wait()
    if server.failed.done():
        raise server.failed.result()


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)

    def on_signal() -> None:
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in numbers:
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, on_signal)


@contextmanager
def _metrics(server: Server, options: Options, journal: Journal) -> Iterator[None]:
    if options.metrics_port is None:
        yield
        return
    endpoint = _metrics_endpoint(server, options.metrics_host, options.metrics_port)
    journal.note(Level.INFO, "metrics", url=f"http://{options.metrics_host}:{endpoint.port}/metrics")
    try:
        yield
    finally:
        endpoint.close()


def _metrics_endpoint(server: Server, host: str, port: int) -> MetricsEndpoint:
    from cchatspec.reference.metrics import MetricsEndpoint

    try:
        return MetricsEndpoint(server, host, port)
    except (OSError, OverflowError) as error:
        raise ServeError(f"cannot listen on {host}:{port} for the metrics: {_reason(error)}") from None


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def _collect_rarely() -> None:
    """Lets reference counting do its work: cycles are rare here, and looking for them in all that stands takes long."""
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)


def _allow_many_connections() -> None:
    """Raises the limit of open files as far as the system lets it. ROBUST-CROWD."""
    if sys.platform == "win32":
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
