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
    error,
    login_accepted,
    no_login,
    one_of,
    register_refused,
    registered,
    turned_away,
)
from cchatspec.conformance.harness.outcomes import Blocked, RateLimited, Reply, unreadable
from cchatspec.conformance.harness.peer import NO_SIGNATURE, Account, Peer
from cchatspec.conformance.harness.reading import Deviation
from cchatspec.conformance.harness.steps import NOT_A_SIGNATURE, entries, flip_bit, listed, up_to_an_ending
from cchatspec.conformance.harness.wirelog import WireLog
from cchatspec.spec import (
    AckStatus,
    ErrorCode,
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    Message,
    Presence,
    PublicKeyResponse,
    RegisterResponse,
    RegisterUser,
    SetStatus,
    StatusUpdate,
    UserListResponse,
    build,
)

if TYPE_CHECKING:
    from cchatspec.conformance.harness.target import Target

#: How many frames that come unasked may stand before the reply to the first request.
_LONGEST_GREETING = 4

#: So many bytes names have on targets that refuse names of 31 bytes; that is room for a number, and for a word on whose it is.
_SHORT_NAME = 15

#: What came, and what is right.
Observed = tuple[object, object]


@dataclass(frozen=True, slots=True)
class Step:
    """A foundation: the one under it, how it is tried, and what cannot be done without it."""

    needs: str | None
    attempt: Callable[[Target, WireLog], Observed]
    lack: str


@dataclass(frozen=True, slots=True)
class Parked:
    """Messages that were queued for a user of whom nothing is heard until late, and when, in seconds of the monotonic clock."""

    recipient: Account
    bodies: list[bytes]
    since: float


@dataclass(frozen=True, slots=True)
class Veteran:
    """A session that was begun early and is not used until late, and since when, in seconds of the monotonic clock."""

    peer: Peer
    since: float


def must_register(peer: Peer) -> Peer:
    """The peer, whose account is registered now.

    Raises:
        Blocked: the target refuses it, though it took another one.
    """
    reply = peer.register()
    if (wrong := unreadable(reply)) is not None:
        raise Blocked(wrong.clause, f"the reply to a registration cannot be read: {wrong.reason}")
    if reply != registered():
        clause = "REG-PORTABLE" if len(peer.name) > peer.manners.name_size else "REG-OK"
        raise Blocked(clause, f"the target has registered others, and refuses '{peer.name.decode()}'")
    peer.leave_registration()
    return peer


def _newcomer(target: Target, log: WireLog, hint: str) -> Peer:
    return must_register(Peer(target, target.new_account(hint), log, hint))


def user(target: Target, log: WireLog, hint: str) -> Peer:
    """A connection that registers a fresh account and logs in."""
    peer = _newcomer(target, log, hint)
    peer.login()
    return peer


def _register(target: Target, log: WireLog) -> Observed:
    peer = Peer(target, target.new_account("resident"), log, "resident")
    start = monotonic()
    reply = peer.register()
    took = monotonic() - start
    if isinstance(reply, Message) and not isinstance(reply, RegisterResponse):
        reply = _behind_a_greeting(target, peer, reply)
    target.manners.settled = True
    if reply == registered():
        target.settle(peer.account, took)
        _find_name_size(target, log)
    peer.close()
    return reply, registered()


def _find_name_size(target: Target, log: WireLog) -> None:
    """Go on with short names if a long one is refused, as REG-PORTABLE says elsewhere."""
    peer = Peer(target, target.new_account("x" * target.manners.name_size), log, "long name")
    if peer.register() == RegisterResponse(0, ANYTHING):
        target.manners.name_size = _SHORT_NAME
    peer.close()


def _behind_a_greeting(target: Target, peer: Peer, first: Reply) -> Reply:
    """The reply to the registration, if what came before it was sent unasked; else what came first.

    It was if in the end there are as many replies to registrations as requests, and the other frames besides.
    """
    requests, replies = 1, [first]
    while len(replies) < _LONGEST_GREETING and isinstance(replies[-1], Message):
        peer.send(RegisterUser(peer.name, peer.account.public_key))
        requests += 1
        replies.append(peer.receive())
        if isinstance(replies[-1], RegisterResponse):
            break
    others = [peer.receive() for _ in range(requests - 1)] if isinstance(replies[-1], RegisterResponse) else []
    if not others or not all(isinstance(reply, RegisterResponse) for reply in others):
        return first
    target.manners.greeting = len(replies) - 1
    return replies[-1]


