"""The loop: one thread that accepts, reads, serves frame by frame, and writes when sockets take it.

A connection that has much to read and reads nothing is not read from either, so nobody fills the memory; one whose last words
are sent shuts down its sending side and is closed when the client has ended too, so that the words arrive.
"""

from __future__ import annotations

import _socket  # the module socket costs as much time at the start as Python itself
import contextlib
import errno
import resource
import select
import time
from collections.abc import Callable

import entrance
import relay
import roster
import wording
from bugs import abort, has, leak
from choices import limits, point
from counts import counts
from links import FULL, Link, changed
from people import Directory
from slips import Slips

_IN, _OUT = select.EPOLLIN, select.EPOLLOUT
_GONE_S = 2.0
_TICK_S = 0.5
_READ_SIZE = 1 << 16

Handler = Callable[[Directory, Link, bytes], None]
HANDLERS: dict[int, Handler] = {
    wording.REGISTER: entrance.on_register,
    wording.LOGIN: entrance.on_login,
    wording.GET_KEY: entrance.on_get_key,
    wording.SEND: relay.on_send,
    wording.POLL: relay.on_poll,
    wording.STATUS: roster.on_status,
    wording.LIST: roster.on_list,
    wording.LOGOUT: roster.on_logout,
}
_FOR_ALL = (wording.REGISTER, wording.LOGIN, wording.LOGOUT)
_NEVER_EMPTY = (wording.REGISTER, wording.LOGIN, wording.GET_KEY, wording.SEND, wording.STATUS)

_DENIED = wording.error(wording.DENIED, b"log in first")
_MALFORMED = wording.error(wording.MALFORMED, b"this is not how the request is laid out")
_UNKNOWN = wording.error(wording.MALFORMED, b"there is no such request")
_TOO_FAST = wording.error(wording.TOO_FAST, b"too many requests")
_TOO_LONG = wording.error(wording.MALFORMED, b"the frame is too long")
_TOO_SLOW = wording.error(wording.ENDED, b"half a frame has stood here for too long")
_NO_ROOM = wording.error(wording.FAULT, b"there are too many connections")


