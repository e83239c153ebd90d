"""The planted bugs of delivery: what goes wrong between the socket and the frame.

The loop asks here wherever such a bug could strike; without a bug every answer is the plain one.
"""

from __future__ import annotations

import _socket
import contextlib
from typing import TYPE_CHECKING

import roster
from bugs import die, has, segfault
from links import Link, changed

if TYPE_CHECKING:
    from loop import Loop

_HOLD_S = 0.003
_GHOST_S = 0.1
_SMALL_BUFFER = 1 << 14
_ROOM = 1 << 26


class Slips:
    """What goes wrong in one loop."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._slots: dict[int, Link] = {}
        self._ghosts: list[tuple[int, float]] = []
        self._forgotten: list[Link] = []
        self._held: dict[Link, float] = {}

    def before_waiting(self) -> float:
        """How long the loop may wait for events, in seconds, or 0; what was held back is looked at again then."""
        self._held = {link: since for link, since in self._held.items() if self._loop.links.get(link.fd) is link}
        changed.update(self._held)
        return _HOLD_S if self._held else 0.0

    def on_welcome(self, link: Link) -> None:
        """A connection was accepted, and has its descriptor."""
        if self._ghosts:
            self._clean_up(link)
        if has("slow-reader-stalls"):
            link.channel.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, _SMALL_BUFFER)
        if has("connections-256"):
            slot = link.number & 0xFF
            older = self._slots.get(slot)
            if older is not None and self._loop.links.get(older.fd) is older:
                self._loop.epoll.unregister(older.fd)
                del self._loop.links[older.fd]
            self._slots[slot] = link

    def on_reset(self, link: Link) -> bool:
        """A connection was reset; whether that has been dealt with."""
        if link.inbox and has("reset-ends-accepting"):
            self._loop.epoll.unregister(self._loop.listener.fileno())
            self._loop.listener.close()
        if has("descriptor-per-reset"):
            self._loop.epoll.unregister(link.fd)
            del self._loop.links[link.fd]
            roster.leave(self._loop.directory, link)
            self._forgotten.append(link)
            return True
        if has("reset-leaves-session"):
            del self._loop.links[link.fd]
            link.channel.close()
            return True
        return False

    def on_eof(self, link: Link) -> bool:
        """The client has shut down its sending side; whether the connection has been closed for it."""
        if has("half-close-drops") and link.outbox:
            self._loop.drop(link)
            return True
        return False

    def on_data(self, link: Link, data: bytes) -> bool:
        """Bytes came; whether they have been dealt with."""
        return len(data) < 5 and not link.inbox and has("split-header-lost")

    def on_header(self, size: int) -> int:
        """The length that the server takes a header for."""
        if size >= 1 << 31 and has("header-signed"):
            segfault()
        if size > _ROOM and has("huge-header-allocated"):
            die("MemoryError")
        return size & 0xFFFF if has("header-16-bit") else size

    def waited_for(self, link: Link, end: int) -> bool:
        """Whether the rest of a frame was waited for, and has come."""
        if not has("half-frame-holds"):
            return False
        link.channel.setblocking(True)
        with contextlib.suppress(OSError):
            while len(link.inbox) < end and (data := link.channel.recv(end - len(link.inbox))):
                link.inbox += data
        link.channel.setblocking(False)
        return len(link.inbox) >= end

    def on_logout(self, link: Link) -> None:
        """LOGOUT was served."""
        if link.over and has("logout-races-accept"):
            self._ghosts.append((link.fd, self._loop.now + _GHOST_S))
            self._loop.drop(link)

    def _clean_up(self, newcomer: Link) -> None:
        """Close what LOGOUT left, by its number; after a moment it has been cleaned up in any case."""
        due = {fd for fd, until in self._ghosts if until > self._loop.now}
        self._ghosts.clear()
        if newcomer.fd in due:
            newcomer.end()

    def holds_back(self, link: Link) -> bool:
        """Whether the replies to a connection wait a moment."""
        if not has("half-close-drops") or not link.outbox:
            return False
        since = self._held.setdefault(link, self._loop.now)
        if self._loop.now - since < _HOLD_S:
            return True
        del self._held[link]
        return False

    def send(self, link: Link) -> int:
        """Send from the outbox; how many bytes were."""
        if not has("slow-reader-stalls"):
            sent = link.channel.send(link.outbox)
            return len(link.outbox) if has("short-write-lost") else sent
        link.channel.setblocking(True)
        link.channel.sendall(link.outbox)
        link.channel.setblocking(False)
        return len(link.outbox)
