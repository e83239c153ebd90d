"""What the server does for its users: one function for each request, and what sessions and presence need.

It knows accounts and sessions and says what is sent to whom through the outlet. It does not know how requests come in, nor when
they are legal; that is `core` and `states`. What waits is kept by `queues`, and who hears of whose status is in `presence`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from cchatspec.reference.effects import Level, QueuedMessage, Snapshot
from cchatspec.reference.identity import is_key, is_name, is_proof
from cchatspec.reference.limits import Bucket, Limits
from cchatspec.reference.outlet import Outlet
from cchatspec.reference.presence import Audience
from cchatspec.reference.queues import Queues
from cchatspec.reference.records import Account, Connection
from cchatspec.reference.states import Action, Outcome
from cchatspec.spec import (
    AckStatus,
    ErrorCode,
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    LoginResponse,
    LoginUser,
    Logout,
    MessageAck,
    Presence,
    PublicKeyResponse,
    RegisterResponse,
    RegisterUser,
    SendMessage,
    SetStatus,
    User,
    UserListResponse,
    build,
)

CHALLENGE_BYTES: Final = 32

#: The user count of USER_LIST_RESPONSE has 16 bits, and the list names everybody. LIST-ALL.
USER_LIMIT: Final = 0xFFFF

_REGISTERED: Final = build(RegisterResponse(1))
_DELIVERED: Final = int(AckStatus.DELIVERED)

#: What the success after a proof carries, and means nothing.
_NO_CHALLENGE: Final = bytes(CHALLENGE_BYTES)
_LAST_TIMESTAMP: Final = 0xFFFF_FFFF

Handler = Callable[[Connection, Any, float], None]


class Service:
    """Users and sessions. Every handler takes a connection, its request and the time in Unix seconds.

    Attributes:
        accounts: the registered users by name.
        audience: the sessions, and what they are told of others.
        queues: what waits for users.
        handlers: what does each action.
    """

    def __init__(self, snapshot: Snapshot, entropy: Callable[[int], bytes], outlet: Outlet, limits: Limits) -> None:
        self._entropy = entropy
        self._outlet = outlet
        self.accounts = self._accounts = {name: Account(name, key) for name, key in snapshot.users}
        self.queues = Queues(snapshot, self._accounts, outlet, limits)
        self.audience = Audience(outlet)
        self._user_list: bytes | None = None
        self.handlers: Mapping[Action, Handler] = {
            Action.REGISTER: self._register,
            Action.CHALLENGE: self._challenge,
            Action.CHECK_PROOF: self._check_proof,
            Action.GIVE_KEY: self._give_key,
            Action.RELAY: self._relay,
            Action.DELIVER: self._deliver,
            Action.SET_STATUS: self._set_status,
            Action.LIST_USERS: self._list_users,
            Action.LOG_OUT: self._log_out,
        }

    @property
    def users(self) -> int:
        """How many users are registered."""
        return len(self._accounts)

    # Registration and login

    def _register(self, conn: Connection, request: RegisterUser, now: float) -> None:
        refusal = self._refusal(request)
        if refusal is not None:
            self._outlet.send(conn, RegisterResponse(0, refusal))
            return
        name, key = request.username, request.public_key
        self._accounts[name] = Account(name, key)
        self._user_list = None
        # REG-RESTART: the promise leaves after the commit.
        self._outlet.send_frame(conn, _REGISTERED, self._outlet.add_user(name, key))
        self._outlet.note(Level.DEBUG, "registered", conn, name=name)

    def _refusal(self, request: RegisterUser) -> ErrorCode | None:
        if not is_name(request.username):
            # REG-EMPTY, open point bad-name
            return ErrorCode.INVALID_USERNAME
        if request.username in self._accounts:
            # REG-DUPLICATE
            return ErrorCode.USER_ALREADY_EXISTS
        if not is_key(request.public_key):
            # LOGIN-STRICT
            return ErrorCode.INVALID_MESSAGE_FORMAT
        if len(self._accounts) >= USER_LIMIT:
            return ErrorCode.SERVER_ERROR
        return None

    def _challenge(self, conn: Connection, request: LoginUser, now: float) -> None:
        account = self._accounts.get(request.username)
        if account is None:
            # LOGIN-UNKNOWN, open point unknown-login
            self._outlet.send(conn, LoginResponse(0))
            return
        # LOGIN-CHALLENGE, LOGIN-FRESH, LOGIN-BOUND
        conn.challenged, conn.challenge = account, self._entropy(CHALLENGE_BYTES)
        conn.advance(Outcome.CHALLENGED)
        self._outlet.send(conn, LoginResponse(1, conn.challenge))

    def _check_proof(self, conn: Connection, request: LoginUser, now: float) -> None:
        account, challenge = conn.challenged, conn.challenge
        # LOGIN-BURN: right or wrong, the challenge is gone. Open point second-ask: whatever comes now is a proof.
        conn.challenged, conn.challenge = None, b""
        # LOGIN-OWNKEY
        is_own = account is not None and account.name == request.username
        if account is None or not is_own or not is_proof(account.key, challenge, request.signature):
            # LOGIN-REFUSE, LOGIN-CLEAN
            conn.advance(Outcome.REFUSED)
            self._outlet.counts.refused_logins += 1
            self._outlet.note(Level.DEBUG, "proof refused", conn, name=request.username)
            self._outlet.send(conn, LoginResponse(0))
            return
        # LOGIN-PROOF
        conn.advance(Outcome.PROVED)
        self._outlet.send(conn, LoginResponse(1, _NO_CHALLENGE))
        self._begin_session(conn, account)

    # What needs a login

    def _give_key(self, conn: Connection, request: GetPublicKey, now: float) -> None:
        # KEY-FOUND, KEY-MISSING, KEY-EXACT
        account = self._accounts.get(request.username)
        self._outlet.send(conn, PublicKeyResponse(1, account.key) if account else PublicKeyResponse(0))

    def _relay(self, conn: Connection, request: SendMessage, now: float) -> None:
        outlet = self._outlet
        recipient = self._accounts.get(request.recipient)
        if recipient is None:
            # SEND-NOBODY, open point unknown-recipient
            outlet.error(conn, ErrorCode.USER_NOT_FOUND, "nobody has registered the name of the recipient")
            return
        number = outlet.new_id()
        if number is None:
            outlet.error(conn, ErrorCode.SERVER_ERROR, "all message ids have been given out")
            return
        # SEND-SENDER, SEND-TIME
        sender = conn.account.name if conn.account else b""
        timestamp = int(now) & _LAST_TIMESTAMP
        body = request.encrypted_message
        session = recipient.session
        if session is None or session.delivering or session.choked:
            # SEND-ORDER: what is sent while the queue is given out goes to its end. ROBUST-SLOWREADER
            if session is not None and session.choked:
                session.overflowed = True
            self.queues.add(conn, recipient, QueuedMessage(number, sender, recipient.name, timestamp, body))
            return
        if self.audience.changes:
            self.audience.catch_up(session)
        session.active_at = conn.active_at
        outlet.counts.pushed += 1
        # SEND-PUSH, SEND-ACK, SEND-ID; open point invisible: the status does not matter.
        stored = outlet.ids_stored
        outlet.send_frame(session, build(IncomingMessage(number, sender, timestamp, body)), stored)
        outlet.send_frame(conn, build(MessageAck(number, _DELIVERED)), stored)

    def _deliver(self, conn: Connection, request: GetMessages, now: float) -> None:
        # QUEUE-DELIVER, QUEUE-EMPTY; open points queued-delivery and empty-poll
        self.queues.give(conn)

    def _set_status(self, conn: Connection, request: SetStatus, now: float) -> None:
        # STATUS-SET
        if conn.account is not None:
            self._show(conn.account, request.status)

    def _list_users(self, conn: Connection, request: ListUsers, now: float) -> None:
        # LIST-ALL, LIST-COUNT, LIST-STATUS, LIST-FRESH
        if self._user_list is None:
            users = tuple(User(account.name, account.presence) for account in self._accounts.values())
            self._user_list = build(UserListResponse(users))
        self._outlet.send_frame(conn, self._user_list)

    def _log_out(self, conn: Connection, request: Logout, now: float) -> None:
        # LOGOUT-CLOSE, LOGOUT-END, STATUS-LOGOUT; open point logout
        self.close(conn)

    # Sessions and presence

    def relieve(self, conn: Connection) -> None:
        """Goes on with a peer that reads again: it is told what it has missed, and given what was queued meanwhile."""
        conn.choked = False
        self.audience.tell_missed(conn)
        if conn.overflowed:
            # SEND-ORDER: what is pushed from now on must not overtake these. Open point queued-delivery
            conn.overflowed = False
            conn.delivering = True

    def drop(self, conn: Connection, code: ErrorCode, reason: str, detail: str) -> None:
        """Ends a connection that does what it should not, with an ERROR; the reason is for metrics and logs."""
        self._outlet.counts.drop(reason)
        self._outlet.note(Level.INFO, "dropped", conn, reason)
        self.dismiss(conn, code, detail)

    def dismiss(self, conn: Connection, code: ErrorCode, detail: str) -> None:
        """Ends a connection with an ERROR."""
        self._outlet.error(conn, code, detail)
        self.close(conn)

    def close(self, conn: Connection) -> None:
        """Ends a connection, and closes it behind what was sent to it."""
        self.end(conn)
        self._outlet.close(conn)

    def end(self, conn: Connection) -> None:
        """Takes nothing more from a connection; its user is offline. STATUS-LOGOUT, STATUS-LOST."""
        if not conn.is_over:
            conn.end()
            self._leave(conn)

    def end_all(self, conns: list[Connection], detail: str) -> None:
        """Ends connections with ERROR 08, and tells nobody about the others."""
        self.audience.sessions.clear()
        for conn in conns:
            self.dismiss(conn, ErrorCode.CONNECTION_TERMINATED, detail)

    def _begin_session(self, conn: Connection, account: Account) -> None:
        if account.session is not conn:
            self._leave(conn)
            self._replace(account)
            conn.account, account.session = account, conn
            if account.bucket is None:
                account.bucket = Bucket()
            account.bucket.merge(conn.bucket)
            conn.bucket = account.bucket
            self.audience.join(conn)
        self._outlet.counts.logins += 1
        self._outlet.note(Level.DEBUG, "logged in", conn)
        # STATUS-LOGIN
        self._show(account, Presence.ONLINE)

    def _replace(self, account: Account) -> None:
        """Ends the session that the user has elsewhere, unseen by others. LOGIN-STATUS, open point second-session."""
        old = account.session
        if old is None:
            return
        account.session = old.account = None
        self.audience.leave(old)
        self.dismiss(old, ErrorCode.CONNECTION_TERMINATED, "this user has logged in on another connection")

    def _leave(self, conn: Connection) -> None:
        account = conn.account
        if account is None:
            return
        self._outlet.note(Level.DEBUG, "session ended", conn)
        conn.account = account.session = None
        self.audience.leave(conn)
        self._show(account, Presence.OFFLINE)

    def _show(self, account: Account, presence: int) -> None:
        if self.audience.show(account, presence):
            self._user_list = None
