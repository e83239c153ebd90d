"""A TCP connection that hands over what comes, and says once that it is over."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import cast

from cchatspec.reference.client.errors import Unreachable
from cchatspec.reference.client.text import shown


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


async def connected(
    host: str, port: int, deadline: float, received: Callable[[bytes], None], lost: Callable[[str], None]
) -> Wire:
    """A connection that stands.

    Raises:
        Unreachable: none came about within the deadline, in seconds.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(deadline):
            return (await loop.create_connection(lambda: Wire(received, lost), host, port))[1]
    except TimeoutError:
        raise Unreachable(f"cannot reach {host}:{port}: no answer within {deadline:g} seconds") from None
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"cannot reach {shown(host)}:{port}: {_reason(error)}") from None


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return "this is no name of a host"
    if isinstance(error, socket.gaierror):
        return str(error.strerror)
    return os.strerror(error.errno) if error.errno else "none of its addresses takes connections"
