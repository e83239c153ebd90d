"""Who is there: sessions that open and end, and SET_STATUS, LIST_USERS and LOGOUT."""

from __future__ import annotations

import wording
from bugs import abort, has, segfault
from choices import point
from links import Link
from people import Directory, User
from relay import hand_over

OFFLINE, ONLINE, AWAY = range(3)


def enter(directory: Directory, link: Link, user: User) -> None:
    """Open a session."""
    if link.user is not None and link.user is not user:
        leave(directory, link)
    if point["second-session"] == "newest":
        for other in [session for session in user.sessions if session is not link]:
            other.user = None
            directory.present.pop(other, None)
            other.end(wording.error(wording.ENDED, b"you have logged in elsewhere"))
        user.sessions.clear()
    if link not in user.sessions:
        user.sessions.append(link)
    link.user = user
    directory.present[link] = user
    set_status(directory, user, ONLINE)
    if point["queued-delivery"] != "poll":
        hand_over(directory, link, user)


def leave(directory: Directory, link: Link) -> None:
    """End the session of a connection, if it has one."""
    user, link.user = link.user, None
    directory.present.pop(link, None)
    if user is None or link not in user.sessions:
        return
    user.sessions.remove(link)
    if not user.sessions:
        set_status(directory, user, OFFLINE)


def set_status(directory: Directory, user: User, status: int) -> None:
    """Change a status and tell the others."""
    if user.status == status:
        return
    user.status = status
    shown = directory.newest if has("status-of-the-newest") and directory.newest is not None else user
    news = wording.status_update(shown.name, status)
    tells_own = point["own-status-update"] == "told"
    for link, other in directory.present.items():
        if other is not user or tells_own:
            link.say(news)


def on_status(directory: Directory, link: Link, payload: bytes) -> None:
    """SET_STATUS."""
    if len(payload) != 1:
        raise wording.Malformed
    status = payload[0]
    if status > 127 and has("status-indexes-table"):
        segfault()
    if status > AWAY and not has("status-not-checked"):
        raise wording.Malformed
    link.reach(4)
    if link.user is not None:
        set_status(directory, link.user, status)


def on_list(directory: Directory, link: Link, payload: bytes) -> None:
    """LIST_USERS."""
    if payload:
        raise wording.Malformed
    reply = wording.user_list([(user.name, user.status) for user in directory.everybody()])
    if len(reply) > 1024 and has("list-overflows"):
        abort("stack smashing detected")
    link.say(reply)


def on_logout(directory: Directory, link: Link, payload: bytes) -> None:
    """LOGOUT."""
    if payload:
        raise wording.Malformed
    if link.user is None and has("logout-of-nobody"):
        segfault()
    if has("served-after-logout"):
        link.leaves = True
        return
    leave(directory, link)
    if point["logout"] == "error":
        link.end(wording.error(wording.ENDED, b"goodbye"))
    else:
        link.end()
