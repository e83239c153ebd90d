"""One connection: bytes in, frames out, limits, and its end.

All of the server runs in one event loop, so that a request is served whole before the next one is looked at. What is written
waits in the transport's buffer; a client that reads too slowly is not read from either, and loses its connection when too much
waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable

import wire
from options import CHOSEN, fault, reads
from state import Letter, State, User

#: How long a closed connection may take to read the last words, in seconds.
_LINGER_S = 2.0

#: How long before a reset a client that floods has to take the word of the limit in, in seconds.
_HEARD_S = 0.1

#: How long a fault blocks everybody at most, in seconds, and the unsent bytes from which it does.
_BLOCK_S = 30.0
_FULL = 64 << 10

#: What a fault takes for a full buffer, in bytes.
_PAGE = 4096


class Remembered:
    """What only faults remember of a connection."""

    def __init__(self) -> None:
        self.home: User | None = None
        self.registered = b""
        self.challenges: list[bytes] = []
        self.cached_key: bytes | None = None
        self.sent = 0
        self.pushed = 0
        self.waiting: list[Letter] = []
        self.stack: list[Letter] = []
        self.senders_waiting: list[Connection] = []
        self.has_acked = False
        self.is_dead = False
        self.hears_updates = False
        self.first_asked = b""
        self.first_user: User | None = None
        self.heir_of: User | None = None
        self.place = 0
        self.mistakes = 0


class Connection(asyncio.Protocol, Remembered):
    """A client. `user` is who is logged in; `asked` is the name that asked for the standing challenge."""

    transport: asyncio.Transport

    def __init__(
        self, state: State, serve: Callable[[Connection, int, wire.Fields], None], left: Callable[[Connection], None]
    ) -> None:
        super().__init__()
        Remembered.__init__(self)
        self.state = state
        self.user: User | None = None
        self.challenge = b""
        self.asked = b""
        self.closing = False
        self.is_stuck = False
        self.frames = self.entered_at = 0
        self.payload = b""
        self._serve, self._left = serve, left
        self._buffer = state.buffer if fault("buffer-of-all") else bytearray()
        self._skip, self._stale = 0, b""
        self._timer: asyncio.TimerHandle | None = None
        self._tokens = float(CHOSEN.limits.frames_at_once)
        self._counted_at = time.monotonic()
        self._lanes: dict[int, deque[bytes]] = {}

    @property
    def acting(self) -> User:
        """Who is served: the user who is logged in, or whom a fault takes for it."""
        user = self.user or self.state.find(self.asked)
        return user or User(b"?", bytes(32))

    @property
    def now(self) -> float:
        """The time of the loop's clock, in seconds."""
        return time.monotonic()

    def later(self, seconds: float, call: Callable[..., object], *arguments: object) -> asyncio.TimerHandle:
        """Call something after a while."""
        return asyncio.get_running_loop().call_later(seconds, call, *arguments)

    # Events of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, unless there are too many."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.state.connections.add(self)
        sock = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self.state.connections) > CHOSEN.limits.connections or self.state.idle_gone > 60:
            transport.abort()
        elif fault("pool-of-64") and len(self.state.connections) > 64:
            transport.pause_reading()
        if fault("files-leak"):
            try:
                os.open(os.devnull, os.O_RDONLY)
            except OSError:
                transport.abort()
        if self.state.vacated and fault("slot-is-reused"):
            self.heir_of = self.state.vacated.pop()
        if fault("greeting"):
            self.send(wire.ERROR, struct.pack(">BH", wire.SERVER_ERROR, 5) + b"hello")

    def data_received(self, data: bytes) -> None:
        """Serve the requests that are whole."""
        if self.closing:
            return
        if fault("full-buffer-is-cleared"):
            self._take_by_pages(data)
            return
        self._buffer += data
        if fault("half-close-ends-all"):
            self.later(0.003, self.serve_frames)
            return
        self.serve_frames()

    def _take_by_pages(self, data: bytes) -> None:
        for at in range(0, len(data), _PAGE):
            self._buffer += data[at : at + _PAGE]
            self.serve_frames()
            if at + _PAGE < len(data) and int.from_bytes(self._buffer[:4], "big") < _PAGE:
                self._buffer.clear()

    def eof_received(self) -> None:
        """Close: what came before has been answered, and asyncio writes the answers before it closes."""
        if fault("half-close-ends-all"):
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.state.connections.discard(self)
        if self.user is not None:
            self.state.vacated.append(self.user)
        if self._timer is not None:
            self._timer.cancel()
        self.resume_writing()
        if exc is not None and fault("reset-is-not-told"):
            return
        if self._buffer and fault("half-a-frame-is-no-end"):
            return
        if self._buffer and exc is not None and fault("reset-in-a-frame-is-no-end"):
            return
        if self.challenge and exc is not None and fault("reset-after-asking-is-no-end"):
            return
        if exc is not None and fault("reset-ends-all"):
            for other in list(self.state.connections):
                other.transport.abort()
        if self._buffer and fault("reset-keeps-the-lock"):
            self.state.locked = exc is not None
        if self.frames == 0 and fault("slots-leak"):
            self.state.idle_gone += 1
        if fault("pool-of-64"):
            waiting = [other for other in self.state.connections if not other.transport.is_reading()]
            for other in waiting[:1]:
                other.transport.resume_reading()
        self._left(self)

    def pause_writing(self) -> None:
        """Take no requests from a client that does not read the replies."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        with contextlib.suppress(RuntimeError):
            self.transport.resume_reading()
        for sender in self.senders_waiting:
            sender.is_stuck = False
            sender.later(0, sender.serve_frames)
        self.senders_waiting.clear()

    # Requests

    def serve_frames(self) -> None:
        """Serve what is whole in the buffer, in order."""
        served = 0
        self.has_acked = False
        while not self.closing and not self.is_stuck and not self.state.locked and (frame := self._next_frame()):
            self._serve_one(*frame)
            served += 1
            if served and fault("rest-waits-for-more"):
                break
            if served and fault("one-read-one-frame"):
                self._buffer.clear()
        self._watch_partial(served > 0)

    def _serve_one(self, kind: int, payload: bytes) -> None:
        self.frames += 1
        if self._is_over_limit():
            self._say_limit()
            if not fault("refused-and-done"):
                return
        if fault("crowd-stops-all") and len(self.state.connections) > 120:
            return
        self.payload = payload
        for letter in self.waiting:
            self.send(wire.INCOMING_MESSAGE, wire.incoming(letter.number, letter.sender, letter.time, letter.body))
        self.waiting.clear()
        self._serve(self, kind, wire.Fields(payload, self._stale))
        self._stale = payload

    def _next_frame(self) -> tuple[int, bytes] | None:
        if self._skip:
            gone = min(self._skip, len(self._buffer))
            del self._buffer[:gone]
            self._skip -= gone
        buffer = self._buffer
        if len(buffer) < wire.HEADER:
            if fault("header-in-one-read"):
                buffer.clear()
            return None
        length, kind = struct.unpack_from(">IB", buffer)
        if fault("length-16-bit"):
            length &= 0xFFFF
        if self._is_too_long(length):
            self._refuse_oversize(length)
            return None
        missing = wire.HEADER + length - len(buffer)
        if missing > 0 and fault("payload-in-one-read") and len(buffer) > wire.HEADER:
            buffer += bytes(missing)
            missing = 0
        if missing > 0:
            return None
        payload = bytes(buffer[wire.HEADER : wire.HEADER + length])
        del buffer[: wire.HEADER + length]
        return kind, payload

    def put_back(self, payload: bytes) -> None:
        """Read the payload of a frame again, as if it were frames."""
        self._buffer[:0] = payload

    def _is_too_long(self, length: int) -> bool:
        if fault("oversize-waits"):
            return False
        if fault("oversize-signed") and length >= 1 << 31:
            return False
        if (length > 1 << 20 and fault("dies-of-huge-length")) or (length > 8192 and fault("dies-of-a-large-payload")):
            os._exit(1)
        if length > 8192 and fault("large-closes"):
            self.closing = True
            self.transport.close()
        return length > CHOSEN.limits.payload

    def _refuse_oversize(self, length: int) -> None:
        if self.closing:
            return
        if not reads("oversize", "close"):
            self.error(wire.INVALID_FORMAT)
        if fault("oversize-payload-is-read"):
            del self._buffer[: wire.HEADER]
            self.later(0, self.serve_frames)
        elif reads("oversize", "skip"):
            self._skip = wire.HEADER + length
            self.later(0, self.serve_frames)
        else:
            self.close()

    def _watch_partial(self, is_another: bool) -> None:
        """End the connection if one half of a frame stands for long."""
        if self._buffer and fault("partial-blocks-all"):
            select.select([self.transport.get_extra_info("socket")], [], [], _BLOCK_S)
        stands = bool(self._buffer or self._skip) and not self.closing
        if self._timer is not None and (is_another or not stands):
            self._timer.cancel()
            self._timer = None
        if self._timer is None and stands and not fault("partial-stands-forever"):
            self._timer = self.later(CHOSEN.limits.partial_s, self.close)

    # The rate limit

    def _is_over_limit(self) -> bool:
        now = time.monotonic()
        limits = CHOSEN.limits
        refill = (now - self._counted_at) * limits.frames_a_minute / 60
        self._tokens = min(self._tokens + refill, float(limits.frames_at_once))
        self._counted_at = now
        self._tokens = max(self._tokens - 1, -1.0)
        over = self._tokens < 0
        if over and fault("limit-for-all"):
            self.state.limited_until = now + 0.3
        return (over or now < self.state.limited_until) and not fault("no-limit")

    def _say_limit(self) -> None:
        if fault("limit-is-silent"):
            return
        if not fault("limit-closes"):
            self.error(wire.SERVER_ERROR if fault("limit-wrong-code") else wire.RATE_LIMITED)
        if reads("after-rate-limit", "closes") or fault("limit-closes"):
            self.is_stuck = True
            self.later(_HEARD_S if CHOSEN.reset else 0, self.close)

    # Replies

    def send(self, kind: int, payload: bytes, origin: Connection | None = None) -> None:
        """Send a frame; `origin` is the connection that caused it, if it is another one."""
        if self.closing or self.transport.is_closing():
            return
        if kind == wire.INCOMING_MESSAGE and fault("limit-counts-what-comes"):
            self._tokens -= 1
        if fault("dies-of-sigpipe") and self._is_hung_up():
            os._exit(141)
        frame = wire.header(kind, len(payload)) + payload
        if fault("writes-not-locked") or fault("list-in-pieces") or fault("long-frames-in-pieces"):
            self._send_in_pieces(kind, frame, origin or self)
        elif fault("logout-drops-replies") or (kind != wire.ERROR and fault("errors-overtake")):
            self.later(0, self.transport.write, frame)
        elif self.transport.get_write_buffer_size() > _FULL and fault("full-sockets-take-a-part"):
            self.transport.write(frame[: len(frame) // 2])
        else:
            self.transport.write(frame)
        self._bound_what_is_unsent(origin)

    def _bound_what_is_unsent(self, origin: Connection | None) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent > _FULL and fault("write-blocks-all"):
            select.select([], [self.transport.get_extra_info("socket")], [], _BLOCK_S)
        if unsent > _FULL and origin is not None and fault("write-blocks-the-sender"):
            self.senders_waiting.append(origin)
            origin.is_stuck = True
        if unsent > CHOSEN.limits.unsent_bytes:
            self.transport.abort()

    def _is_hung_up(self) -> bool:
        poll = select.poll()
        poll.register(self.transport.get_extra_info("socket"), 0)
        return bool(poll.poll(0))

    def error(self, code: int) -> None:
        """Send ERROR."""
        payload = wire.error(code)
        if fault("error-text-echo"):
            payload = struct.pack(">BH", code, len(self.payload)) + self.payload
        self.send(wire.ERROR, payload)

    # Writes of several threads to one socket without a lock: each writes its own pieces in order, and they take turns.

    def _send_in_pieces(self, kind: int, frame: bytes, origin: Connection) -> None:
        size = len(frame)
        if self._is_cut(kind, size):
            size = {wire.USER_LIST_RESPONSE: 64}.get(kind, wire.HEADER if size < 1000 else 1000)
        if not self._lanes:
            self.later(0, self._write_pieces)
        lane = self._lanes.setdefault(id(origin), deque())
        lane.extend(frame[at : at + size] for at in range(0, len(frame), size))

    @staticmethod
    def _is_cut(kind: int, size: int) -> bool:
        if kind == wire.USER_LIST_RESPONSE:
            return fault("list-in-pieces")
        return size > 1000 if fault("long-frames-in-pieces") else fault("writes-not-locked")

    def _write_pieces(self) -> None:
        for origin, lane in list(self._lanes.items()):
            self.transport.write(lane.popleft())
            if not lane:
                del self._lanes[origin]
        if self._lanes:
            self.later(0, self._write_pieces)
        elif self.closing:
            self._end()

    # The end

    def close(self) -> None:
        """Close when all is written. What the client still sends is read and dropped, lest a reset take the last words away."""
        if self.closing:
            return
        self.closing = True
        self._left(self)
        if not self._lanes:
            self._end()

    def _end(self) -> None:
        if self.transport.is_closing():
            return
        if CHOSEN.reset:
            linger = struct.pack("ii", 1, 0)
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.transport.close()
            return
        with contextlib.suppress(OSError):
            self.transport.write_eof()
        self.transport.resume_reading()
        self.later(_LINGER_S, self.transport.abort)
