"""The server without I/O: what happens on connections goes in, effects come out.

The core and what it is made of know no socket, clock, file or source of randomness: every event brings the time, entropy is a
callable, and the store's content comes as a snapshot. No bytes from a peer make it raise. What is legal when stands in `states`,
what is done about a request in `service`; this module turns events into turns, and bytes into requests.

An event does a bounded amount of work. When a connection has used up its turn, or was given queued messages, the core asks for a
`Drain` and takes nothing more from that connection until the shell calls `drained`. So a peer that asks for more than it reads
fills no memory, and a queued message is forgotten only after its bytes have left. A peer for which others' messages pile up is
reported by the shell as choked, and drained in the same way.

Nearly all that comes is one message from a session to another that reads. `push` is the short way for these: it does what
`receive` does, in a fraction of the time, and leaves everything else to it.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final

from cchatspec.reference.effects import Effect, Level, Snapshot
from cchatspec.reference.limits import Limits, limiter
from cchatspec.reference.outlet import REQUEST_COST, TURN_BYTES, Counts, Outlet
from cchatspec.reference.queues import Queues
from cchatspec.reference.records import Connection
from cchatspec.reference.service import Service
from cchatspec.reference.states import ACTIONS, REQUESTS
from cchatspec.spec import (
    HEADER_SIZE,
    AckStatus,
    ErrorCode,
    FrameTooLong,
    MalformedPayload,
    MessageType,
    parse,
)
from cchatspec.spec.generated.fast import PARSERS
from cchatspec.spec.structs import packers

#: Who is pushed a message and its INCOMING_MESSAGE, the sender's MESSAGE_ACK, and the write that must be committed before both.
Push = tuple[int, bytes, bytes, int]

# The short way knows what SEND_MESSAGE and INCOMING_MESSAGE have in common: both end with the body and its length, which are
# handed on as they are. A test holds it to what the generated codec says.
_SEND_MESSAGE: Final = int(MessageType.SEND_MESSAGE)
_INCOMING_MESSAGE: Final = int(MessageType.INCOMING_MESSAGE)
_MESSAGE_ACK: Final = int(MessageType.MESSAGE_ACK)
_DELIVERED: Final = int(AckStatus.DELIVERED)
_LAST_TIMESTAMP: Final = 0xFFFF_FFFF
_send_head: Final = Struct(">IBB").unpack_from
_incoming_heads: Final = packers(">IBIB{}sI")
_ack: Final = Struct(">IBIB").pack

#: What a connection beyond the limit is told.
_FULL: Final = "there are as many connections as this server takes"


class Core:
    """The server's mind. Each event returns the effects that the shell is to carry out, in order.

    In all events `now` is the time in seconds of a clock that never goes back, `date` is the time in Unix seconds, and a
    connection that is gone has no effects.

    Args:
        snapshot: what the store holds.
        entropy: returns as many unpredictable bytes as it is asked for, such as `os.urandom`.
        limits: how much is taken of everything.
        level: the least of what is noted.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        entropy: Callable[[int], bytes],
        limits: Limits | None = None,
        level: int = Level.DEBUG,
    ) -> None:
        self._limits = limits or Limits()
        self._limiter = limiter(self._limits)
        self._outlet = Outlet(snapshot.next_id, level)
        self._service = Service(snapshot, entropy, self._outlet, self._limits)
        self._accounts = self._service.accounts
        self._audience = self._service.audience
        self._connections: dict[int, Connection] = {}
        self._last_connection = 0
        self._is_full = False
        handlers = self._service.handlers
        self._handlers = {
            state: {int(kind): (PARSERS[kind], handlers[do]) for kind, do in row.items()}
            for state, row in ACTIONS.items()
        }

    # What stands, for the metrics

    @property
    def counts(self) -> Counts:
        """What has happened so far."""
        return self._outlet.counts

    @property
    def queues(self) -> Queues:
        """What waits for users."""
        return self._service.queues

    @property
    def users(self) -> int:
        """How many users are registered."""
        return self._service.users

    @property
    def sessions(self) -> int:
        """How many connections are logged in."""
        return len(self._audience.sessions)

    # Events

    def connect(self, now: float) -> tuple[int, list[Effect]]:
        """Takes a new connection, and returns the number that stands for it from then on."""
        self._last_connection += 1
        conn = Connection(self._last_connection, now)
        if self._limits.max_connections and len(self._connections) >= self._limits.max_connections:
            self._turn_away(conn)
        else:
            self._outlet.counts.connections += 1
            self._connections[conn.id] = conn
        return conn.id, self._outlet.taken()

    def push(self, connection: int, data: bytes, now: float, date: float) -> Push | None:
        """Takes bytes from the peer if they are one message that can be pushed at once; if not, does nothing. SEND-PUSH.

        What it returns is what `receive` would have sent, first to the recipient and then to the sender.
        """
        conn = self._connections.get(connection)
        # A session is not over, and one that does not wait has no input left.
        if conn is None or conn.waiting or conn.partial_since is not None or self._audience.changes:
            return None
        account, size = conn.account, len(data)
        if account is None or size < 8:
            return None
        length, kind, cut = _send_head(data)
        cut += 6
        if (
            kind != _SEND_MESSAGE
            or length != size - 5
            or cut > size - 2
            or data[cut] << 8 | data[cut + 1] != size - cut - 2
        ):
            return None
        recipient = self._accounts.get(data[6:cut])
        if recipient is None or (session := recipient.session) is None or session.delivering or session.choked:
            return None
        outlet = self._outlet
        number = outlet.next_id
        if number >= outlet.reserved_to or not (self._limiter is None or self._limiter.takes(conn.bucket, now)):
            return None
        outlet.next_id = number + 1
        counts = outlet.counts
        counts.requests[_SEND_MESSAGE] += 1
        counts.pushed += 1
        conn.active_at = session.active_at = now
        sender, timestamp = account.name, int(date) & _LAST_TIMESTAMP
        named = len(sender)
        head = _incoming_heads[named](9 + named + size - cut, _INCOMING_MESSAGE, number, named, sender, timestamp)
        return session.id, head + data[cut:], _ack(5, _MESSAGE_ACK, number, _DELIVERED), outlet.ids_stored

    def receive(self, connection: int, data: bytes, now: float, date: float) -> list[Effect]:
        """Takes bytes from the peer, cut anywhere. FRAME-SEGMENT."""
        conn = self._connections.get(connection)
        if conn is not None and not conn.is_over:
            conn.active_at = now
            if conn.is_sole_frame(data):
                self._work(conn, now, date, data)
            else:
                conn.inputs.append(data)
                self._work(conn, now, date)
        return self._outlet.taken()

    def finish(self, connection: int, now: float, date: float) -> list[Effect]:
        """Takes the end of the peer's sending: what came before is answered, then the connection is closed. FRAME-SEGMENT."""
        conn = self._connections.get(connection)
        if conn is not None and not conn.is_over:
            conn.finished = True
            self._work(conn, now, date)
        return self._outlet.taken()

    def choke(self, connection: int) -> list[Effect]:
        """Takes the news that more waits for the peer than the high-water mark. ROBUST-SLOWREADER."""
        conn = self._connections.get(connection)
        if conn is not None and not conn.choked and not conn.is_over:
            conn.choked = True
            self._outlet.drain(conn)
        return self._outlet.taken()

    def drained(self, connection: int, now: float, date: float) -> list[Effect]:
        """Takes the news, asked for by `Drain`, that all that was sent to the connection has left our buffers."""
        conn = self._connections.get(connection)
        if conn is not None:
            conn.waiting = False
            conn.active_at = now
            if conn.partial_since is not None:
                conn.partial_since = now
            self._service.queues.forget_given(conn)
            if conn.choked and not conn.is_over:
                self._service.relieve(conn)
            self._work(conn, now, date)
        return self._outlet.taken()

    def disconnect(self, connection: int) -> list[Effect]:
        """Takes the end of the connection, whoever ended it. STATUS-LOST, ROBUST-ABORT."""
        conn = self._connections.pop(connection, None)
        if conn is not None:
            self._service.end(conn)
            self._service.queues.take_back_given(conn)
            self._is_full = False
        return self._outlet.taken()

    def end_turn(self) -> list[Effect]:
        """Takes the end of a turn, asked for by `EndTurn`: everybody is told of what has changed."""
        self._audience.tell()
        return self._outlet.taken()

    def tick(self, now: float) -> list[Effect]:
        """Takes the passing of time, every few seconds: ends connections that have been silent for too long."""
        for conn in self._connections.values():
            # A connection that we do not read from is not silent; and one that reads nothing is the shell's to see.
            if not conn.is_over and not conn.waiting:
                self._look_at_time(conn, now)
        return self._outlet.taken()

    def shutdown(self) -> list[Effect]:
        """Ends every connection with ERROR 08."""
        living = [conn for conn in self._connections.values() if not conn.is_over]
        self._service.end_all(living, "the server is shutting down")
        return self._outlet.taken()

    # Time and numbers

    def _turn_away(self, conn: Connection) -> None:
        # Open point connection-limit
        outlet = self._outlet
        outlet.counts.turned_away += 1
        if not self._is_full:
            self._is_full = True
            outlet.note(Level.WARNING, "connection limit reached", conn, _FULL)
        outlet.error(conn, ErrorCode.SERVER_ERROR, _FULL)
        outlet.close(conn)

    def _look_at_time(self, conn: Connection, now: float) -> None:
        limits = self._limits
        since = conn.partial_since
        if since is not None and _is_over(since, limits.frame_timeout, now):
            # FRAME-PARTIAL
            reason, text = "frame timeout", f"half a frame stood for more than {limits.frame_timeout:g} seconds"
        elif conn.account is None and _is_over(conn.since, limits.login_timeout, now):
            reason, text = "login timeout", f"no login within {limits.login_timeout:g} seconds"
        elif _is_over(conn.active_at, limits.idle_timeout, now):
            reason, text = "idle timeout", f"nothing came for more than {limits.idle_timeout:g} seconds"
        else:
            return
        self._service.drop(conn, ErrorCode.CONNECTION_TERMINATED, reason, text)

    # Turns and requests

    def _work(self, conn: Connection, now: float, date: float, frame: bytes | None = None) -> None:
        """Goes on with what a connection has asked for, until nothing is left or its turn is over.

        With a frame, that is all there is.
        """
        if conn.waiting:
            return
        outlet = self._outlet
        outlet.room = TURN_BYTES
        if self._audience.changes and conn.account is not None:
            self._audience.catch_up(conn)
        if conn.delivering:
            self._service.queues.give(conn)
        if frame is None:
            self._handle_frames(conn, now, date)
        elif self._limiter is None or self._limiter.takes(conn.bucket, now) or self._passes(conn, frame[4], now):
            self._handle(conn, frame[4], frame[HEADER_SIZE:], date)
        if conn.given or (outlet.room <= 0 and not conn.is_over):
            outlet.drain(conn)
        elif conn.finished and not conn.is_over:
            self._service.close(conn)

    def _handle_frames(self, conn: Connection, now: float, date: float) -> None:
        outlet, limiter = self._outlet, self._limiter
        try:
            while outlet.room > 0 and (frame := conn.next_frame()) is not None:
                conn.partial_since = None
                outlet.room -= REQUEST_COST
                kind, payload = frame
                if limiter is None or limiter.takes(conn.bucket, now) or self._passes(conn, kind, now):
                    self._handle(conn, kind, payload, date)
        except FrameTooLong as error:
            # FRAME-OVERSIZE, open point oversize
            self._service.drop(conn, ErrorCode.INVALID_MESSAGE_FORMAT, "oversize frame", str(error))
        if not conn.reader:
            conn.partial_since = None
        elif conn.partial_since is None:
            conn.partial_since = now

    def _passes(self, conn: Connection, kind: int, now: float) -> bool:
        """Whether a request over the limit is handled all the same; if not, it is refused. RATE-LIMIT, RATE-HEARD."""
        if kind == MessageType.LOGOUT:
            return True
        text = f"at most {self._limits.rate:g} requests a second are taken, after {self._limits.burst} at once"
        if self._limiter is not None and self._limiter.is_flood(conn.bucket, now):
            self._service.drop(conn, ErrorCode.RATE_LIMIT_EXCEEDED, "flood", text)
        else:
            # Open point after-rate-limit
            self._outlet.error(conn, ErrorCode.RATE_LIMIT_EXCEEDED, text)
        return False

    def _handle(self, conn: Connection, kind: int, payload: bytes, date: float) -> None:
        legal = self._handlers[conn.state].get(kind)
        if legal is None:
            self._refuse(conn, kind, payload)
            return
        self._outlet.counts.requests[kind] += 1
        parser, handler = legal
        try:
            message = parser(payload)
        except MalformedPayload as error:
            # FRAME-MALFORMED, FRAME-TRAILING, FRAME-EMPTY; open point after-malformed
            self._outlet.error(conn, ErrorCode.INVALID_MESSAGE_FORMAT, str(error))
            return
        handler(conn, message, date)

    def _refuse(self, conn: Connection, kind: int, payload: bytes) -> None:
        """Says what is wrong with a request that is not legal now; of two things, the one that always is."""
        if kind not in REQUESTS:
            # FRAME-UNKNOWN
            self._outlet.counts.requests[0] += 1
            self._outlet.error(conn, ErrorCode.INVALID_MESSAGE_FORMAT, f"no request has the type 0x{kind:02x}")
            return
        self._outlet.counts.requests[kind] += 1
        try:
            parse(kind, payload)
        except MalformedPayload as error:
            self._outlet.error(conn, ErrorCode.INVALID_MESSAGE_FORMAT, str(error))
        else:
            # AUTH-KEY, AUTH-SEND, AUTH-POLL, AUTH-STATUS, AUTH-LIST
            self._outlet.error(conn, ErrorCode.AUTHENTICATION_FAILED, "this request needs a login")


def _is_over(since: float, timeout: float, now: float) -> bool:
    return bool(timeout) and now - since > timeout
