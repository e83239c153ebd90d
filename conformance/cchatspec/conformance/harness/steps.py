"""Steps that more than one case takes: chains of requests with one result, and what is picked out of replies."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence

from nacl.signing import SigningKey

from cchatspec.conformance.harness.expect import is_refusal, login_accepted, near, registered
from cchatspec.conformance.harness.outcomes import Blocked, Ending, NotApplicable, Reply, Unreadable
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.reading import Deviation
from cchatspec.spec import (
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    LoginResponse,
    Message,
    MessageAck,
    MessageType,
    Presence,
    PublicKeyResponse,
    RegisterUser,
    SendMessage,
    UserListResponse,
    build,
)

#: The order of the group that Ed25519 signatures count in.
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493

#: So many challenges are asked for until a signature can be forged for one.
_FORGERIES = 16

#: As many bytes as a signature has, which are none of any key.
NOT_A_SIGNATURE = b"\x5a" * 64

#: How far the target's clock may be off, in seconds.
CLOCK_TOLERANCE_S = 60

#: A body of this many bytes is no large one on any target.
_SURELY_TAKEN = 1024

#: Bodies of up to so many bytes are refused on no target for their size: a box of one byte takes as many.
_ALWAYS_TAKEN = 64

#: A target that still brings new messages after so many polls makes them up.
_MOST_POLLS = 2000


def cut(message: Message, count: int) -> bytes:
    """The payload of a message without its last `count` bytes."""
    return build(message)[5:][:-count]


def strictly(peer: Peer) -> Peer:
    """The peer, which from now on takes no lenient reading."""
    peer.lenient = False
    return peer


def of_type(reply: Reply, kind: type[Message], clause: str) -> Reply:
    """A reply whose layout can be judged: a message of this type, or something unreadable.

    Raises:
        Blocked: nothing of the kind came, which is the question of another clause.
    """
    if isinstance(reply, kind | Unreadable):
        return reply
    raise Blocked(clause, f"the target sent no {MessageType(kind.type).name} where one belongs")


def picked(replies: list[Reply], kind: type[Message]) -> list[Reply]:
    """The replies of one type, and whatever is no message."""
    return [reply for reply in replies if isinstance(reply, kind) or not isinstance(reply, Message)]


def name_of_nobody(name: bytes) -> bytes:
    """A name of the same length as a user's, which nobody has registered."""
    return (b"y" if name.startswith(b"x") else b"x") + name[1:]


def poll(peer: Peer) -> list[Reply]:
    """All messages that a logged-in user gets when they poll, in order, with those that came at login."""
    peer.send(GetMessages())
    return picked(peer.until_fence(), IncomingMessage)


def poll_to_the_end(peer: Peer) -> list[Reply]:
    """All messages that a logged-in user gets in polls, up to the first that brings no new one."""
    found: list[Reply] = []
    for _ in range(_MOST_POLLS):
        came = poll(peer)
        if set(ids(came)) <= set(ids(found)):
            break
        found += came
    return found


def messages(peer: Peer, count: int = 1) -> list[Reply]:
    """The messages that come: so many replies are waited for, since nothing says how soon, and then all up to a fence."""
    return picked([*up_to_an_ending(peer, count), *peer.until_fence()], IncomingMessage)


def bodies(replies: list[Reply]) -> list[object]:
    """The bodies of messages; what is no message stays as it is."""
    return [reply.encrypted_message if isinstance(reply, IncomingMessage) else reply for reply in replies]


def ids(replies: Sequence[Reply]) -> list[object]:
    """The message ids of acknowledgements and messages; what is neither stays as it is."""
    return [reply.message_id if isinstance(reply, MessageAck | IncomingMessage) else reply for reply in replies]


def entries(peer: Peer, name: bytes) -> list[object]:
    """The statuses under which a name stands in the list of users: one, if all is right."""
    reply = peer.request(ListUsers())
    if not isinstance(reply, UserListResponse):
        return [reply]
    return [user.status for user in reply.users if user.username == name]


def listed(peer: Peer, name: bytes) -> list[object]:
    """The statuses under which a registered name stands in the list of users.

    Where lists have present users alone, the others are offline.

    Raises:
        Blocked: the name is missing, which is LIST-ALL's finding.
    """
    statuses = entries(peer, name)
    if statuses:
        return statuses
    if peer.manners.lists_present_only:
        return [Presence.OFFLINE]
    reason = f"the list lacks '{name.decode()}', who is registered"
    peer.note(Deviation("LIST-ALL", reason, b""))
    raise Blocked("LIST-ALL", reason)


def ask_again(peer: Peer, earlier: bytes) -> Reply:
    """The reply to another request for a challenge, after one that brought this challenge.

    Raises:
        Blocked: it is the same challenge, which is LOGIN-FRESH's question.
    """
    reply = peer.ask()
    if isinstance(reply, LoginResponse) and reply.challenge == earlier:
        raise Blocked("LOGIN-FRESH", "the target gave the same challenge twice")
    return reply


def new_challenge(peer: Peer, earlier: bytes) -> bytes:
    """A challenge that is another than the earlier one.

    Raises:
        Blocked: it is the same, which is LOGIN-FRESH's question, or none came.
    """
    reply = ask_again(peer, earlier)
    if not isinstance(reply, LoginResponse) or not reply.challenge:
        raise Blocked("LOGIN-CHALLENGE", "the target gave no challenge")
    return reply.challenge


