"""A raw connection of the harness to the target, on a plain blocking socket: bytes out, replies in, and how it ended.

It sends whatever it is told to, right or wrong, and gives back what came as values: messages, frames that nobody can read, or the
way the connection ended. It never waits without a deadline and never sleeps. STATUS_UPDATEs about others may come at any time;
they are put aside in `updates`.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable
from functools import cache
from ipaddress import ip_address
from time import monotonic
from typing import Protocol

from cchatspec.conformance.harness.flood import Intake
from cchatspec.conformance.harness.outcomes import Blocked, Ending, RateLimited, Reply, Unreadable
from cchatspec.conformance.harness.reading import Deviation, HeaderCountingReader, Manners, counts_header, read_frame
from cchatspec.conformance.harness.wirelog import UNFINISHED, WireLog
from cchatspec.spec import (
    PAYLOAD_LIMIT,
    Error,
    ErrorCode,
    FrameReader,
    FrameTooLong,
    Message,
    StatusUpdate,
    build,
    frame_bytes,
)

_READ_SIZE = 1 << 18

#: So many reads may follow a deadline that has passed: what they bring may have been there before, and we were held up.
_LATE_READS = 32

#: How many deadlines all replies to a request may take together.
_DEADLINES_FOR_ALL = 10

#: How long connecting may take, in seconds: a full backlog costs one or two retries of TCP, which come after 1 and 3 s.
_CONNECT_S = 5.0
_QUICK_ACK = getattr(socket, "TCP_QUICKACK", None)

#: A second address of the loopback interface, where there is one.
_ELSEWHERE = "127.0.0.2"


class Surroundings(Protocol):
    """What a peer needs to know of the target."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""

    @property
    def deadline(self) -> float:
        """How long one read may take, in seconds."""

    @property
    def manners(self) -> Manners:
        """What is odd about each connection to the target."""

    def note(self, deviation: Deviation) -> None:
        """Remember what breaks a clause in any frame."""

    def saw(self, message: Message) -> None:
        """Remember what later cases need to know."""

    def challenged(self, challenge: bytes) -> None:
        """Remember a challenge, none of which comes again."""

    def pace(self) -> bool:
        """Let the target read what was sent so far: wait for an answer on another connection, and tell whether it came."""


