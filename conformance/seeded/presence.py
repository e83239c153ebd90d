"""Who is there: status, those who are told of it, and the end of sessions."""

from __future__ import annotations

from collections.abc import Iterator

import wire
from connection import Connection
from options import fault, reads
from state import AWAY, OFFLINE, ONLINE, State, User

#: A change of status comes from SET_STATUS, from a login, from LOGOUT, or from a connection that is lost.
NOT_TOLD = {"login": "login-is-not-told", "logout": "logout-is-not-told", "lost": "lost-is-not-told"}


def on_status(connection: Connection, fields: wire.Fields) -> None:
    """SET_STATUS."""
    user = connection.acting
    if fault("no-status-is-online") and not fields.left:
        fields = wire.Fields(b"\1")
    if fault("second-status-byte"):
        fields = wire.Fields(fields.payload[-1:])
    status = fields.number(1)
    fields.end()
    if fault("bad-status-is-set"):
        change(connection, user, status)
    if status > AWAY and not fault("any-status"):
        if fault("status-modulo-3"):
            status %= 3
        elif fault("status-signed") and status > 127:
            status = ONLINE
        else:
            raise wire.Malformed
    change(connection, user, status)
    if fault("status-is-answered"):
        connection.send(wire.MESSAGE_ACK, wire.ack(0, 1))


def change(connection: Connection, user: User, status: int) -> None:
    """Set the status that a user asked for."""
    if user.has_set and fault("status-once"):
        return
    user.has_set, user.hides = True, status == OFFLINE
    if status == user.status == AWAY and fault("away-is-a-switch"):
        status = ONLINE
    set_status(connection.state, user, status, "set")
    if fault("status-of-all"):
        for other in connection.state.users.values():
            other.status = status if other.sessions else OFFLINE


def set_status(state: State, user: User, status: int, cause: str) -> None:
    """Set a user's status and tell the others, if it is another one."""
    old, user.status = user.status, status
    if fault("online-after-a-restart"):
        state.record("status", name=user.name.hex(), status=status)
    if status != OFFLINE:
        user.last_status = status
    if old == status or (cause in NOT_TOLD and fault(NOT_TOLD[cause])):
        return
    if cause == "set" and status == OFFLINE and fault("offline-is-not-told"):
        return
    if cause == "set" and status == ONLINE and fault("online-is-not-told"):
        return
    if (cause == "login" and user.logins > 1 and fault("later-logins-are-not-told")) or (
        cause == "set" and old == OFFLINE and fault("shown-again-is-not-told")
    ):
        return
    for count, session in enumerate(audience(state, user)):
        if (count >= 8 and fault("told-to-eight")) or (count >= 32 and fault("told-to-32")):
            break
        told = session.user if session.user and fault("told-the-recipients-name") else user
        asked = user.sessions[0].asked if user.sessions and fault("told-as-asked") else b""
        name = (asked or told.name).lower() if fault("told-in-small-letters") else asked or told.name
        update = wire.status_update(name, old if fault("told-the-old") else status)
        session.send(wire.STATUS_UPDATE, update)
        if cause == "login" and fault("logins-are-told-twice"):
            session.send(wire.STATUS_UPDATE, update)
        if fault("told-twice") if cause == "set" else status == OFFLINE and fault("offline-told-twice"):
            session.send(wire.STATUS_UPDATE, update)


def audience(state: State, user: User) -> Iterator[Connection]:
    """Those who are told of a user's status: all others who are logged in."""
    if fault("never-told"):
        return
    listening = list(state.sessions())
    place = max((session.place for session in user.sessions), default=0)
    if fault("told-to-those-before"):
        listening = [session for session in listening if session.place <= place]
    if fault("told-to-those-after"):
        listening = [session for session in listening if session.place >= place]
    if fault("told-to-all"):
        listening = list(state.connections)
    if fault("told-to-the-challenged"):
        listening += [connection for connection in state.connections if connection.challenge and not connection.user]
    if fault("not-told-to-the-invisible"):
        listening = [session for session in listening if session.user and session.user.status != OFFLINE]
    if fault("not-told-to-the-away"):
        listening = [session for session in listening if session.user and session.user.status != AWAY]
    listening += [connection for connection in state.connections if connection.hears_updates and not connection.user]
    for session in listening:
        if session.user is not user or reads("own-status-update", "told"):
            yield session
            if fault("told-to-one"):
                return


def on_logout(connection: Connection, fields: wire.Fields) -> None:
    """LOGOUT."""
    if not fault("logout-is-not-checked"):
        wire.nothing(fields)
    if (user := connection.user) is not None:
        user.logged_out_at = connection.now
        user.has_ghost = fault("logout-leaves-the-session")
        if fault("user-goes-at-logout"):
            connection.state.remove(user)
        if fault("queue-dropped-at-logout"):
            user.queue.clear()
    if fault("served-after-logout"):
        connection.later(0, connection.close)
        return
    leave(connection, "logout")
    if fault("logout-stays-open"):
        return
    if fault("logout-drops-replies"):
        connection.transport.abort()
    if fault("logout-is-confirmed"):
        connection.send(wire.LOGIN_RESPONSE, b"\0")
    if reads("logout", "error"):
        connection.error(wire.TERMINATED)
    connection.close()


def on_left(connection: Connection) -> None:
    """A connection has ended, or is about to."""
    if (user := connection.user) is not None and connection in user.sessions:
        user.has_ghost = fault("lost-ack-delivered")
    leave(connection, "lost")
    named = connection.state.find(connection.asked)
    if named is not None and fault("whoever-asked-has-left"):
        set_status(connection.state, named, OFFLINE, "lost")
    if connection.home and fault("user-goes-with-the-connection"):
        connection.state.remove(connection.home)
    if not fault("handshakes-leak"):
        connection.state.handshakes.discard(connection)


def leave(connection: Connection, cause: str) -> None:
    """End a session; its user is offline if it was the last one."""
    user, connection.user = connection.user, None
    if user is None:
        return
    if fault("queue-goes-with-the-sender"):
        for other in connection.state.users.values():
            other.queue = [letter for letter in other.queue if letter.sender != user.name]
    if connection not in user.sessions:
        if fault("old-session-takes-the-new"):
            connection.later(0, user.sessions.clear)
        if fault("old-session-takes-offline"):
            connection.later(0, set_status, connection.state, user, OFFLINE, cause)
        return
    user.sessions.remove(connection)
    if (
        user.sessions
        or (cause == "lost" and user.status == AWAY and fault("away-is-never-lost"))
        or (cause == "lost" and fault("lost-stays-listed"))
        or (cause == "logout" and fault("logout-stays-listed"))
    ):
        return
    set_status(connection.state, user, OFFLINE, cause)