class Loop:
    """A listening server."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.links: dict[int, Link] = {}
        self.epoll = select.epoll()
        self.now = time.monotonic()
        self._ticked = self.now
        self._accepted = 0
        self._slips = Slips(self)
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        self.listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        self.listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", limits.port))
        self.listener.listen(1024)
        self.listener.setblocking(False)
        self.epoll.register(self.listener.fileno(), _IN)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.listener.getsockname()[1])

    def run(self) -> None:
        """Serve until the process is ended."""
        listening, links = self.listener.fileno(), self.links
        while True:
            ready = self.epoll.poll(self._slips.before_waiting() or _TICK_S)
            self.now = time.monotonic()
            for fd, event in ready:
                if fd == listening:
                    self._accept()
                elif (link := links.get(fd)) is not None:
                    changed.add(link)
                    if event & ~_OUT:
                        self._read(link)
            self._write_all()
            if self.now - self._ticked > _TICK_S:
                self._tick()

    # Connections

    def _accept(self) -> None:
        while True:
            try:
                fd, _ = self.listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001
            except BlockingIOError:
                return
            except OSError as problem:
                if problem.errno in (errno.EMFILE, errno.ENFILE):
                    return
                continue
            channel = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, fd)
            channel.setblocking(False)
            channel.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            self._accepted += 1
            counts.connections += 1
            self._welcome(Link(channel, self._accepted, self.now))

    def _welcome(self, link: Link) -> None:
        if has("leak-per-connection"):
            leak()
        if len(self.links) >= limits.connections:
            link.end(_NO_ROOM)
        self.links[link.fd] = link
        link.events = _IN
        self.epoll.register(link.fd, _IN)
        self._slips.on_welcome(link)

    def drop(self, link: Link) -> None:
        """Close a connection and end its session."""
        if self.links.get(link.fd) is link:
            del self.links[link.fd]
            link.over = True
            link.channel.close()
        roster.leave(self.directory, link)

    # Reading

    def _read(self, link: Link) -> None:
        try:
            data = link.channel.recv(_READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            if not self._slips.on_reset(link):
                self.drop(link)
            return
        if not data:
            link.eof = True
            if self._slips.on_eof(link):
                return
        elif link.over or link.stuck:
            return
        elif not self._slips.on_data(link, data):
            link.inbox += data
        self._serve_all(link)

    def _serve_all(self, link: Link) -> None:
        """Serve the whole frames that have come, as far as their replies find room."""
        served = 0
        while link.serves and (taken := self._next(link)) is not None:
            served += 1
            self._serve(link, *taken)
            if served == 16 and has("sixteen-a-read"):
                link.inbox.clear()
        if link.leaves and not link.over:
            roster.leave(self.directory, link)
            link.end()
        if served or not link.inbox:
            link.waiting_since = 0.0
        if link.inbox and not link.waiting_since and len(link.outbox) < FULL:
            link.waiting_since = self.now
        if link.eof and len(link.outbox) < FULL:
            link.over = True

    def _next(self, link: Link) -> tuple[int, bytes] | None:
        """Take the next frame out of what came, if it is whole."""
        inbox = link.inbox
        if link.skip:
            gone = min(link.skip, len(inbox))
            del inbox[:gone]
            link.skip -= gone
        if len(inbox) < 5:
            return None
        size, kind = wording.HEADER.unpack_from(inbox)
        size = self._slips.on_header(size)
        if size > limits.payload:
            self._refuse_size(link, size)
            return self._next(link) if link.serves and link.inbox else None
        end = 5 + size
        if len(inbox) < end and not self._slips.waited_for(link, end):
            return None
        payload = bytes(inbox[5:end])
        del inbox[:end]
        return kind, payload

    def _refuse_size(self, link: Link, size: int) -> None:
        if point["oversize"] == "close":
            link.end()
        elif point["oversize"] == "error":
            link.end(_TOO_LONG)
        else:
            link.say(_TOO_LONG)
            link.skip = 5 + size

    # Serving

    def _serve(self, link: Link, kind: int, payload: bytes) -> None:
        counts.frames[kind] += 1
        link.is_step = False
        self._answer(link, kind, payload)
        if not link.is_step:
            counts.test(link)

    def _answer(self, link: Link, kind: int, payload: bytes) -> None:
        if not link.is_within_rate(self.now):
            self._refuse_rate(link)
            return
        handler = HANDLERS.get(kind)
        if handler is None:
            if kind > 0x88 and has("unknown-type-crash"):
                abort("index out of range")
            link.say(_UNKNOWN)
            return
        link.requests += 1
        lost = has("requests-256") and link.requests & 0xFF == 0
        if kind not in _FOR_ALL and (link.user is None or lost):
            link.say(_DENIED)
            return
        if not payload and kind in _NEVER_EMPTY and has("empty-payload-closes"):
            link.end()
            return
        if len(payload) == 4096 and has("payload-4096-overflows"):
            abort("buffer overflow detected")
        try:
            handler(self.directory, link, payload)
        except wording.Malformed:
            link.say(_MALFORMED)
            if has("malformed-stays"):
                link.inbox[:0] = wording.frame(kind, payload)
            if point["after-malformed"] == "closes":
                link.end()
        if kind == wording.LOGOUT:
            self._slips.on_logout(link)

    def _refuse_rate(self, link: Link) -> None:
        link.say(_TOO_FAST)
        if point["after-rate-limit"] == "closes":
            link.end()

    # Writing

    def _write_all(self) -> None:
        while changed:
            batch = list(changed)
            changed.clear()
            for link in batch:
                if self.links.get(link.fd) is link and not self._slips.holds_back(link):
                    self._write(link)

    def _write(self, link: Link) -> None:
        if link.late:
            link.outbox += link.late
            link.late.clear()
        if link.outbox and not self._send(link):
            return
        if link.over and not link.outbox:
            self._finish(link)
        elif link.inbox and link.serves and not link.eof:
            self._serve_all(link)
        if self.links.get(link.fd) is link:
            self._watch(link)

    def _send(self, link: Link) -> bool:
        """Send what the socket takes; False if the connection is gone."""
        try:
            sent = self._slips.send(link)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.drop(link)
            return False
        del link.outbox[:sent]
        if len(link.outbox) > limits.unsent_bytes:
            self.drop(link)
            return False
        return True

    def _finish(self, link: Link) -> None:
        """All is said: end the session, and the connection when the client ends it too."""
        roster.leave(self.directory, link)
        if link.eof:
            self.drop(link)
        elif not link.ended_at:
            link.ended_at = self.now
            with contextlib.suppress(OSError):  # reset by now, which the next read tells
                link.channel.shutdown(_socket.SHUT_WR)

    def _watch(self, link: Link) -> None:
        reads = not link.eof and (link.over or len(link.outbox) < FULL)
        events = (_IN if reads else 0) | (_OUT if link.outbox else 0)
        if events != link.events:
            link.events = events
            self.epoll.modify(link.fd, events)

    def _tick(self) -> None:
        """End what has stood for too long: half frames, and connections whose client does not end."""
        self._ticked = self.now
        for link in list(self.links.values()):
            if link.ended_at and self.now - link.ended_at > _GONE_S:
                self.drop(link)
            elif link.waiting_since and not link.over and self.now - link.waiting_since > limits.half_frame_s:
                link.end(_TOO_SLOW)
        self._write_all()
