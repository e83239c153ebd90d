"""The thread that commits, so that no client waits for the disk on behalf of another.

All that has come while one commit ran goes into the next one, so that the cost of a commit is shared by as many as wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from time import monotonic

from cchatspec.reference.effects import Write
from cchatspec.reference.store import Store, StoreError


class Writer:
    """Commits writes in groups on a thread of its own.

    Args:
        store: used by the thread alone until `close` is done.
        committed: called in the event loop with the sequence number up to which all is committed.
        failed: called in the event loop when a commit failed; nothing is committed from then on.

    Attributes:
        commits: how many commits were done, for the metrics; `writes` of how many writes, in how many `seconds`.
    """

    def __init__(self, store: Store, committed: Callable[[int], None], failed: Callable[[StoreError], None]) -> None:
        self._store = store
        self._committed = committed
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self.commits = self.writes = 0
        self.seconds = 0.0
        self._done = self._loop.create_future()
        self._queue: SimpleQueue[list[Write] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="cchatspec-store", daemon=True)
        self._thread.start()

    def put(self, writes: list[Write]) -> None:
        """Hands over writes; they are committed together or not at all."""
        self._queue.put(writes)

    async def close(self, patience: float) -> bool:
        """Waits until all that was handed over is committed, or cannot be; False if that takes longer, in seconds."""
        self._queue.put(None)
        try:
            async with asyncio.timeout(patience):
                await asyncio.shield(self._done)
        except TimeoutError:
            return False
        self._thread.join()
        return True

    def _run(self) -> None:
        try:
            while group := self._next_group():
                start = monotonic()
                self._store.commit(group)
                self.seconds += monotonic() - start
                self.commits += 1
                self.writes += len(group)
                self._loop.call_soon_threadsafe(self._committed, group[-1].sequence)
        except StoreError as error:
            self._loop.call_soon_threadsafe(self._failed, error)
        finally:
            self._loop.call_soon_threadsafe(self._done.set_result, None)

    def _next_group(self) -> list[Write]:
        """All writes that are there, at least one; none when the end has come."""
        writes = self._queue.get()
        group = writes or []
        while writes is not None and not self._queue.empty():
            writes = self._queue.get()
            group += writes or []
        if writes is None:
            self._queue.put(None)
        return group
