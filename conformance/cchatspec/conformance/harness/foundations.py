"""The steps that other cases build on, and the order in which they stand on one another.

Each is tried once, with the simplest right request. Where one does not hold, the cases above it are blocked by its clause and not
failed, so that one fault is one finding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from cchatspec.conformance.harness.expect import (
    ANYTHING,
    Matcher,
    acknowledged,
    challenge_given,
    login_accepted,
    register_refused,
    registered,
)
from cchatspec.conformance.harness.outcomes import Reply
from cchatspec.conformance.harness.peer import Peer
from cchatspec.conformance.harness.wirelog import WireLog
from cchatspec.spec import (
    AckStatus,
    ErrorCode,
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    Presence,
    PublicKeyResponse,
    SetStatus,
    StatusUpdate,
    UserListResponse,
)

if TYPE_CHECKING:
    from cchatspec.conformance.harness.target import Target

#: What came, and what is right.
Observed = tuple[object, object]


@dataclass(frozen=True, slots=True)
class Step:
    """A foundation: the one under it, how it is tried, and what cannot be done without it."""

    needs: str | None
    attempt: Callable[[Target, WireLog], Observed]
    lack: str


def _newcomer(target: Target, log: WireLog, hint: str) -> Peer:
    peer = Peer(target, target.new_account(hint), log, hint)
    peer.register()
    return peer


def user(target: Target, log: WireLog, hint: str) -> Peer:
    """A connection that registers a fresh account and logs in."""
    peer = _newcomer(target, log, hint)
    peer.login()
    return peer


def _register(target: Target, log: WireLog) -> Observed:
    peer = Peer(target, target.new_account("resident"), log, "resident")
    start = monotonic()
    reply = peer.register()
    if reply == registered():
        target.settle(peer.account, monotonic() - start)
    peer.close()
    return reply, registered()


def _duplicate(target: Target, log: WireLog) -> Observed:
    peer = _newcomer(target, log, "newcomer")
    reply = peer.register()
    peer.close()
    return reply, register_refused(ErrorCode.USER_ALREADY_EXISTS)


def _challenge(target: Target, log: WireLog) -> Observed:
    peer = _newcomer(target, log, "newcomer")
    reply = peer.ask()
    peer.close()
    return reply, challenge_given()


def _proof(target: Target, log: WireLog) -> Observed:
    peer = _newcomer(target, log, "newcomer")
    reply = peer.login()
    peer.close()
    return reply, login_accepted()


def _key(target: Target, log: WireLog) -> Observed:
    peer = user(target, log, "newcomer")
    reply = peer.request(GetPublicKey(peer.name))
    peer.close()
    return reply, PublicKeyResponse(1, peer.account.public_key)


def _ack(target: Target, log: WireLog) -> Observed:
    sender, recipient = user(target, log, "sender"), user(target, log, "recipient")
    reply = sender.send_message(recipient.name, b"hello")
    sender.close()
    recipient.close()
    return reply, acknowledged(AckStatus.DELIVERED)


def _push(target: Target, log: WireLog) -> Observed:
    sender, recipient = user(target, log, "sender"), user(target, log, "recipient")
    sender.send_message(recipient.name, b"hello")
    reply = recipient.receive()
    sender.close()
    recipient.close()
    return reply, IncomingMessage(ANYTHING, sender.name, ANYTHING, b"hello")


def _queue(target: Target, log: WireLog) -> Observed:
    sender, absent = user(target, log, "sender"), _newcomer(target, log, "absent")
    absent.close()
    reply = sender.send_message(absent.name, b"later")
    sender.close()
    return reply, acknowledged(AckStatus.QUEUED)


def _deliver(target: Target, log: WireLog) -> Observed:
    sender, absent = user(target, log, "sender"), _newcomer(target, log, "absent")
    sender.send_message(absent.name, b"later")
    absent.login()
    absent.send(GetMessages())
    reply: Reply = absent.receive()
    sender.close()
    absent.close()
    return reply, IncomingMessage(ANYTHING, sender.name, ANYTHING, b"later")


class _ListWith(Matcher):
    """Equal to a USER_LIST_RESPONSE that has this name."""

    def __init__(self, name: bytes) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UserListResponse) and any(user.username == self.name for user in other.users)

    def words(self, parts: list[str]) -> str:
        return f"USER_LIST_RESPONSE with the user '{self.name.decode()}'"


def _list(target: Target, log: WireLog) -> Observed:
    peer = user(target, log, "newcomer")
    reply = peer.request(ListUsers())
    peer.close()
    return reply, _ListWith(peer.name)


def _tell(target: Target, log: WireLog) -> Observed:
    watched, watcher = user(target, log, "watched"), user(target, log, "watcher")
    watched.send(SetStatus(Presence.AWAY))
    reply = watcher.await_update(watched.name, Presence.AWAY)
    watched.close()
    watcher.close()
    return reply, StatusUpdate(watched.name, Presence.AWAY)


#: Every foundation by the clause that it shows to hold.
FOUNDATIONS = {
    "REG-OK": Step(None, _register, "no user can be registered"),
    "REG-DUPLICATE": Step("REG-OK", _duplicate, "a name can be registered twice"),
    "LOGIN-CHALLENGE": Step("REG-OK", _challenge, "no challenge can be had"),
    "LOGIN-PROOF": Step("LOGIN-CHALLENGE", _proof, "nobody can log in"),
    "KEY-FOUND": Step(
        "LOGIN-PROOF", _key, "users get no answer about their own key, by which the suite tells that nothing else came"
    ),
    "SEND-ACK": Step("KEY-FOUND", _ack, "no message to a user who is there is acknowledged as delivered"),
    "SEND-PUSH": Step("KEY-FOUND", _push, "no message reaches a user who is there"),
    "QUEUE-ACK": Step("KEY-FOUND", _queue, "no message is queued for an absent user"),
    "QUEUE-DELIVER": Step("QUEUE-ACK", _deliver, "no queued message is delivered"),
    "LIST-ALL": Step("KEY-FOUND", _list, "no list of users can be had"),
    "STATUS-TELL": Step("KEY-FOUND", _tell, "no change of status is told to others"),
}