def _duplicate(target: Target, log: WireLog) -> Observed:
    peer = _newcomer(target, log, "newcomer")
    reply = peer.register()
    peer.close()
    return reply, register_refused(ErrorCode.USER_ALREADY_EXISTS)


def _gate(target: Target, log: WireLog) -> Observed:
    """What a request brings who has not registered, and who has asked for a challenge and not proved it."""
    newcomer = _newcomer(target, log, "newcomer")
    request = GetPublicKey(newcomer.name)
    stranger = Peer(target, target.new_account("stranger"), log, "stranger")
    came = [stranger.request(request)]
    stranger.close()
    if isinstance(newcomer.request(request), PublicKeyResponse) and came == [turned_away()]:
        target.manners.registers_apart = True
        reason = "whoever has registered is served without a login"
        target.note(Deviation("REG-NOLOGIN", reason, build(request)))
    newcomer.close()
    asker = Peer(target, newcomer.account, log, "asker")
    asker.ask()
    came.append(asker.request(request))
    asker.close()
    return came, [turned_away()] * 2


#: What is made of a right signature that proves nothing any more, and the right reply to it; 64 zero bytes may ask anew.
_NO_PROOFS: tuple[tuple[Callable[[bytes], bytes], object], ...] = (
    (lambda right: flip_bit(right, 7), one_of(no_login(), turned_away())),
    (lambda right: flip_bit(right, 300), one_of(no_login(), turned_away())),
    (lambda _: NOT_A_SIGNATURE, one_of(no_login(), turned_away())),
    (lambda _: NO_SIGNATURE, ANYTHING),
)


def _refuse(target: Target, log: WireLog) -> Observed:
    """What comes of proofs that prove nothing and, where others are turned away, of a request after each."""
    gated = target.foundation("AUTH-KEY").holds
    came: list[Reply] = []
    expected: list[object] = []
    for spoil, refusal in _NO_PROOFS:
        peer = _newcomer(target, log, "newcomer")
        came.append(peer.prove(spoil(peer.account.sign(peer.challenge()))))
        expected.append(refusal)
        if gated:
            came.append(peer.request(GetPublicKey(peer.name)))
            expected.append(turned_away())
        peer.close()
    return came, expected


def _together(target: Target, log: WireLog) -> Observed:
    """The replies to two requests in one write, if both are answered when they are sent one after the other."""
    expected = [RegisterResponse(ANYTHING, ANYTHING)] * 2
    peer = _newcomer(target, log, "newcomer")
    try:
        if [peer.register(), peer.register()] != expected:
            return expected, expected
        peer.send_at_once(*[RegisterUser(peer.name, peer.account.public_key)] * 2)
        came = up_to_an_ending(peer, 2)
    except RateLimited:
        return expected, expected
    finally:
        peer.close()
    target.manners.one_at_a_time = came != expected
    return came, expected


def _challenge(target: Target, log: WireLog) -> Observed:
    peer = _newcomer(target, log, "newcomer")
    reply = peer.ask()
    if isinstance(reply, Message) and reply != challenge_given():
        reply = _on_another_connection(target, peer, reply)
    peer.close()
    return reply, challenge_given()


def _on_another_connection(target: Target, peer: Peer, first: Message) -> Reply:
    """The reply to the same request on another connection, if that is a challenge; else what came first.

    From then on, whoever registers goes on over another connection.
    """
    is_in = peer.request(GetPublicKey(peer.name)) == PublicKeyResponse(1, peer.account.public_key)
    peer.reconnect()
    reply = peer.ask()
    if reply != challenge_given():
        return first
    target.manners.registers_apart = True
    clause, how = ("REG-NOLOGIN", "is logged in by it") if is_in else ("LOGIN-CHALLENGE", "gets no challenge")
    target.note(
        Deviation(clause, f"the connection that registers a user {how}; another one gets a challenge", build(first))
    )
    return reply


def _proof(target: Target, log: WireLog) -> Observed:
    peer = _newcomer(target, log, "newcomer")
    reply = peer.login()
    if reply == login_accepted():
        served = peer.request(GetPublicKey(peer.name))
        if served == error(ErrorCode.AUTHENTICATION_FAILED):
            return served, PublicKeyResponse(1, peer.account.public_key)
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
    _look_for_a_second(target, sender, reply, "SEND-ACK", "one message is acknowledged twice")
    sender.close()
    recipient.close()
    return reply, acknowledged(AckStatus.DELIVERED)


