"""What has come and was not read yet, bounded, for one or more readers.

The client never stops reading from the server to wait for its user, since replies come on the same stream; so what is not read
has a limit instead, beyond which the connection is given up with a clear error.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """A queue that says when it holds more than its limit, and that ends: with an error, or without one.

    Args:
        limit: the size of all items together that is accepted.
        size_of: the size of an item.
    """

    def __init__(self, limit: int, size_of: Callable[[Item], int]) -> None:
        self._limit = limit
        self._size_of = size_of
        self._items: deque[Item] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self._is_closed = False
        self._error: Exception | None = None

    def put(self, item: Item) -> bool:
        """Takes an item; false if the inbox now holds more than its limit."""
        self._items.append(item)
        self._size += self._size_of(item)
        self._news.set()
        return self._size <= self._limit

    def drop_oldest(self) -> None:
        """Forgets the oldest items until the rest is within the limit."""
        while self._size > self._limit:
            self._size -= self._size_of(self._items.popleft())

    def put_back(self, item: Item) -> None:
        """Takes an item back that was not read to the end; it is the next one again."""
        self._items.appendleft(item)
        self._size += self._size_of(item)
        self._news.set()

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def close(self, error: Exception | None) -> None:
        """Takes the end: what is there can still be read, and then comes the error or a plain end."""
        self._is_closed, self._error = True, error
        self._news.set()

    async def get(self) -> Item:
        """The next item, waiting for it.

        Raises:
            StopAsyncIteration: the inbox was closed without an error and is empty.
            Exception: the error that it was closed with, when it is empty.
        """
        while not self._items:
            if self._is_closed:
                raise self._error or StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        item = self._items.popleft()
        self._size -= self._size_of(item)
        return item
