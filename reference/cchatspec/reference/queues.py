"""Messages that wait for their recipients: how many are kept, how they are given out, and when they are forgotten.

A message stays in the store until its bytes have left our buffers. So after a crash it may come a second time, with the same id,
and never not at all.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from cchatspec.reference.effects import Level, QueuedMessage, Snapshot
from cchatspec.reference.limits import Limits
from cchatspec.reference.outlet import Outlet
from cchatspec.reference.records import Account, Connection
from cchatspec.spec import AckStatus, IncomingMessage, MessageAck, build

#: What a queued message takes in memory beside its body, in bytes; it is counted with the body.
MESSAGE_COST: Final = 256

_QUEUED: Final = int(AckStatus.QUEUED)


class Queues:
    """The queues of all users.

    Attributes:
        messages: how many messages are kept.
        size: what they take in memory, in bytes.
    """

    def __init__(self, snapshot: Snapshot, accounts: dict[bytes, Account], outlet: Outlet, limits: Limits) -> None:
        self._accounts = accounts
        self._outlet = outlet
        self._limits = limits
        self.messages = self.size = 0
        for message in snapshot.messages:
            self._keep(accounts[message.recipient], message, len(message.body) + MESSAGE_COST)

    def add(self, sender: Connection, recipient: Account, message: QueuedMessage) -> None:
        """Keeps a message, or says that there is no room for it. QUEUE-HONEST."""
        outlet = self._outlet
        size = len(message.body) + MESSAGE_COST
        if recipient.kept >= self._limits.queue_limit or self.size + size > self._limits.queue_total:
            outlet.counts.unqueued += 1
            outlet.note(Level.DEBUG, "queue full", sender, name=recipient.name)
            outlet.send(sender, MessageAck(message.id, AckStatus.FAILED), outlet.ids_stored)
            return
        self._keep(recipient, message, size)
        outlet.counts.queued += 1
        # QUEUE-ACK, QUEUE-RESTART: the promise leaves after the commit.
        outlet.send_frame(sender, build(MessageAck(message.id, _QUEUED)), outlet.add_message(message))

    def give(self, conn: Connection) -> None:
        """Gives a user queued messages until the turn is over; `delivering` then says that there are more."""
        outlet = self._outlet
        queue = conn.account.queue if conn.account else None
        while queue and outlet.room > 0:
            message = queue.popleft()
            conn.given.append(message)
            incoming = IncomingMessage(message.id, message.sender, message.timestamp, message.body)
            outlet.send(conn, incoming, outlet.ids_stored)
        conn.delivering = bool(queue)

    def forget_given(self, conn: Connection) -> None:
        """Forgets messages that have left. QUEUE-ONCE."""
        given, conn.given = conn.given, []
        if not given:
            return
        self._outlet.remove_messages(given)
        self._outlet.counts.given += len(given)
        for message in given:
            self._accounts[message.recipient].kept -= 1
            self.messages -= 1
            self.size -= len(message.body) + MESSAGE_COST

    def take_back_given(self, conn: Connection) -> None:
        """Puts messages that may not have arrived back in front of their queues. QUEUE-HONEST."""
        for message in reversed(conn.given):
            _queue(self._accounts[message.recipient]).appendleft(message)
        conn.given = []

    def _keep(self, recipient: Account, message: QueuedMessage, size: int) -> None:
        _queue(recipient).append(message)
        recipient.kept += 1
        self.messages += 1
        self.size += size


def _queue(account: Account) -> deque[QueuedMessage]:
    """The queue of a user, made when it is needed: most never have one."""
    if account.queue is None:
        account.queue = deque()
    return account.queue