def _push(target: Target, log: WireLog) -> Observed:
    sender, recipient = user(target, log, "sender"), user(target, log, "recipient")
    sender.send_message(recipient.name, b"hello")
    reply = recipient.receive()
    _look_for_a_second(target, recipient, reply, "SEND-ONCE", "a message that was sent once is pushed twice")
    recipient.close()
    target.veteran = Veteran(sender, monotonic())
    return reply, IncomingMessage(ANYTHING, ANYTHING, ANYTHING, b"hello")


def _look_for_a_second(target: Target, peer: Peer, first: Reply, clause: str, how: str) -> None:
    """If the same message comes twice, take note of that, and leave each second one out from then on."""
    if isinstance(first, Message) and first in peer.until_fence():
        target.manners.doubled.add(type(first))
        target.note(Deviation(clause, how, build(first)))


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
    park(target, log, sender)
    sender.close()
    absent.close()
    return reply, IncomingMessage(ANYTHING, ANYTHING, ANYTHING, b"later")


def park(target: Target, log: WireLog, sender: Peer) -> Parked:
    """Queue messages for a user who comes late, so that time passes before they are delivered."""
    absent = _newcomer(target, log, "parked")
    absent.close()
    bodies = [b"parked", b"parked too"]
    for body in bodies:
        sender.send_message(absent.name, body)
    target.parked = Parked(absent.account, bodies, monotonic())
    return target.parked


class _ListWith(Matcher):
    """Equal to a USER_LIST_RESPONSE that has this name."""

    def __init__(self, name: bytes) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UserListResponse) and any(user.username == self.name for user in other.users)

    def words(self, parts: list[str]) -> str:
        return f"USER_LIST_RESPONSE with the user '{self.name.decode()}'"


def _list(target: Target, log: WireLog) -> Observed:
    absent, peer = _newcomer(target, log, "absent"), user(target, log, "newcomer")
    reply = peer.request(ListUsers())
    if reply == _ListWith(peer.name) and reply != _ListWith(absent.name):
        target.manners.lists_present_only = True
        reason = (
            f"the list has the user who asks, and lacks '{absent.name.decode()}', who is registered and not logged in"
        )
        target.note(Deviation("LIST-ALL", reason, build(ListUsers())))
    absent.close()
    peer.close()
    return reply, _ListWith(peer.name)


def _list_status(target: Target, log: WireLog) -> Observed:
    absent, peer = _newcomer(target, log, "absent"), user(target, log, "newcomer")
    peer.send(SetStatus(Presence.ONLINE))  # whether the login alone shows is STATUS-LOGIN's question
    came = [listed(peer, peer.name), listed(peer, absent.name)]
    absent.close()
    peer.close()
    return came, [[Presence.ONLINE], [Presence.OFFLINE]]


def _list_fresh(target: Target, log: WireLog) -> Observed:
    peer = user(target, log, "newcomer")
    peer.request(ListUsers())
    later = user(target, log, "later")
    came = entries(peer, later.name)
    peer.close()
    later.close()
    return came, [ANYTHING]


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
    "AUTH-KEY": Step(
        "REG-OK", _gate, "users who are not logged in get the keys of others, so that it can't be seen who is logged in"
    ),
    "FRAME-SEGMENT": Step("REG-OK", _together, "requests that come together are not all answered"),
    "LOGIN-CHALLENGE": Step("REG-OK", _challenge, "no challenge can be had"),
    "LOGIN-REFUSE": Step("LOGIN-CHALLENGE", _refuse, "proofs that prove nothing open sessions"),
    "LOGIN-PROOF": Step("LOGIN-CHALLENGE", _proof, "nobody can log in"),
    "KEY-FOUND": Step(
        "LOGIN-PROOF", _key, "users get no answer about their own key, by which the suite tells that nothing else came"
    ),
    "SEND-ACK": Step("KEY-FOUND", _ack, "no message to a user who is there is acknowledged as delivered"),
    "SEND-PUSH": Step("KEY-FOUND", _push, "no message reaches a user who is there"),
    "QUEUE-ACK": Step("KEY-FOUND", _queue, "no message is queued for an absent user"),
    "QUEUE-DELIVER": Step("QUEUE-ACK", _deliver, "no queued message is delivered"),
    "LIST-ALL": Step("KEY-FOUND", _list, "no list of users can be had"),
    "LIST-FRESH": Step("LIST-ALL", _list_fresh, "the list does not show what has just changed"),
    "LIST-STATUS": Step("LIST-FRESH", _list_status, "the list does not show who is there"),
    "STATUS-TELL": Step("KEY-FOUND", _tell, "no change of status is told to others"),
}
