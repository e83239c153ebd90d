"""One connection of the asyncio server: an outbox, and the ends of a TCP connection.

A connection is closed in two steps. First our sending side is shut, which the peer sees as the end; what it still sends is read
and dropped, for a moment or until it ends too. Closing at once would reset the connection when the peer has sent more than we
read, and a reset takes from the peer what it has not read yet, such as the ERROR that says why.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from cchatspec.reference.effects import Send

if TYPE_CHECKING:
    from cchatspec.reference.server import Server

#: How many bytes may wait for a peer that does not read; more than the longest frame. ROBUST-SLOWREADER.
SEND_BUFFER_LIMIT: Final = 32 * 1024 * 1024

#: How long, in seconds, what a peer still sends is dropped before the connection is closed.
LINGER_SECONDS: Final = 1.0


class Peer(asyncio.Protocol):
    """A connection, from accept to its end.

    Attributes:
        number: what the core calls it.
        outbox: what is not yet handed to the transport.
        is_closing: whether it is to be closed behind the outbox.
        gone: done when the connection has ended.
    """

    __slots__ = (
        "_has_finished",
        "_is_paused",
        "_is_shut",
        "_linger",
        "_server",
        "_transport",
        "gone",
        "is_closing",
        "number",
        "outbox",
    )

    def __init__(self, server: Server) -> None:
        self._server = server
        self._is_paused = False
        self._has_finished = False
        self._is_shut = False
        self._linger: asyncio.TimerHandle | None = None
        self.is_closing = False
        self.outbox: deque[Send] = deque()
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins; `resume_writing` shall tell when all has left."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)
        with suppress(OSError):
            self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = self._server.joined(self)

    def data_received(self, data: bytes) -> None:
        """Hands on what came."""
        self._server.received(self, data)

    def eof_received(self) -> bool:
        """Hands on the end of the peer's sending, and keeps the connection open until that is answered."""
        if self._is_shut:
            return False
        self._has_finished = True
        self._server.finished(self)
        return True

    def resume_writing(self) -> None:
        """All has left the transport."""
        if not self.outbox:
            self._emptied()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hands on the end. ROBUST-ABORT: a reset is an end like any other."""
        self.outbox.clear()
        if self._linger is not None:
            self._linger.cancel()
        self.gone.set_result(None)
        self._server.lost(self)

    def flush(self, committed: int | None) -> None:
        """Writes at once all that may leave, which is all when `committed` is None, and closes behind it when asked to."""
        outbox, transport = self.outbox, self._transport
        if transport.is_closing():
            outbox.clear()
            return
        ready: list[bytes] = []
        while outbox and (committed is None or outbox[0].after <= committed):
            ready.append(outbox.popleft().data)
        if ready:
            transport.write(ready[0] if len(ready) == 1 else b"".join(ready))
        if outbox:
            return
        waiting = transport.get_write_buffer_size()
        if waiting > SEND_BUFFER_LIMIT:
            self.abort()
        elif not waiting:
            self._emptied()
        if self.is_closing:
            self._shut()

    def pause(self) -> None:
        """Stops reading until all has left."""
        self._is_paused = True
        self._transport.pause_reading()

    def leave(self) -> None:
        """Closes behind what was written, without waiting for the peer's end."""
        self._transport.close()

    def abort(self) -> None:
        """Ends the connection, whatever waits."""
        self._transport.abort()

    def _emptied(self) -> None:
        if self._is_paused:
            self._is_paused = False
            asyncio.get_running_loop().call_soon(self._drained)

    def _drained(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()
        self._server.drained(self)

    def _shut(self) -> None:
        if self._is_shut:
            return
        self._is_shut = True
        if self._has_finished:
            self._transport.close()
            return
        self._transport.write_eof()
        self._linger = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.abort)
