"""The server on asyncio: sockets and the clocks for the core, one coalesced write for each peer and read.

The shell carries out effects and decides nothing about the protocol. What a peer is sent waits in its outbox until the store has
committed what it promises; the writer commits on its own thread. How much waits for whom is the shell's to see: it reports peers
over the high-water mark to the core, and drops those that stay stuck.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import time
from types import TracebackType
from typing import Any, Final, Self

from cchatspec.reference.core import Core
from cchatspec.reference.effects import (
    AddMessage,
    AddUser,
    Close,
    Drain,
    Effect,
    EndTurn,
    Level,
    Note,
    RemoveMessages,
    ReserveIds,
    Send,
    Snapshot,
    Write,
)
from cchatspec.reference.journal import Journal
from cchatspec.reference.limits import Limits
from cchatspec.reference.listener import Listener
from cchatspec.reference.peer import Peer
from cchatspec.reference.store import Store, StoreError
from cchatspec.reference.writer import Writer

#: The store that lives as long as the server.
IN_MEMORY: Final = ":memory:"

_BUFFER: Final = 64 * 1024

#: How long, in seconds, the store and then the peers have at the end to take what was given to them.
STORE_GRACE_SECONDS: Final = 3.0
GRACE_SECONDS: Final = 1.0

_GRACE_ROUND_SECONDS: Final = 0.05


class Server:
    """A running server, as an asynchronous context manager: `async with Server() as server:` serves on `server.port`.

    Args:
        host: the address or name to listen on.
        port: the port; 0 takes a free one, which `port` then tells.
        store: the file that holds what outlives the server; ":memory:" holds nothing.
        fsync: whether what is confirmed is on disk, and not only in the hands of the operating system.
        limits: how much is taken of everything.
        journal: where the server says what happens; nowhere, if it is not given.

    Attributes:
        buffer: how many bytes the event loop may keep for a peer before it says so.

    Raises on entry:
        StoreError: the store cannot be used.
        OSError: the address cannot be listened on.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        store: str = IN_MEMORY,
        fsync: bool = True,
        limits: Limits | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.limits = limits or Limits()
        self.journal = journal or Journal()
        self._high_water = self.limits.high_water
        self.buffer = min(_BUFFER, self._high_water)
        self._store_path = store
        self._fsync = fsync
        self._store: Store | None = None
        self._writer: Writer | None = None
        self._peers: dict[int, Peer] = {}
        self._touched: list[Peer] = []
        self._overfull: deque[Peer] = deque()
        self._held: set[Peer] = set()
        self._paused: set[Peer] = set()
        self._committed = sys.maxsize if store == IN_MEMORY else 0
        self._writes: list[Write] = []
        self._carriers: dict[type, Callable[[Any], None]] = {
            Close: self._close,
            Drain: self._drain,
            EndTurn: self._end_turn_soon,
            Note: self._note,
            AddUser: self._write,
            AddMessage: self._write,
            RemoveMessages: self._write,
            ReserveIds: self._write,
        }

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self.failed: asyncio.Future[StoreError] = self._loop.create_future()
        snapshot = Snapshot()
        if self._store_path != IN_MEMORY:
            self._store = Store(self._store_path, fsync=self._fsync)
        try:
            if self._store is not None:
                snapshot = self._store.snapshot()
            self.core = Core(snapshot, os.urandom, self.limits, self.journal.level)
            self._push = self.core.push
            self._listener = Listener(lambda: Peer(self), self.journal)
            self.port = await self._listener.open(self.host, self.port)
        except BaseException:
            self._close_store()
            raise
        if self._store is not None:
            self._writer = Writer(self._store, self._on_committed, self._on_failed)
        self._ticker = self._loop.call_later(self.limits.tick, self._tick)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops accepting, ends every connection with ERROR 08, and closes the store behind the last commit."""
        self._listener.close()
        self._ticker.cancel()
        self.journal.note(Level.INFO, "stopping", connections=len(self._peers))
        self.carry_out(self.core.shutdown())
        self._hand_over()
        writer, self._writer = self._writer, None
        if writer is not None:
            is_done = await writer.close(STORE_GRACE_SECONDS)
            if not is_done:
                self._on_failed(StoreError(f"cannot write the store {self._store_path}: it takes too long"))
        await self._let_go()
        if not self.failed.done():
            self._last_writes()
            self._close_store()
        self.journal.note(Level.INFO, "stopped")

    async def _let_go(self) -> None:
        """Closes connections as they fall silent, and those that don't in the end: no reset shall swallow the ERROR."""
        until = self._loop.time() + GRACE_SECONDS
        while self._peers and self._loop.time() < until:
            await asyncio.sleep(_GRACE_ROUND_SECONDS)
            for peer in list(self._peers.values()):
                peer.leave()
        for peer in list(self._peers.values()):
            peer.abort()
        while self._peers:
            await asyncio.sleep(0)

    def _last_writes(self) -> None:
        """Messages that left while the server stopped are forgotten; when that fails, they come once more. QUEUE-ONCE."""
        if self._store is not None and self._writes:
            with suppress(StoreError):
                self._store.commit(self._writes)

    def _close_store(self) -> None:
        if self._store is not None:
            self._store.close()

    # What stands, for the metrics

    @property
    def connections(self) -> int:
        """How many connections there are, those that are about to end among them."""
        return len(self._peers)

    @property
    def slow_peers(self) -> int:
        """How many peers have more to read than they take at once."""
        return len(self._paused)

    @property
    def writer(self) -> Writer | None:
        """The thread that commits, if there is a store."""
        return self._writer

    # What peers report

    def joined(self, peer: Peer) -> None:
        """Takes a new peer, and gives it a number."""
        peer.number, effects = self.core.connect(self._loop.time())
        self._peers[peer.number] = peer
        if effects:
            self.carry_out(effects)

    def received(self, peer: Peer, data: bytes) -> None:
        """Takes what a peer has sent."""
        now, date = self._now(), time()
        push = self._push(peer.number, data, now, date)
        if push is None:
            self.carry_out(self.core.receive(peer.number, data, now, date))
            return
        number, incoming, ack, after = push
        other = self._peers[number]
        if after > self._committed or other.outbox or peer.outbox:
            self.carry_out([Send(number, incoming, after), Send(peer.number, ack, after)])
            return
        # A transport that has lost its connection, and has not told us yet, takes and drops them.
        other.transport.write(incoming)
        peer.transport.write(ack)
        if other.is_full or peer.is_full:
            self._flush(other)
            self._flush(peer)
            self.carry_out([])

    def finished(self, peer: Peer) -> None:
        """Takes the end of a peer's sending."""
        self.carry_out(self.core.finish(peer.number, self._loop.time(), time()))

    def drained(self, peer: Peer) -> None:
        """Takes the news that all that was sent to a peer has left."""
        self._paused.discard(peer)
        self.carry_out(self.core.drained(peer.number, self._loop.time(), time()))

    def lost(self, peer: Peer) -> None:
        """Takes the end of a peer."""
        del self._peers[peer.number]
        self._held.discard(peer)
        self._paused.discard(peer)
        self._listener.left()
        self.carry_out(self.core.disconnect(peer.number))

    # Effects

    def carry_out(self, effects: list[Effect]) -> None:
        """Carries out effects, then writes once to every peer that they touched."""
        carriers, touched, peers, high_water = self._carriers, self._touched, self._peers, self._high_water
        while True:
            for effect in effects:
                if type(effect) is not Send:
                    carriers[type(effect)](effect)
                elif peer := peers.get(effect.connection):
                    outbox = peer.outbox
                    if not outbox:
                        touched.append(peer)
                    else:
                        # What waits for the store, which may take its time, must not be too much either.
                        peer.unsent += len(effect.data)
                        if peer.unsent > high_water:
                            touched.append(peer)
                    outbox.append(effect)
            for peer in touched:
                self._flush(peer)
            touched.clear()
            if not self._overfull:
                return
            # ROBUST-SLOWREADER: at once, since even one turn may bring much more.
            effects = self.core.choke(self._overfull.popleft().number)

    def _hand_over(self) -> None:
        """Hands the writes of a whole turn to the writer at once, so that it is woken once."""
        if self._writer is not None and self._writes:
            writes, self._writes = self._writes, []
            self._writer.put(writes)

    def _close(self, effect: Close) -> None:
        peer = self._peers.get(effect.connection)
        if peer is not None:
            peer.is_closing = True
            self._touched.append(peer)

    def _drain(self, effect: Drain) -> None:
        peer = self._peers.get(effect.connection)
        if peer is not None:
            peer.pause()
            self._paused.add(peer)
            self._touched.append(peer)

    def _write(self, effect: Write) -> None:
        if self._store is not None:
            if not self._writes:
                self._loop.call_soon(self._hand_over)
            self._writes.append(effect)

    def _note(self, note: Note) -> None:
        self.journal.note(note.level, note.event, name=note.name, connection=note.connection, detail=note.detail)

    def _end_turn_soon(self, _: EndTurn) -> None:
        self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self.carry_out(self.core.end_turn())

    def _flush(self, peer: Peer) -> None:
        waiting = peer.flush(self._committed)
        if peer.outbox:
            self._held.add(peer)
        if waiting > self._high_water and not peer.is_closing:
            self._overfull.append(peer)
            self._bound_all()

    # The store and the clock

    def _on_committed(self, sequence: int) -> None:
        self._committed = sequence
        held, self._held = self._held, set()
        for peer in held:
            self._flush(peer)
        self.carry_out([])

    def _on_failed(self, error: StoreError) -> None:
        # Promises that wait for the store can never be given: their peers see the connection end instead.
        for peer in self._held:
            peer.abort()
        if not self.failed.done():
            self.failed.set_result(error)

    def _tick(self) -> None:
        now = self._loop.time()
        self.carry_out(self.core.tick(now))
        for peer in list(self._paused):
            if peer.is_stuck(now, self.limits.stuck_timeout):
                self._drop(peer, "stuck reader")
        self._bound_all()
        self._ticker = self._loop.call_later(self.limits.tick, self._tick)

    def _bound_all(self) -> None:
        """Drops those for whom most waits while too much waits for all that read slowly."""
        limit = self.limits.slow_total
        waiting = {peer: peer.waiting for peer in self._paused}
        total = sum(waiting.values())
        while limit and total > limit:
            peer = max(waiting, key=lambda each: waiting[each])
            total -= waiting.pop(peer)
            self._drop(peer, "too much for slow readers")

    def _drop(self, peer: Peer, reason: str) -> None:
        self._paused.discard(peer)
        self.core.counts.drop(reason)
        self.journal.note(Level.WARNING, "dropped", connection=peer.number, detail=reason, waiting=peer.waiting)
        peer.abort()