def deliver(sender: Peer, recipient: Peer, body: bytes) -> Reply:
    """Send a message and give back what reaches the recipient, or the refusal of a body that is not refused for its size.

    Raises:
        NotApplicable: the target refuses bodies of this size.
        Blocked: it refuses them without a word, which is FRAME-LARGE's question.
    """
    reply = sender.send_message(recipient.name, body)
    if is_refusal(reply) and 0 < len(body) <= _ALWAYS_TAKEN:
        return reply
    if is_refusal(reply):
        raise NotApplicable(f"the target takes no body of {len(body)} bytes")
    if isinstance(reply, Ending) and len(body) > _SURELY_TAKEN:
        raise Blocked("FRAME-LARGE", f"a body of {len(body)} bytes brings no reply: {reply.value}")
    return recipient.receive()


def deliver_right(sender: Peer, recipient: Peer, body: bytes) -> None:
    """Send a message to a user who is there, which must arrive with its sender, the time and its body.

    Raises:
        NotApplicable: the target refuses bodies of this size.
        Blocked: something is wrong with it even when it is pushed, which is for the clauses about that to say.
    """
    sent = time.time()
    reply = deliver(sender, recipient, body)
    if not isinstance(reply, IncomingMessage):
        raise Blocked("SEND-PUSH", f"a body of {len(body)} bytes does not arrive even when it is pushed")
    if reply.encrypted_message != body:
        raise Blocked("SEND-BODY", f"a body of {len(body)} bytes does not arrive whole even when it is pushed")
    if reply.sender != sender.name:
        raise Blocked("SEND-SENDER", "the sender is wrong even when a message is pushed")
    if reply.timestamp != near(sent, CLOCK_TOLERANCE_S):
        raise Blocked("SEND-TIME", "the time is wrong even when a message is pushed")


def starts(replies: list[Reply]) -> list[object]:
    """The first two bytes of bodies; what is no message stays as it is."""
    return [body[:2] if isinstance(body, bytes) else body for body in bodies(replies)]


def send_all(sender: Peer, recipient: bytes, bodies: list[bytes]) -> list[Reply]:
    """Send messages in one write and give back their acknowledgements, or those up to the first that does not come."""
    sender.send(*(SendMessage(recipient, body) for body in bodies))
    return up_to_an_ending(sender, len(bodies))


def up_to_an_ending(peer: Peer, count: int) -> list[Reply]:
    """So many replies, or those up to the first that does not come."""
    came: list[Reply] = []
    while len(came) < count and not (came and isinstance(came[-1], Ending)):
        came.append(peer.receive())
    return came


def burst(peer: Peer, count: int) -> list[Reply]:
    """The replies to so many requests in one write, of which each is answered, or those up to the end of the connection."""
    peer.expects_limit = True
    peer.send(*[GetPublicKey(peer.name)] * count)
    return up_to_an_ending(peer, count)


def enter(peer: Peer) -> list[Reply]:
    """The replies to a registration, a login and a request."""
    first = peer.register()
    peer.leave_registration()
    return [first, peer.ask_and_prove(), peer.request(GetPublicKey(peer.name))]


def entered(peer: Peer) -> list[Reply]:
    """What `enter` brings where nothing is wrong."""
    return [registered(), login_accepted(), PublicKeyResponse(1, peer.account.public_key)]


def let_in(peer: Peer, otherwise: str) -> Peer:
    """The peer, which is registered and logged in now.

    Raises:
        NotApplicable: the target does not register it, which means what `otherwise` says.
    """
    if peer.register() != registered():
        raise NotApplicable(otherwise)
    peer.leave_registration()
    peer.login()
    return peer


def second_session(first: Peer, second: Peer) -> Peer:
    """Log in on `second` as the user of `first`.

    Raises:
        NotApplicable: the target refuses second sessions.
    """
    second.account = first.account
    second.ask_and_prove()
    if not second.logged_in:
        raise NotApplicable("the target refuses a second session of a user")
    return second


def fail_login(peer: Peer) -> Reply:
    """Ask for a challenge and prove nothing: the reply to 64 bytes that are no signature.

    Raises:
        Blocked: no challenge came.
    """
    peer.challenge()
    return peer.prove(NOT_A_SIGNATURE)


def forged_login(peer: Peer, key: bytes, forge: Callable[[bytes], bytes | None]) -> Reply:
    """Register a key and log in with a signature that nobody made: the refusal of either, or the success of the login.

    Args:
        peer: who tries it.
        key: the 32 bytes that are registered.
        forge: gives a signature for a challenge; None if there is none, and another challenge is asked for.

    Raises:
        NotApplicable: there is a signature for none of the challenges.
    """
    reply = peer.request(RegisterUser(peer.name, key))
    if reply != registered():
        return reply
    peer.leave_registration()
    for _ in range(_FORGERIES):
        reply = peer.ask()
        if not isinstance(reply, LoginResponse) or not reply.challenge:
            return reply
        if (signature := forge(reply.challenge)) is not None:
            return peer.prove(signature)
        peer.prove(secrets.token_bytes(64))
    raise NotApplicable(f"no signature fits one of {_FORGERIES} challenges")


def add_group_order(signature: bytes) -> bytes:
    """The same signature with a scalar that is not reduced: S + L in place of S."""
    scalar = int.from_bytes(signature[32:], "little") + ED25519_ORDER
    return signature[:32] + scalar.to_bytes(32, "little")


def flip_bit(data: bytes, bit: int) -> bytes:
    """The data with one bit changed; bit 0 is the lowest of the first byte."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)


def account_with_key(account: Account, index: int, value: int) -> Account:
    """The account with a real key pair whose public key has this byte at this index."""
    while bytes((key := SigningKey.generate()).verify_key)[index] != value:
        pass
    return Account(account.name, key)


def is_closed(replies: list[Reply]) -> bool:
    """Whether replies end with the end of the connection, clean or not."""
    return bool(replies) and replies[-1] in (Ending.FIN, Ending.RST)
