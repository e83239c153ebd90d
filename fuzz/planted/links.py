"""One connection: what came and is not a whole frame yet, what is to be sent, and who it is.

What is sent goes to a buffer, which the loop empties when the socket takes it; nothing here waits.
"""

from __future__ import annotations

from _socket import socket
from typing import TYPE_CHECKING

from choices import limits

if TYPE_CHECKING:
    from people import User

#: A connection with so much to send is read from no further.
FULL = 1 << 20

#: Connections that the loop has to look after, since there is something to send or they are to end.
changed: set[Link] = set()


class Link:
    """A connection.

    Attributes:
        inbox: bytes that came and were not served yet; `skip` is how many of those to come belong to no frame.
        outbox: bytes to send; `late` goes out behind it.
        user: who is logged in.
        asked, challenge: the name and the challenge of a login that has begun.
        over: the connection is to end when the outbox is empty; `ended` when its sending side is shut down.
    """

    def __init__(self, channel: socket, number: int, now: float) -> None:
        self.channel = channel
        self.fd = channel.fileno()
        self.number = number
        self.inbox = bytearray()
        self.skip = 0
        self.outbox = bytearray()
        self.late = bytearray()
        self.user: User | None = None
        self.asked = b""
        self.challenge = b""
        self.over = False
        self.ended_at = 0.0
        self.eof = False
        self.stuck = False
        self.waiting_since = 0.0
        self.events = 0
        self.tokens = limits.burst
        self.refilled = now
        # For the counts alone; `is_step` says that the frame being served is no test:
        self.is_step = False
        self.was_tested = False
        self.was_tested_in = False
        # For the planted bugs alone:
        self.failures = 0
        self.depth = 0
        self.leaves = False
        self.requests = 0
        self.messages = 0

    def say(self, data: bytes) -> None:
        """Send bytes, unless the connection is about to end."""
        if not self.over:
            self.outbox += data
            changed.add(self)

    def end(self, data: bytes = b"") -> None:
        """Send these last bytes, and then end."""
        self.say(data)
        self.over = True
        changed.add(self)

    def reach(self, step: int) -> None:
        """Note that the conversation has come one step deeper, if this is the next one."""
        if self.depth == step - 1:
            self.depth = step

    @property
    def serves(self) -> bool:
        """Whether the next frame of this connection is to be served."""
        return not self.over and not self.stuck and len(self.outbox) < FULL

    def is_within_rate(self, now: float) -> bool:
        """Take the right to one request out of the bucket."""
        if not limits.rate:
            return True
        self.tokens = min(limits.burst, self.tokens + (now - self.refilled) * limits.rate)
        self.refilled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
