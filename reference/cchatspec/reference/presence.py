"""Who is told whose status: sessions, and the changes that they have not heard of yet.

Changes are not sent one by one. They are collected until the turn's end, when the shell has handed in all that had come, and
then everybody gets theirs in one piece: a burst of N logins costs N writes and not N times N. Nobody notices the delay, since a
session catches up before it is sent anything else. A peer that does not read is told the latest status of each user, once it
reads again.
"""

from __future__ import annotations

from cchatspec.reference.outlet import Outlet
from cchatspec.reference.records import Account, Connection
from cchatspec.spec import StatusUpdate, build


class Audience:
    """The sessions, and what they are told. STATUS-TELL, STATUS-AUDIENCE.

    Attributes:
        sessions: the connections that are logged in, by number.
        changes: what has changed in this turn, in order: whose status, and the STATUS_UPDATE.
    """

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self.sessions: dict[int, Connection] = {}
        self.changes: list[tuple[Account, bytes]] = []
        self._changes_before = 0

    def join(self, conn: Connection) -> None:
        """Takes a session, which is told of all that changes from now on."""
        conn.told = self._changes_before + len(self.changes)
        self.sessions[conn.id] = conn

    def leave(self, conn: Connection) -> None:
        """Takes the end of a session, which is told nothing more."""
        self.sessions.pop(conn.id, None)

    def show(self, account: Account, presence: int) -> bool:
        """Changes what others see of a user; tells whether it is a change."""
        if account.presence == presence:
            return False
        account.presence = presence
        if not self.changes:
            self._outlet.end_turn()
        self.changes.append((account, build(StatusUpdate(account.name, presence))))
        return True

    def catch_up(self, conn: Connection) -> None:
        """Tells a session what it has not heard of; its own changes are not told (open point own-status-update)."""
        since = max(conn.told - self._changes_before, 0)
        conn.told = self._changes_before + len(self.changes)
        unheard = [change for change in self.changes[since:] if change[0] is not conn.account]
        if conn.choked:
            conn.missed.update((account.name, update) for account, update in unheard)
        elif unheard:
            self._outlet.send_frame(conn, b"".join([update for _, update in unheard]))

    def tell(self) -> None:
        """Tells everybody, at the end of a turn."""
        if not self.changes:
            return
        before = self._changes_before
        updates = b"".join([update for _, update in self.changes])
        changed = {account for account, _ in self.changes}
        for conn in self.sessions.values():
            if conn.told > before or conn.choked or conn.account in changed:
                self.catch_up(conn)
            else:
                self._outlet.send_frame(conn, updates)
        self._changes_before += len(self.changes)
        self.changes = []

    def tell_missed(self, conn: Connection) -> None:
        """Tells a peer that reads again the latest status of each user that has changed."""
        if conn.missed:
            self._outlet.send_frame(conn, b"".join(conn.missed.values()))
            conn.missed = {}
