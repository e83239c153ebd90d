"""Accepting connections, and not accepting any more while descriptors are short.

A process that runs out of file descriptors cannot accept, and most event loops then either try in vain, over and over, or drop
the connections. So a few descriptors are kept back: when only those are left, the loop's listener is closed, and the socket
itself, of which we hold a duplicate, goes on listening. Who connects then waits in the system's queue until somebody leaves.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from typing import Final

from cchatspec.reference.effects import Level
from cchatspec.reference.journal import Journal

#: How many descriptors are left for anything but connections.
RESERVE: Final = 16

_BACKLOG: Final = 1024


class Listener:
    """A listening address.

    Args:
        factory: makes the protocol of a connection.
        journal: told when descriptors are short; once, until half of the connections have gone.
    """

    def __init__(self, factory: Callable[[], asyncio.Protocol], journal: Journal) -> None:
        self._factory = factory
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._servers: list[asyncio.Server] = []
        self._sockets: list[socket.socket] = []
        self._resuming: asyncio.Task[None] | None = None
        self._taken = 0
        self._capacity = sys.maxsize
        self._has_said_so = False
        self._is_closed = False

    async def open(self, host: str, port: int) -> int:
        """Begins to accept; returns the port."""
        server = await self._loop.create_server(self._accepted, host, port, backlog=_BACKLOG)
        self._servers = [server]
        bound: int = server.sockets[0].getsockname()[1]
        if sys.platform != "win32":
            self._sockets = [socket.socket(fileno=os.dup(each.fileno())) for each in server.sockets]
            self._capacity = _spare_descriptors()
        return bound

    def close(self) -> None:
        """Accepts nothing more."""
        self._is_closed = True
        self._pause()
        for each in self._sockets:
            each.close()
        self._sockets = []

    def left(self) -> None:
        """Takes the end of a connection."""
        self._taken -= 1
        if self._taken < self._capacity // 2:
            self._has_said_so = False
        if not self._servers and self._resuming is None and not self._is_closed and self._taken < self._capacity:
            self._resuming = self._loop.create_task(self._resume())

    def _accepted(self) -> asyncio.Protocol:
        self._taken += 1
        if self._taken >= self._capacity and self._servers and not self._is_closed:
            self._pause()
            if not self._has_said_so:
                self._has_said_so = True
                self._journal.note(Level.WARNING, "out of file descriptors", connections=self._taken)
        return self._factory()

    def _pause(self) -> None:
        for server in self._servers:
            server.close()
        self._servers = []

    async def _resume(self) -> None:
        # The duplicate is the loop's to close.
        servers = [
            await self._loop.create_server(self._accepted, sock=each.dup(), backlog=_BACKLOG) for each in self._sockets
        ]
        self._resuming = None
        self._servers = servers
        if self._is_closed:
            self._pause()


def _spare_descriptors() -> int:
    """How many more files the process may open, without the reserve."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(limit - len(os.listdir("/dev/fd")) - RESERVE, 1)  # noqa: PTH208 (no paths are wanted)
