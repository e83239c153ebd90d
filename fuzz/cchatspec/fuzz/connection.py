"""A connection of the fuzzer: a plain socket, and what has come on it as frames.

It writes without waiting for the target to take everything: while the target does not read, what it sends is read, so two
peers that both have much to say never wait for each other. It never waits longer than it is told to, and other conversations go
on meanwhile. How a connection ended (FIN, reset, refused) is told apart; that nothing came is for the caller to judge.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from collections import deque
from functools import lru_cache
from time import monotonic
from typing import Any

from cchatspec.conformance.harness.flood import Intake
from cchatspec.conformance.harness.outcomes import Ending
from cchatspec.conformance.harness.reading import Deviation
from cchatspec.fuzz.waiting import READABLE, WRITABLE, wait_for
from cchatspec.spec import PAYLOAD_LIMIT, Frame, FrameReader, FrameTooLong

_READ_SIZE = 1 << 18

#: More frames than come on a connection after one write of a script, whatever all other conversations bring about.
_MOST_FRAMES = 20_000
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)


class Link:
    """One connection to the target; `number` is the script's, or a negative one of the runner's own.

    Attributes:
        ended: how the target ended it.
        closed: we have closed it.
        stalled: nothing is read from it now.
        unframed: bytes that no frame can begin with, if such came.
        flood: why so much came that the connection was closed, if it did.
    """

    def __init__(self, number: int, address: tuple[str, int], patience: float) -> None:
        self.number = number
        self.ended: Ending | None = None
        self.closed = False
        self.stalled = False
        self.half_closed = False
        self.unframed = b""
        self.flood: Deviation | None = None
        self.frames: deque[Frame] = deque()
        self._intake = Intake(_MOST_FRAMES)
        self._reader = FrameReader(PAYLOAD_LIMIT)
        self._socket = self._connect(address, patience)

    def _connect(self, address: tuple[str, int], patience: float) -> socket.socket | None:
        try:
            return _connected(address, patience)
        except ConnectionResetError:
            self.ended = Ending.RST
        except OSError:
            self.ended = Ending.REFUSED
        return None

    @property
    def is_open(self) -> bool:
        """Whether frames can still come."""
        return self.ended is None and not self.closed and not self.stalled

    @property
    def half_a_frame(self) -> bytes:
        """What has come of a frame that is not whole yet."""
        return self._reader.pending

    def write(self, data: bytes, patience: float) -> bool:
        """Send bytes; what comes meanwhile is kept. Tells whether all of it has left."""
        if self._socket is None or self.ended is not None:
            return False
        self._intake.restart()
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return self._failed()
        return True if sent == len(data) else self._write_rest(memoryview(data)[sent:], patience)

    def _write_rest(self, rest: memoryview, patience: float) -> bool:
        assert self._socket is not None
        events = WRITABLE | (0 if self.stalled else READABLE)
        until = monotonic() + patience
        while rest and self.ended is None and not self.closed:
            if not wait_for(self._socket.fileno(), events, max(until - monotonic(), 0)):
                return False
            if not self.stalled:
                self.read(0)
            try:
                rest = rest[self._socket.send(rest) :]
                until = monotonic() + patience
            except BlockingIOError:
                continue
            except OSError:
                return self._failed()
        return not rest

    def _failed(self) -> bool:
        """A write has failed: read what the target had said before it went."""
        while self.is_open and self.read(0):
            pass
        if self.ended is None:
            self.ended = Ending.RST
        return False

    def read(self, patience: float) -> bool:
        """Read once what is there, or wait for it so many seconds; whole frames go to `frames`.

        Tells whether anything came: bytes or the end.
        """
        if self._socket is None or self.ended is not None or self.closed or self.stalled:
            return False
        if patience > 0 and not wait_for(self._socket.fileno(), READABLE, patience):
            return False
        try:
            data = self._socket.recv(_READ_SIZE)
        except BlockingIOError:
            return False
        except OSError:
            self.ended = Ending.RST
            return True
        if _QUICK_ACK is not None:
            with contextlib.suppress(OSError):  # what was read counts, also if the connection is gone by now
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
        if not data:
            self.ended = Ending.FIN
            return True
        self._take(data)
        return True

    def _take(self, data: bytes) -> None:
        before = len(self.frames)
        try:
            self.frames.extend(self._reader.feed(data))
        except FrameTooLong:
            # Nothing that follows can be told from the rest of it.
            self.unframed = self._reader.pending
            self._reader = FrameReader(PAYLOAD_LIMIT)
        self._intake.add_frames(len(self.frames) - before)
        self.flood = self._intake.add(data)
        if self.flood is not None:
            self.reset()

    # Ending

    def stall(self) -> None:
        """Read nothing more.

        The receive buffer stays as it is: a small one fills little earlier, and takes minutes to be read again.
        """
        self.stalled = True

    def resume(self) -> None:
        """Read again."""
        self.stalled = False

    def half_close(self) -> None:
        """Shut down the sending side."""
        self.half_closed = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the connection, without LOGOUT."""
        self.closed = True
        if self._socket is not None:
            self._socket.close()

    def reset(self) -> None:
        """End the connection with a reset."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close()


@lru_cache(maxsize=16)
def _places(address: tuple[str, int]) -> list[tuple[Any, ...]]:
    """Where an address leads to."""
    return list(socket.getaddrinfo(*address, type=socket.SOCK_STREAM))


def _connected(address: tuple[str, int], patience: float) -> socket.socket:
    """A connection to the first place that takes one.

    Raises:
        OSError: none does.
    """
    problem = errno.ECONNREFUSED
    for family, kind, protocol, _, place in _places(address):
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        problem = made.connect_ex(place)
        if problem == errno.EINPROGRESS:
            # A loopback connection is there by now, so this saves a wait.
            problem = made.connect_ex(place)
        if problem in (errno.EALREADY, errno.EINPROGRESS):
            is_there = wait_for(made.fileno(), WRITABLE, patience)
            problem = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if is_there else errno.ETIMEDOUT
        if problem in (0, errno.EISCONN):
            return made
        made.close()
    raise OSError(problem, "no connection")
