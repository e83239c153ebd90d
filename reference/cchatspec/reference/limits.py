"""How much the server takes, of everything, in one place; and the token buckets that a rate limit is made of.

A limit of 0 means that there is none, except where it says otherwise. Times are in seconds, and sizes in bytes.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

_MIB: Final = 1024 * 1024

#: Who sends so many times as much as the limit allows is not refused any longer but sent away.
FLOOD_FACTOR: Final = 10


class Limits(Struct, frozen=True, kw_only=True):
    """The limits of a server.

    Attributes:
        rate: requests a second, of each connection and of each user.
        burst: how many requests may come at once before `rate` counts.
        queue_limit: how many messages are kept for one user; with 0, none are.
        queue_total: how much memory the messages of all users together may take; with 0, none are kept.
        max_connections: how many connections there may be; the next one is told ERROR 07.
        idle_timeout: how long a connection may stay without a request or a message.
        frame_timeout: how long half a frame may stand.
        login_timeout: how long a connection may take to log in.
        stuck_timeout: how long a peer that has more to read than `high_water` may read nothing.
        high_water: how much may wait for a peer before messages to it are queued instead of pushed; never without.
        slow_total: how much may wait for all peers together that read slowly.
    """

    rate: float = 200.0
    burst: int = 400
    queue_limit: int = 1000
    queue_total: int = 256 * _MIB
    max_connections: int = 20_000
    idle_timeout: float = 3600.0
    frame_timeout: float = 30.0
    login_timeout: float = 60.0
    stuck_timeout: float = 30.0
    high_water: int = _MIB
    slow_total: int = 256 * _MIB

    @property
    def tick(self) -> float:
        """How often time has to be looked at, so that a timeout is a quarter late at most, or two seconds."""
        timeouts = (self.idle_timeout, self.frame_timeout, self.login_timeout, self.stuck_timeout)
        return min([2.0, *(timeout / 4 for timeout in timeouts if timeout)])


class Bucket:
    """What somebody has used of a rate: when the tokens spent so far will be back, for requests taken and for refused ones.

    A bucket of N tokens that fills at R a second holds one at least while `due` lies less than N/R ahead of now.
    """

    __slots__ = ("due", "refused_due")

    def __init__(self) -> None:
        self.due = self.refused_due = 0.0

    def merge(self, other: Bucket) -> None:
        """Counts what another bucket has counted, so that this one can stand for both."""
        self.due = max(self.due, other.due)
        self.refused_due = max(self.refused_due, other.refused_due)


class Limiter:
    """The rate limit: which requests are taken, and when there are so many that the connection is ended.

    Args:
        rate: requests a second.
        burst: how many may come at once.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._interval = 1 / rate
        # Half a token makes up for rounding.
        self._ahead = (burst - 0.5) / rate
        self._refused_interval = self._interval / (FLOOD_FACTOR - 1)
        self._refused_ahead = burst / rate + self._refused_interval / 2

    def takes(self, bucket: Bucket, now: float) -> bool:
        """Whether a request is within the limit; if so, it is counted. RATE-LIMIT."""
        due = bucket.due
        if due < now:
            bucket.due = now + self._interval
            return True
        if due - now > self._ahead:
            return False
        bucket.due = due + self._interval
        return True

    def is_flood(self, bucket: Bucket, now: float) -> bool:
        """Counts a refused request, and tells whether all requests together are over ten times the limit."""
        bucket.refused_due = max(bucket.refused_due, now) + self._refused_interval
        return bucket.refused_due - now > self._refused_ahead


def limiter(limits: Limits) -> Limiter | None:
    """The rate limit, if there is one."""
    return Limiter(limits.rate, limits.burst) if limits.rate else None
