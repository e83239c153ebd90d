"""The server on asyncio: sockets and the clock for the core, one coalesced write for each peer and read.

The shell carries out effects and decides nothing about the protocol. What a peer is sent waits in its outbox until the store has
committed what it promises; the writer commits on its own thread.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from cchatspec.reference.core import Core
from cchatspec.reference.effects import (
    AddMessage,
    AddUser,
    Close,
    Drain,
    Effect,
    RemoveMessages,
    ReserveIds,
    Send,
    Snapshot,
    Write,
)
from cchatspec.reference.peer import Peer
from cchatspec.reference.store import Store, StoreError
from cchatspec.reference.writer import Writer

#: The store that lives as long as the server.
IN_MEMORY: Final = ":memory:"

#: How long, in seconds, peers have at the end to take what was sent to them.
GRACE_SECONDS: Final = 1.0

_TICK_SECONDS: Final = 2.0
_BACKLOG: Final = 1024


class Server:
    """A running server, as an asynchronous context manager.

    Args:
        host: the address or name to listen on.
        port: the port; 0 takes a free one, which `port` then tells.
        store: the file that holds what outlives the server; ":memory:" holds nothing.

    Raises on entry:
        StoreError: the store cannot be used.
        OSError: the address cannot be listened on.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, store: str = IN_MEMORY) -> None:
        self.host = host
        self.port = port
        self._store_path = store
        self._store: Store | None = None
        self._writer: Writer | None = None
        self._peers: dict[int, Peer] = {}
        self._touched: deque[Peer] = deque()
        self._held: set[Peer] = set()
        self._committed = 0
        self._writes: list[Write] = []
        self._carriers: dict[type, Callable[[Any], None]] = {
            Send: self._send,
            Close: self._close,
            Drain: self._drain,
            AddUser: self._write,
            AddMessage: self._write,
            RemoveMessages: self._write,
            ReserveIds: self._write,
        }

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self.failed: asyncio.Future[StoreError] = self._loop.create_future()
        snapshot = Snapshot()
        if self._store_path != IN_MEMORY:
            self._store = Store(self._store_path)
        try:
            if self._store is not None:
                snapshot = self._store.snapshot()
            self.core = Core(snapshot, os.urandom)
            self._listener = await self._loop.create_server(lambda: Peer(self), self.host, self.port, backlog=_BACKLOG)
        except BaseException:
            self._close_store()
            raise
        self.port = self._listener.sockets[0].getsockname()[1]
        if self._store is not None:
            self._writer = Writer(self._store, self._on_committed, self._on_failed)
        self._ticker = self._loop.call_later(_TICK_SECONDS, self._tick)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops accepting, ends every connection with ERROR 08, and closes the store behind the last commit."""
        self._listener.close()
        self._ticker.cancel()
        self.carry_out(self.core.shutdown())
        if self._writer is not None:
            await self._writer.close()
            self._writer = None
        for peer in list(self._peers.values()):
            peer.leave()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await self._all_gone()
        for peer in list(self._peers.values()):
            peer.abort()
        await self._all_gone()
        self._last_writes()
        self._close_store()

    async def _all_gone(self) -> None:
        while self._peers:
            await next(iter(self._peers.values())).gone

    def _last_writes(self) -> None:
        """Messages that left while the server stopped are forgotten; when that fails, they come once more. QUEUE-ONCE."""
        if self._store is not None and self._writes and not self.failed.done():
            with suppress(StoreError):
                self._store.commit(self._writes)

    def _close_store(self) -> None:
        if self._store is not None:
            self._store.close()

    # What peers report

    def joined(self, peer: Peer) -> int:
        """Takes a new peer, and returns its number."""
        number = self.core.connect()
        self._peers[number] = peer
        return number

    def received(self, peer: Peer, data: bytes) -> None:
        """Takes what a peer has sent."""
        self.carry_out(self.core.receive(peer.number, data, time.time()))

    def finished(self, peer: Peer) -> None:
        """Takes the end of a peer's sending."""
        self.carry_out(self.core.finish(peer.number, time.time()))

    def drained(self, peer: Peer) -> None:
        """Takes the news that all that was sent to a peer has left."""
        self.carry_out(self.core.drained(peer.number, time.time()))

    def lost(self, peer: Peer) -> None:
        """Takes the end of a peer."""
        self._peers.pop(peer.number, None)
        self._held.discard(peer)
        self.carry_out(self.core.disconnect(peer.number))

    # Effects

    def carry_out(self, effects: list[Effect]) -> None:
        """Carries out effects, then writes once to every peer that they touched."""
        carriers = self._carriers
        for effect in effects:
            carriers[type(effect)](effect)
        if self._writes and self._writer is not None:
            self._hand_over()
        touched = self._touched
        while touched:
            self._flush(touched.popleft())

    def _hand_over(self) -> None:
        writes, self._writes = self._writes, []
        if self._writer is not None:
            self._writer.put(writes)

    def _send(self, effect: Send) -> None:
        peer = self._peers.get(effect.connection)
        if peer is not None:
            if not peer.outbox:
                self._touched.append(peer)
            peer.outbox.append(effect)

    def _close(self, effect: Close) -> None:
        peer = self._peers.get(effect.connection)
        if peer is not None:
            peer.is_closing = True
            self._touched.append(peer)

    def _drain(self, effect: Drain) -> None:
        peer = self._peers.get(effect.connection)
        if peer is not None:
            peer.pause()
            self._touched.append(peer)

    def _write(self, effect: Write) -> None:
        if self._store is not None:
            self._writes.append(effect)

    def _flush(self, peer: Peer) -> None:
        peer.flush(self._committed if self._store is not None else None)
        if peer.outbox:
            self._held.add(peer)

    # The store and the clock

    def _on_committed(self, sequence: int) -> None:
        self._committed = sequence
        held, self._held = self._held, set()
        for peer in held:
            self._flush(peer)

    def _on_failed(self, error: StoreError) -> None:
        # Promises that wait for the store can never be given: their peers see the connection end instead.
        for peer in self._held:
            peer.abort()
        if not self.failed.done():
            self.failed.set_result(error)

    def _tick(self) -> None:
        self.carry_out(self.core.tick(time.time()))
        self._ticker = self._loop.call_later(_TICK_SECONDS, self._tick)