class Line:
    """One connection. With `elsewhere` it comes from a second address of the loopback interface, if the target listens there.

    Attributes:
        lenient: whether slips that leave no doubt are read as what they mean.
        expects_limit: whether ERROR 06 is a reply like any other.
        quick: whether what comes is acknowledged at once, as programs do not usually have it.
        updates: the STATUS_UPDATEs that came.
        ending: how the connection ended, once it has.
        is_elsewhere: whether it comes from the second address.
        is_paced: whether the target is given time to read, if it needs that.
        may_be_cut: whether the target may end the connection in the middle of a frame, as it does to one who does not read.

    Raises:
        Blocked: the target does not accept the connection.
    """

    def __init__(self, target: Surroundings, log: WireLog, who: str = "", *, elsewhere: bool = False) -> None:
        self.lenient = True
        self.expects_limit = False
        self.quick = True
        self.is_elsewhere = elsewhere and _is_loopback(target.address[0])
        self.updates: list[StatusUpdate] = []
        self._target = target
        self._log = log
        self._open(who)

    def _open(self, who: str) -> None:
        self.ending: Ending | None = None
        self._inbox: deque[Reply] = deque()
        self._frames = self._reader()
        self._intake = Intake()
        self._late = 0
        self._is_unread = False
        self._first_of_two: Message | None = None
        self.is_paced = True
        self.may_be_cut = False
        self._unasked = self._target.manners.greeting
        self._number = self._log.new_connection(who)
        self._socket = self._connect()

    def reconnect(self) -> None:
        """Close the connection, and go on with a new one."""
        self.drop()
        self._open("again")

    def note(self, deviation: Deviation) -> None:
        """Remember what breaks a clause, other than the one that the case asks about."""
        self._target.note(deviation)

    @property
    def manners(self) -> Manners:
        """What is odd about every connection to the target."""
        return self._target.manners

    def leave_registration(self) -> None:
        """Reconnect, if the connection that registered a user is none to log in on."""
        if self._target.manners.registers_apart:
            self.reconnect()

    def _connect(self) -> socket.socket:
        source = (_ELSEWHERE, 0) if self.is_elsewhere else None
        try:
            made = socket.create_connection(self._target.address, max(self._target.deadline, _CONNECT_S), source)
        except ConnectionResetError:
            # It was accepted, and reset before connecting had returned: an ending like any other.
            self._log.event(self._number, Ending.RST.value)
            self.ending = Ending.RST
            return socket.socket()
        except OSError as problem:
            self._log.event(self._number, f"not connected: {problem}")
            raise Blocked("ROBUST-ALIVE", f"the target no longer accepts connections ({problem})") from None
        with contextlib.suppress(OSError):  # the target may have reset it by now, which the first read will tell
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    # Sending

    def send(self, *messages: Message) -> None:
        """Send messages in one write, or one after the other to a target that needs that."""
        if len(messages) == 1 or not self.manners.one_at_a_time:
            self.send_at_once(*messages)
            return
        for message in messages:
            self.send_bytes(build(message))

    def send_at_once(self, *messages: Message) -> None:
        """Send messages in one write, whatever the target needs."""
        self.send_bytes(b"".join(build(message) for message in messages))

    def send_raw(self, kind: int, payload: bytes, length: int | None = None) -> None:
        """Send a frame of any type and payload; `length` is what the header says, if not the payload's length."""
        self.send_bytes(frame_bytes(kind, payload, length))

    def send_bytes(self, data: bytes, purpose: str = "") -> None:
        """Send any bytes in one write. A connection that has ended shows when its replies are read."""
        if self._is_unread and self.is_paced and self.manners.one_at_a_time:
            self.is_paced = self._target.pace()
        self._is_unread = True
        self._log.sent(self._number, data, purpose)
        self._intake.restart()
        try:
            self._socket.settimeout(self._target.deadline)
            self._socket.sendall(data)
        except OSError as problem:
            self._log.event(self._number, f"could not send it all: {problem}")

    def send_pieces(self, data: bytes, sizes: Iterable[int], pace: Callable[[], object]) -> None:
        """Send bytes in pieces of these sizes and then the rest; after each, `pace` gives the target time to read it."""
        at = 0
        for size in sizes:
            self.send_bytes(data[at : at + size])
            pace()
            at += size
        if at < len(data):
            self.send_bytes(data[at:])

    # Receiving

    def receive(self, patience: float | None = None) -> Reply:
        """The next reply: a message that is no STATUS_UPDATE, an unreadable frame, or how the connection ended.

        `patience` replaces the deadline, in seconds.
        """
        until = monotonic() + (self._target.deadline if patience is None else patience)
        while True:
            while self._inbox:
                reply = self._inbox.popleft()
                if not isinstance(reply, StatusUpdate):
                    self._is_unread = bool(self._inbox)
                    return reply
                self.updates.append(reply)
            if (ending := self._read(until)) is not None:
                return ending

    def put_back(self, replies: list[Reply]) -> None:
        """Let these be received once more, before what comes next."""
        self._inbox.extendleft(reversed([reply for reply in replies if not isinstance(reply, Ending)]))

    def request(self, message: Message) -> Reply:
        """Send one message and give back the first reply."""
        self.send(message)
        return self.receive()

    def until_end(self, patience: float | None = None) -> list[Reply]:
        """All that comes until the connection ends, and last how it did; `patience` replaces the deadline, in seconds."""
        return self.collect(lambda reply: False, patience)

    def collect(self, is_last: Callable[[Reply], bool], patience: float | None = None) -> list[Reply]:
        """The replies up to the one that is the last, or to how the connection ended.

        Where replies come on and on, none of which is the last, they end with a deadline for them all.
        """
        deadline = self._target.deadline
        until = monotonic() + _DEADLINES_FOR_ALL * deadline + (patience or 0)
        came = [self.receive(patience)]
        while not (isinstance(came[-1], Ending) or is_last(came[-1])):
            came.append(self.receive(patience) if monotonic() < until else self._too_late())
        return came

    def await_update(self, name: bytes, status: int) -> StatusUpdate | Ending:
        """The STATUS_UPDATE with this name and status, as soon as it has come, or how the waiting ended."""
        wanted = StatusUpdate(name, status)
        until = monotonic() + self._target.deadline
        while True:
            self._put_updates_aside()
            if wanted in self.updates:
                return wanted
            if (ending := self._read(until)) is not None:
                return ending

    def updates_about(self, name: bytes) -> list[int]:
        """The statuses of a user in all STATUS_UPDATEs so far."""
        self._put_updates_aside()
        return [update.new_status for update in self.updates if update.username == name]

    def _put_updates_aside(self) -> None:
        self.updates += [reply for reply in self._inbox if isinstance(reply, StatusUpdate)]
        self._inbox = deque(reply for reply in self._inbox if not isinstance(reply, StatusUpdate))

    def _read(self, until: float) -> Ending | None:
        """Read once; whole frames go to the inbox."""
        if self.ending is not None:
            return self.ending
        try:
            data = self._next(until)
        except TimeoutError:
            if not self._frames:
                return self._too_late()
            self._unfinished()
            return None
        except OSError:
            return self._end(Ending.RST)
        if not data:
            return self._end(Ending.FIN)
        self.acknowledge()
        self._take(data)
        return None

    def _next(self, until: float) -> bytes:
        """What is read next.

        Raises:
            TimeoutError: nothing comes before the deadline, or more and more after it.
            OSError: the connection was reset.
        """
        left = until - monotonic()
        self._late = self._late + 1 if left <= 0 else 0
        if self._late > _LATE_READS:
            raise TimeoutError
        self._socket.settimeout(max(left, 0.001))
        return self._socket.recv(_READ_SIZE)

    def _too_late(self) -> Ending:
        self._log.event(self._number, Ending.DEADLINE.value)
        return Ending.DEADLINE

    def acknowledge(self) -> None:
        """Have TCP acknowledge what comes at once, or after the usual delay; it forgets which with each read."""
        if _QUICK_ACK is not None:
            with contextlib.suppress(OSError):  # what was read counts, also if the connection is gone by now
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, int(self.quick))

    def _unfinished(self) -> None:
        """A frame of which no more comes: its header announces what the target does not send."""
        rest = self._frames.pending
        manners = self._target.manners
        if self.lenient and not manners.settled and counts_header(rest):
            manners.counts_header = True
            self._target.note(Deviation("FRAME-HEADER", "the length counts the 5 bytes of the header", rest))
            self._frames = self._reader()
            self._take(rest)
            return
        self._log.received(self._number, rest, UNFINISHED)
        reason = f"{len(rest)} bytes of a frame came, and before the deadline no more of what its header announces"
        deviation = Deviation("FRAME-HEADER", reason, rest)
        self._accept(Unreadable(deviation.clause, deviation.reason, rest), [deviation])
        self._frames = self._reader()

    def _reader(self) -> FrameReader:
        return (HeaderCountingReader if self._target.manners.counts_header else FrameReader)(PAYLOAD_LIMIT)

    def _end(self, ending: Ending) -> Ending:
        if self._frames:
            rest = self._frames.pending
            self._log.received(self._number, rest, UNFINISHED)
        if self._frames and not self.may_be_cut:
            self._target.note(
                Deviation(
                    "FRAME-HEADER", f"the connection ended in the middle of a frame, after {len(rest)} bytes", rest
                )
            )
        self._log.event(self._number, ending.value)
        self.ending = ending
        return ending

    def _take(self, data: bytes) -> None:
        try:
            for frame in self._frames.feed(data):
                self._intake.add_frames()
                self._log.received(self._number, frame_bytes(frame.type, frame.payload))
                message, deviations = read_frame(frame)
                self._accept(message, deviations)
        except FrameTooLong as too_long:
            rest = self._frames.pending
            self._log.received(self._number, rest, "no frame")
            deviation = Deviation("FRAME-HEADER", f"{too_long}, which is more than any message can have", rest)
            self._accept(Unreadable(deviation.clause, deviation.reason, rest), [deviation])
            self._frames = self._reader()
        if (flood := self._intake.add(data)) is not None:
            self._give_up(flood)

    def _give_up(self, flood: Deviation) -> None:
        """Close a connection on which replies do not end; what is still awaited on it does not come."""
        self._accept(Unreadable(flood.clause, flood.reason, flood.data), [flood])
        self._frames = self._reader()
        self.drop()
        self.ending = Ending.DEADLINE

    def _accept(self, reply: Message | Unreadable, deviations: list[Deviation]) -> None:
        for deviation in deviations:
            self._target.note(deviation)
        if isinstance(reply, Message):
            self._target.saw(reply)
        if deviations and not self.lenient:
            first = deviations[0]
            self._inbox.append(Unreadable(first.clause, first.reason, first.data))
            return
        if is_limit(reply) and not self.expects_limit:
            self._log.met_limit = True
            raise RateLimited
        if self._unasked and self.lenient:
            self._unasked -= 1
            return
        if self._is_second_of_two(reply):
            return
        self._inbox.append(reply)

    def _is_second_of_two(self, reply: Message | Unreadable) -> bool:
        """Whether a message is left out, as one that comes twice from this target and was given out before."""
        if not self.lenient or type(reply) not in self.manners.doubled:
            return False
        is_second = reply == self._first_of_two
        self._first_of_two = None if is_second or isinstance(reply, Unreadable) else reply
        return is_second

    def read_slowly(self) -> None:
        """Shrink the receive buffer, for a case that will not read."""
        self.may_be_cut = True
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    # Ending

    def half_close(self) -> None:
        """Shut down the sending side, and go on receiving."""
        self._log.event(self._number, "we shut down our sending side")
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the connection without LOGOUT."""
        self._socket.close()

    def go_on_in(self, log: WireLog, who: str) -> None:
        """Log what comes from now on in another log, where the connection has this name."""
        self._log = log
        self._number = log.new_connection(who)

    def log_the_rest(self) -> None:
        """Log what has come by now and was not read, which may say why something else did not come."""
        with contextlib.suppress(OSError, FrameTooLong):
            self._socket.setblocking(False)
            for frame in self._frames.feed(self._socket.recv(_READ_SIZE)):
                self._log.received(self._number, frame_bytes(frame.type, frame.payload))
                reply, _ = read_frame(frame)
                self._log.met_limit |= is_limit(reply) and not self.expects_limit

    def drop(self) -> None:
        """Close the connection without LOGOUT, as a part of the case."""
        self._log.event(self._number, "we close the connection")
        self.close()

    def reset(self) -> None:
        """End the connection with a reset."""
        self._log.event(self._number, "we reset the connection")
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


def is_limit(reply: object) -> bool:
    """Whether it is ERROR 06."""
    return isinstance(reply, Error) and reply.error_code == ErrorCode.RATE_LIMIT_EXCEEDED


@cache
def _is_loopback(host: str) -> bool:
    """Whether a target at this address can be reached from the second loopback address."""
    try:
        if not ip_address(socket.gethostbyname(host)).is_loopback:
            return False
        with socket.socket() as probe:
            probe.bind((_ELSEWHERE, 0))
    except (OSError, ValueError):
        return False
    return True
