"""The server without I/O: what happens on connections goes in, effects come out.

The core and what it is made of know no socket, clock, file or source of randomness: every event brings the time, entropy is a
callable, and the store's content comes as a snapshot. No bytes from a peer make it raise. What is legal when stands in `states`,
what is done about a request in `service`; this module turns events into turns, and bytes into requests.

An event does a bounded amount of work. When a connection has used up its turn, or was given queued messages, the core asks for a
`Drain` and takes nothing more from that connection until the shell calls `drained`. So a peer that asks for more than it reads
fills no memory, and a queued message is forgotten only after its bytes have left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cchatspec.reference.effects import Effect, Snapshot
from cchatspec.reference.outlet import REQUEST_COST, TURN_BYTES, Outlet
from cchatspec.reference.records import Connection
from cchatspec.reference.service import Service
from cchatspec.reference.states import ACTIONS, REQUESTS
from cchatspec.spec import ErrorCode, Frame, FrameTooLong, MalformedPayload, parse

#: How many seconds half a frame may stand. FRAME-PARTIAL.
PARTIAL_SECONDS: Final = 30.0


class Core:
    """The server's mind. Each event returns the effects that the shell is to carry out, in order.

    In all events `now` is the time in Unix seconds, and a connection that is gone has no effects.

    Args:
        snapshot: what the store holds.
        entropy: returns as many unpredictable bytes as it is asked for, such as `os.urandom`.
    """

    def __init__(self, snapshot: Snapshot, entropy: Callable[[int], bytes]) -> None:
        self._outlet = Outlet(snapshot.next_id)
        self._service = Service(snapshot, entropy, self._outlet)
        self._connections: dict[int, Connection] = {}
        self._last_connection = 0
        handlers = self._service.handlers
        self._handlers = {
            state: {int(kind): handlers[do] for kind, do in row.items()} for state, row in ACTIONS.items()
        }

    def connect(self) -> int:
        """Takes a new connection, and returns the number that stands for it from then on."""
        self._last_connection += 1
        self._connections[self._last_connection] = Connection(self._last_connection)
        return self._last_connection

    def receive(self, connection: int, data: bytes, now: float) -> list[Effect]:
        """Takes bytes from the peer, cut anywhere. FRAME-SEGMENT."""
        conn = self._connections.get(connection)
        if conn is not None and not conn.is_over:
            conn.inputs.append(data)
            self._work(conn, now)
        return self._outlet.taken()

    def finish(self, connection: int, now: float) -> list[Effect]:
        """Takes the end of the peer's sending: what came before is answered, then the connection is closed. FRAME-SEGMENT."""
        conn = self._connections.get(connection)
        if conn is not None and not conn.is_over:
            conn.finished = True
            self._work(conn, now)
        return self._outlet.taken()

    def drained(self, connection: int, now: float) -> list[Effect]:
        """Takes the news, asked for by `Drain`, that all that was sent to the connection has left our buffers."""
        conn = self._connections.get(connection)
        if conn is not None:
            conn.waiting = False
            self._service.forget_given(conn)
            self._work(conn, now)
        return self._outlet.taken()

    def disconnect(self, connection: int) -> list[Effect]:
        """Takes the end of the connection, whoever ended it. STATUS-LOST, ROBUST-ABORT."""
        conn = self._connections.pop(connection, None)
        if conn is not None:
            self._service.end(conn)
            self._service.take_back_given(conn)
        return self._outlet.taken()

    def tick(self, now: float) -> list[Effect]:
        """Takes the passing of time, every few seconds: ends connections on which half a frame has stood for too long."""
        for conn in self._connections.values():
            since = conn.partial_since
            if since is not None and now - since > PARTIAL_SECONDS and not conn.is_over:
                # FRAME-PARTIAL
                text = f"half a frame stood for more than {PARTIAL_SECONDS:.0f} seconds"
                self._service.dismiss(conn, ErrorCode.CONNECTION_TERMINATED, text)
        return self._outlet.taken()

    def shutdown(self) -> list[Effect]:
        """Ends every connection with ERROR 08."""
        living = [conn for conn in self._connections.values() if not conn.is_over]
        self._service.end_all(living, "the server is shutting down")
        return self._outlet.taken()

    def _work(self, conn: Connection, now: float) -> None:
        """Goes on with what a connection has asked for, until nothing is left or its turn is over."""
        if conn.waiting:
            return
        outlet = self._outlet
        outlet.room = TURN_BYTES
        if conn.delivering:
            self._service.give_queued(conn)
        self._handle_frames(conn, now)
        if conn.given or (outlet.room <= 0 and not conn.is_over):
            outlet.drain(conn)
        elif conn.finished and not conn.is_over:
            self._service.close(conn)

    def _handle_frames(self, conn: Connection, now: float) -> None:
        outlet = self._outlet
        try:
            while outlet.room > 0 and (frame := conn.next_frame()) is not None:
                conn.partial_since = None
                outlet.room -= REQUEST_COST
                self._handle(conn, frame, now)
        except FrameTooLong as error:
            # FRAME-OVERSIZE, open point oversize
            self._service.dismiss(conn, ErrorCode.INVALID_MESSAGE_FORMAT, str(error))
        if not conn.reader:
            conn.partial_since = None
        elif conn.partial_since is None:
            conn.partial_since = now

    def _handle(self, conn: Connection, frame: Frame, now: float) -> None:
        kind, payload = frame
        if kind not in REQUESTS:
            # FRAME-UNKNOWN
            self._outlet.error(conn, ErrorCode.INVALID_MESSAGE_FORMAT, f"no request has the type 0x{kind:02x}")
            return
        try:
            message = parse(kind, payload)
        except MalformedPayload as error:
            # FRAME-MALFORMED, FRAME-TRAILING, FRAME-EMPTY; open point after-malformed
            self._outlet.error(conn, ErrorCode.INVALID_MESSAGE_FORMAT, str(error))
            return
        handler = self._handlers[conn.state].get(kind)
        if handler is None:
            # AUTH-KEY, AUTH-SEND, AUTH-POLL, AUTH-STATUS, AUTH-LIST
            self._outlet.error(conn, ErrorCode.AUTHENTICATION_FAILED, "this request needs a login")
            return
        handler(conn, message, now)
