"""One connection of the asyncio server: an outbox, and the ends of a TCP connection.

A connection is closed in two steps. First our sending side is shut, which the peer sees as the end; what it still sends is read
and dropped, until it ends too, neither reads nor sends for a while, or has sent for long enough. Closing at once would reset the
connection when the peer has sent more than we read, and a reset takes from the peer what it has not read yet, such as the ERROR
that says why.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from cchatspec.reference.effects import Send

if TYPE_CHECKING:
    from cchatspec.reference.server import Server

#: How long, in seconds, a peer that is to go may do nothing before the connection is closed, and how many times that it may send.
LINGER_SECONDS: Final = 1.0
LINGER_ROUNDS: Final = 5

#: What is written in one piece, in bytes; more is handed over as it is, so that a long frame for many is in memory once.
_JOIN_LIMIT: Final = 64 * 1024


class Peer(asyncio.Protocol):
    """A connection, from accept to its end.

    Attributes:
        number: what the core calls it.
        outbox: what is not yet handed to the transport.
        unsent: how many bytes that is, at most, but for the first frame.
        is_closing: whether it is to be closed behind the outbox.
        is_full: whether the transport holds more than it should before the peer reads on.
        is_paused: whether it is not read from until all has left.
        gone: whether the connection has ended.
        transport: what it is written to.
    """

    __slots__ = (
        "_has_finished",
        "_is_shut",
        "_linger",
        "_server",
        "_stuck_at",
        "_stuck_since",
        "_was_heard",
        "gone",
        "is_closing",
        "is_full",
        "is_paused",
        "number",
        "outbox",
        "transport",
        "unsent",
    )

    number: int
    transport: asyncio.Transport

    def __init__(self, server: Server) -> None:
        self._server = server
        self._has_finished = False
        self._is_shut = False
        self._was_heard = False
        self._linger: asyncio.TimerHandle | None = None
        self._stuck_at = 0
        self._stuck_since = 0.0
        self.is_paused = self.is_full = False
        self.is_closing = False
        self.gone = False
        self.unsent = 0
        self.outbox: list[Send] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(self._server.buffer, 0)
        self._server.joined(self)

    def data_received(self, data: bytes) -> None:
        """Hands on what came."""
        if self._is_shut:
            self._was_heard = True
            return
        self._server.received(self, data)

    def eof_received(self) -> bool:
        """Hands on the end of the peer's sending, and keeps the connection open until that is answered."""
        if self._is_shut:
            return False
        self._has_finished = True
        self._server.finished(self)
        return True

    def pause_writing(self) -> None:
        """The transport holds much."""
        self.is_full = True

    def resume_writing(self) -> None:
        """All has left the transport."""
        self.is_full = False
        if not self.outbox:
            self._emptied()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hands on the end. ROBUST-ABORT: a reset is an end like any other."""
        self.outbox.clear()
        if self._linger is not None:
            self._linger.cancel()
        self.gone = True
        self._server.lost(self)

    def flush(self, committed: int) -> int:
        """Writes at once what needs no later write than `committed`, and closes behind it when asked to.

        Returns how many bytes still wait, for the store or for the peer.
        """
        outbox, transport = self.outbox, self.transport
        if transport.is_closing():
            outbox.clear()
            return 0
        if len(outbox) == 1 and outbox[0].after <= committed:
            # How most of them are: one frame, which may leave.
            transport.write(outbox.pop().data)
        elif outbox:
            self._write(committed)
        waiting: int = transport.get_write_buffer_size()
        if outbox:
            return self.unsent + waiting
        if self.is_paused and not waiting:
            self._emptied()
        if self.is_closing:
            self._shut()
        return waiting

    def pause(self) -> None:
        """Stops reading until all has left."""
        if not self.is_paused:
            self.is_paused = True
            self._stuck_at = 0
            self.transport.pause_reading()
            # From now on, `resume_writing` tells when all has left.
            self.transport.set_write_buffer_limits(0, 0)

    def is_stuck(self, now: float, timeout: float) -> bool:
        """Whether the peer has read nothing for so long, though there is something to read."""
        waiting = self.waiting
        if not waiting or waiting != self._stuck_at:
            self._stuck_at, self._stuck_since = waiting, now
        return bool(timeout) and now - self._stuck_since > timeout

    @property
    def waiting(self) -> int:
        """How many bytes wait for the peer to read."""
        return self.transport.get_write_buffer_size()

    def leave(self) -> None:
        """Closes a connection that is shut, if the peer has been silent since the last time."""
        if not self._was_heard:
            self.transport.close()
        self._was_heard = False

    def abort(self) -> None:
        """Ends the connection, whatever waits."""
        self.transport.abort()

    def _write(self, committed: int) -> None:
        outbox = self.outbox
        if outbox[0].after > committed:
            return
        last = next((place for place, send in enumerate(outbox) if send.after > committed), len(outbox))
        ready = [send.data for send in outbox[:last]]
        del outbox[:last]
        self.unsent = sum([len(send.data) for send in outbox])
        size = sum(map(len, ready))
        if len(ready) == 1:
            self.transport.write(ready[0])
        elif size <= _JOIN_LIMIT:
            self.transport.write(b"".join(ready))
        else:
            self.transport.writelines(ready)

    def _emptied(self) -> None:
        if self.is_paused:
            self.is_paused = False
            asyncio.get_running_loop().call_soon(self._drained)

    def _drained(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()
            self.transport.set_write_buffer_limits(self._server.buffer, 0)
        self._server.drained(self)

    def _shut(self) -> None:
        if self._is_shut:
            return
        self._is_shut = True
        if self._has_finished:
            self.transport.close()
            return
        try:
            self.transport.write_eof()
        except OSError:
            # The peer has reset the connection, and the loop has not told us yet.
            self.transport.abort()
            return
        self._linger_on(LINGER_ROUNDS)

    def _linger_on(self, rounds: int) -> None:
        waiting = self.waiting
        is_reading = waiting < self._stuck_at
        if rounds < LINGER_ROUNDS and not is_reading and not (rounds and self._was_heard):
            self.transport.abort()
            return
        self._was_heard, self._stuck_at = False, waiting
        left = rounds if is_reading else rounds - 1
        self._linger = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._linger_on, left)
