"""A TCP connection that hands over what comes, and says once that it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast


class Wire(asyncio.Protocol):
    """The transport's other half.

    Args:
        received: is called with what has come.
        lost: is called once with why the connection ended; with nothing if the server closed it.
    """

    def __init__(self, received: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        self._received = received
        self._lost = lost
        self.closed = asyncio.Event()

    @property
    def is_closed(self) -> bool:
        """Whether the connection is over."""
        return self.closed.is_set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hands over what has come."""
        self._received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Reports the end."""
        self.closed.set()
        self._lost("" if exc is None else getattr(exc, "strerror", None) or str(exc))

    def write(self, data: bytes) -> None:
        """Sends."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Closes the connection behind what was written."""
        self._transport.close()

    def abort(self) -> None:
        """Ends the connection at once."""
        self._transport.abort()
