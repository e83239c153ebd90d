"""Accepting connections, and not accepting any more while descriptors are short.

uvloop accepts for us, which is fastest. But when it runs out of file descriptors, it drops connections without a word. So when
the limit comes near, we accept ourselves, one by one, and stop before it. Who connects then waits in the system's queue until
somebody leaves. asyncio's own loop is no faster than we are, and complains once a second while others have taken the descriptors:
there we always accept ourselves.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from cchatspec.reference.effects import Level
from cchatspec.reference.journal import Journal

#: How many descriptors are kept back for anything but connections.
RESERVE: Final = 16

#: How many connections may wait for us, and how many the loop may thus accept before it asks anybody.
_BACKLOG: Final = 1024
_NEAR: Final = 2 * _BACKLOG

#: How many connections are accepted before others get their turn.
_AT_ONCE: Final = 64

_RETRY_SECONDS: Final = 1.0
_SILENCE_SECONDS: Final = 600.0
_SHORTAGES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Listener:
    """A listening address.

    Args:
        factory: makes the protocol of a connection, whose end has to be told by `left`.
        journal: told when descriptors are short; once in ten minutes at most.
    """

    def __init__(self, factory: Callable[[], asyncio.Protocol], journal: Journal) -> None:
        self._factory = factory
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._sockets: list[socket.socket] = []
        self._arriving: set[asyncio.Task[object]] = set()
        self._capacity = sys.maxsize
        self._taken = 0
        self._is_accepting = False
        self._silent_until = 0.0

    async def open(self, host: str, port: int) -> int:
        """Begins to accept; returns the port."""
        self._server = await self._loop.create_server(self._accepted, host, port, backlog=_BACKLOG)
        for each in self._server.sockets:
            # Finds those that have vanished without a word; connections inherit it. STATUS-LOST
            each.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        bound: int = self._server.sockets[0].getsockname()[1]
        if sys.platform != "win32":
            # They go on listening when the loop's are closed.
            self._sockets = [socket.socket(fileno=os.dup(each.fileno())) for each in self._server.sockets]
            self._capacity = _spare_descriptors()
        if self._sockets and (self._capacity < _NEAR or isinstance(self._loop, asyncio.SelectorEventLoop)):
            self._take_over()
        return bound

    def close(self) -> None:
        """Accepts nothing more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._pause()
        for each in self._sockets:
            each.close()
        self._sockets = []

    def left(self) -> None:
        """Takes the end of a connection."""
        self._taken -= 1
        if self._server is None:
            self._resume()

    def _accepted(self) -> asyncio.Protocol:
        self._taken += 1
        if self._taken == self._capacity - _NEAR:
            self._loop.call_soon(self._take_over)
        return self._factory()

    def _take_over(self) -> None:
        """Accepts ourselves from now on."""
        if self._server is not None:
            self._server.close()
            self._server = None
            for each in self._sockets:
                each.setblocking(False)
            self._resume()

    def _resume(self) -> None:
        if not self._is_accepting and self._taken < self._capacity:
            self._is_accepting = True
            for each in self._sockets:
                self._loop.add_reader(each, self._accept, each)

    def _pause(self) -> None:
        if self._is_accepting:
            self._is_accepting = False
            for each in self._sockets:
                self._loop.remove_reader(each)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            if self._taken >= self._capacity:
                self._run_short()
                return
            try:
                connection, _ = listening.accept()
            except OSError as error:
                if error.errno in _SHORTAGES:
                    self._run_short()
                    self._loop.call_later(_RETRY_SECONDS, self._resume)
                return
            self._taken += 1
            self._adopt(connection)

    def _run_short(self) -> None:
        self._pause()
        now = self._loop.time()
        if now >= self._silent_until:
            self._silent_until = now + _SILENCE_SECONDS
            self._journal.note(Level.WARNING, "out of file descriptors", connections=self._taken)

    def _adopt(self, connection: socket.socket) -> None:
        task: asyncio.Task[object] = self._loop.create_task(self._connect(connection))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _connect(self, connection: socket.socket) -> None:
        # A failure comes with `connection_lost`, like any other end.
        with suppress(OSError):
            await self._loop.connect_accepted_socket(self._factory, connection)


def _spare_descriptors() -> int:
    """How many more files the process may open, without the reserve."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(limit - len(os.listdir("/dev/fd")) - RESERVE, 1)  # noqa: PTH208 (no paths are wanted)
