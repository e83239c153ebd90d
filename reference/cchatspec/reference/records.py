"""What the core keeps about users and connections. Plain records; what may be done with them stands in `states`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from cchatspec.reference.effects import QueuedMessage
from cchatspec.reference.limits import Bucket
from cchatspec.reference.states import NEXT, Outcome, State
from cchatspec.spec import CLIENT_PAYLOAD_LIMIT, HEADER_SIZE, Frame, FrameReader, Presence

_LONGEST: Final = HEADER_SIZE + CLIENT_PAYLOAD_LIMIT
_NO_FRAMES: Final[Iterator[Frame]] = iter(())


class Account:
    """A registered user: key, presence, the one session if there is one, and what is queued.

    Attributes:
        queue: what waits for them, once anything ever did.
        kept: how many messages are kept for them, in the queue or on their way out.
        bucket: what they have used of the rate limit, once they have logged in.
    """

    __slots__ = ("bucket", "kept", "key", "name", "presence", "queue", "session")

    def __init__(self, name: bytes, key: bytes) -> None:
        self.name = name
        self.key = key
        self.presence: int = Presence.OFFLINE
        self.session: Connection | None = None
        self.queue: deque[QueuedMessage] | None = None
        self.kept = 0
        self.bucket: Bucket | None = None


class Connection:
    """A connection.

    Attributes:
        account: whose session it is, if it is logged in.
        challenged: whom its challenge is for, if one stands.
        since: when it came, in seconds of the monotonic clock.
        active_at: when it last sent something or was given a message, on the same clock.
        partial_since: since when half a frame has stood, on the same clock.
        bucket: what it has used of the rate limit; that of its user once it is logged in.
        given: queued messages that are on their way out, and may still be lost.
        delivering: whether more of the queue is to be given out before the next request is handled.
        waiting: whether a `Drain` was asked for and has not come.
        finished: whether the peer has ended its sending.
        is_over: whether nothing more is taken from it.
        choked: whether more waits for it than the high-water mark, so that nothing is pushed to it.
        overflowed: whether messages were queued because it was choked, and are to be given to it unasked.
        told: how many changes of status it was told, or need not be.
        missed: by name, the latest changes of status while it was choked.
    """

    __slots__ = (
        "account",
        "active_at",
        "bucket",
        "challenge",
        "challenged",
        "choked",
        "delivering",
        "finished",
        "frames",
        "given",
        "id",
        "inputs",
        "is_over",
        "missed",
        "overflowed",
        "partial_since",
        "reader",
        "since",
        "state",
        "told",
        "waiting",
    )

    def __init__(self, number: int, now: float) -> None:
        self.id = number
        self.state = State.STRANGER
        self.is_over = False
        self.account: Account | None = None
        self.challenged: Account | None = None
        self.challenge = b""
        self.reader = FrameReader(CLIENT_PAYLOAD_LIMIT)
        self.inputs: list[bytes] = []
        self.frames = _NO_FRAMES
        self.partial_since: float | None = None
        self.given: list[QueuedMessage] = []
        self.delivering = False
        self.waiting = False
        self.finished = False
        self.since = self.active_at = now
        self.bucket = Bucket()
        self.choked = False
        self.overflowed = False
        self.told = 0
        self.missed: dict[bytes, bytes] = {}

    def advance(self, outcome: Outcome) -> None:
        """Changes the state by the table."""
        self.state = NEXT[self.state][outcome]
        self.is_over = self.state is State.ENDED

    def is_sole_frame(self, data: bytes) -> bool:
        """Whether the data is one frame and nothing waits before it; this is how most of them come."""
        size = len(data)
        if self.waiting or self.inputs or self.partial_since is not None or not HEADER_SIZE <= size <= _LONGEST:
            return False
        return int.from_bytes(data[:4], "big") == size - HEADER_SIZE

    def next_frame(self) -> Frame | None:
        """The next whole frame of what has come, if there is one.

        Raises:
            FrameTooLong: the next header announces more than the limit.
        """
        frame = next(self.frames, None)
        while frame is None and self.inputs:
            self.frames = self.reader.feed(self.inputs.pop(0))
            frame = next(self.frames, None)
        return frame

    def end(self) -> None:
        """Takes nothing more, and drops what had come."""
        self.advance(Outcome.ENDED)
        self.inputs.clear()
        self.frames = _NO_FRAMES
        self.delivering = False
