"""ROBUST: what a server stands. A pair of bystanders must not notice anything."""

from __future__ import annotations

from time import monotonic

import pytest

from cchatspec.conformance.fixtures import Connect, Login
from cchatspec.conformance.harness.expect import (
    ANYTHING,
    IN_STEP,
    acknowledged,
    error,
    login_accepted,
    one_of,
    registered,
)
from cchatspec.conformance.harness.launch import USUAL_OPEN_FILES
from cchatspec.conformance.harness.outcomes import Blocked, Ending, NotApplicable, RateLimited, Reply, Unreadable
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import deliver, ids, picked, up_to_an_ending
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause
from cchatspec.spec import (
    AckStatus,
    ErrorCode,
    IncomingMessage,
    ListUsers,
    Logout,
    RegisterResponse,
    RegisterUser,
    SendMessage,
    UserListResponse,
    build,
    frame_bytes,
)

STILL_HERE = IncomingMessage(ANYTHING, ANYTHING, ANYTHING, b"still here")

#: Enough bytes to fill the buffers of a connection that nobody reads, and the sizes of bodies to send them in.
UNREAD = 5_200_000
SIZES = (65_000, 2_000, 1_000)

#: No more lists than this are asked for, however short they are.
MOST_LISTS = 2_000

#: So often a newcomer tries to get in, where the target may have a limit on connections.
_TRIES = 20


@pytest.fixture
def slow_reader(login: Login) -> Peer:
    """A logged-in user with a small window who reads nothing from now on."""
    peer = login(who="slow_reader")
    peer.read_slowly()
    return peer


@pytest.fixture
def flood(login: Login, slow_reader: Peer) -> list[SendMessage]:
    """Messages to the slow reader that fill the buffers of its connection."""
    return filling(login, slow_reader)


def filling(login: Login, recipient: Peer) -> list[SendMessage]:
    """Messages to a user that fill the buffers of a connection, as large as the target takes them.

    Raises:
        NotApplicable: it takes small ones alone.
    """
    for size in SIZES:
        message = SendMessage(recipient.name, bytes(size))
        if login(who="prober").request(message) == one_of(acknowledged(1), acknowledged(2)):
            return [message] * (UNREAD // size)
    raise NotApplicable(f"the target takes no body of {SIZES[-1]} bytes, and smaller ones would not fill the buffers")


@clause("ROBUST-ABORT")
@pytest.mark.parametrize("size", [0, 1, 4, 5, 6, 20])
def test_reset_in_a_frame(sending: None, alice: Peer, bob: Peer, connect: Connect, size: int) -> None:
    """A reset after so many bytes of a frame disturbs nobody"""
    broken = connect(who="broken")
    broken.send_bytes(build(RegisterUser(broken.name, broken.account.public_key))[:size])
    broken.reset()
    connect(who="later").register()

    assert deliver(alice, bob, b"still here") == STILL_HERE


@clause("ROBUST-ABORT")
def test_reset_of_a_session(sending: None, alice: Peer, bob: Peer, carol: Peer, connect: Connect) -> None:
    """The reset of a session disturbs no other"""
    carol.reset()
    connect(who="later").register()

    assert deliver(alice, bob, b"still here") == STILL_HERE


@clause("ROBUST-ABORT")
def test_reset_while_replies_are_on_their_way(
    sending: None, listing: None, alice: Peer, bob: Peer, carol: Peer
) -> None:
    """A client that asks for fifty lists and resets the connection before it has read one disturbs nobody"""
    carol.send(*[ListUsers()] * 50)
    carol.reset()

    assert deliver(alice, bob, b"still here") == STILL_HERE


@clause("ROBUST-ALIVE")
@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.0\r\n\r\n", bytes(64), b"\xff" * 64, frame_bytes(0, b"", 2**31)],
    ids=["http", "zeros", "ones", "sign-bit"],
)
def test_garbage(sending: None, alice: Peer, bob: Peer, connect: Connect, data: bytes) -> None:
    """Bytes of another protocol disturb nobody"""
    connect(who="garbage").send_bytes(data)

    assert deliver(alice, bob, b"still here") == STILL_HERE


@clause("ROBUST-SLOWREADER")
def test_sender(sending: None, flood: list[SendMessage], alice: Peer) -> None:
    """A user who writes to one who does not read still gets answers"""
    alice.send(*flood)

    assert replies_to_a_flood(alice) == IN_STEP


@clause("ROBUST-SLOWREADER")
def test_bystanders(sending: None, flood: list[SendMessage], alice: Peer, bob: Peer, carol: Peer) -> None:
    """While one user does not read what another writes, two others can write to each other"""
    carol.send(*flood)
    replies_to_a_flood(carol)

    assert deliver(alice, bob, b"still here") == STILL_HERE


@pytest.fixture
def read_at_last(sending: None, alice: Peer, login: Login) -> tuple[list[Reply], list[Reply]]:
    """The acknowledgements of a flood, and what its recipient reads only then: up to the reply to a request, all, or the end."""
    reader = login(who="late_reader")
    reader.may_be_cut = True
    alice.send(*filling(login, reader))
    acknowledgements, came = replies_to_a_flood(alice), reader.until_fence()
    # Nothing says that messages leave before the replies to later requests do.
    later = up_to_an_ending(reader, len(lost(acknowledgements, came)))
    return acknowledgements, [*came, *(reply for reply in later if reply is not Ending.DEADLINE)]


def unreadable(replies: list[Reply]) -> list[Reply]:
    """Those that are no frames."""
    return [reply for reply in replies if isinstance(reply, Unreadable)]


def lost(acknowledgements: list[Reply], came: list[Reply]) -> set[object]:
    """The ids of messages that were acknowledged as delivered and did not come, unless the connection has ended."""
    delivered = [reply for reply in acknowledgements if reply == acknowledged(AckStatus.DELIVERED)]
    has_ended = bool(came) and isinstance(came[-1], Ending)
    return set() if has_ended else set(ids(delivered)) - set(ids(picked(came, IncomingMessage)))


@clause("FRAME-ATOMIC")
def test_read_at_last(read_at_last: tuple[list[Reply], list[Reply]]) -> None:
    """A user who reads nothing for a while and then goes on reads whole frames, to the end of the connection at most"""
    _, came = read_at_last

    assert unreadable(came) == []


@clause("SEND-PUSH")
def test_what_was_acknowledged_comes_late(read_at_last: tuple[list[Reply], list[Reply]]) -> None:
    """What was acknowledged as delivered to a user who does not read reaches them later, unless their connection has ended"""
    acknowledgements, came = read_at_last

    assert lost(acknowledgements, came) == set()


@pytest.fixture
def unread_lists(target: Target, listing: None, carol: Peer) -> list[ListUsers]:
    """Requests for lists that fill the buffers of a connection.

    The deadline leaves the target the time in which it serves them to a user who reads.
    """
    requests = [ListUsers()] * min(UNREAD // list_size(carol), MOST_LISTS)
    carol.expects_limit = True
    begun = monotonic()
    carol.send(*requests)
    next((None for _ in requests if not isinstance(carol.receive(), UserListResponse)), None)
    target.allow(4 * (monotonic() - begun))
    return requests


@clause("ROBUST-SLOWREADER")
def test_unread_lists(sending: None, unread_lists: list[ListUsers], slow_reader: Peer, alice: Peer, bob: Peer) -> None:
    """A user who asks for lists and reads none disturbs nobody"""
    slow_reader.send(*unread_lists)

    assert [deliver(alice, bob, b"still here") for _ in range(20)] == [STILL_HERE] * 20


def list_size(peer: Peer) -> int:
    """How many bytes the list of users has.

    Raises:
        Blocked: none came.
    """
    reply = peer.request(ListUsers())
    if not isinstance(reply, UserListResponse):
        raise Blocked("LIST-ALL", "the target sent no USER_LIST_RESPONSE where one belongs")
    return len(build(reply))


def replies_to_a_flood(peer: Peer) -> list[Reply]:
    """All replies up to a fence.

    Raises:
        NotApplicable: the target's rate limit ended the flood.
    """
    try:
        return peer.until_fence()
    except RateLimited:
        raise NotApplicable("the target's rate limit ends the flood before the buffers are full") from None


SERVED = one_of(RegisterResponse(1), RegisterResponse(0, ANYTHING))

#: How a target says that there are enough connections: how many those are is an open point.
TURNED_AWAY = (
    error(ErrorCode.SERVER_ERROR),
    error(ErrorCode.CONNECTION_TERMINATED),
    Ending.FIN,
    Ending.RST,
    Ending.REFUSED,
)


def crowd(connect: Connect, account: Account, count: int) -> tuple[list[Peer], list[Reply]]:
    """So many connections, and the reply to a request on each; it ends early with one that is refused.

    Behind the first that gets no reply, the last alone asks: a deadline for each would take too long.
    """
    peers: list[Peer] = []
    replies: list[Reply] = []
    while len(peers) < count and not (replies and replies[-1] == Ending.REFUSED):
        try:
            peers.append(connect(account))
            if Ending.DEADLINE not in replies or len(peers) == count:
                replies.append(peers[-1].register())
        except Blocked:
            replies.append(Ending.REFUSED)
    return peers, replies


@clause("ROBUST-CROWD")
def test_idle_connections(sending: None, visitor: Peer, alice: Peer, bob: Peer, connect: Connect) -> None:
    """While a hundred and fifty connections stand idle, users write to each other"""
    crowd(connect, visitor.account, 150)

    assert deliver(alice, bob, b"still here") == STILL_HERE


@clause("ROBUST-CROWD")
def test_each_is_served(visitor: Peer, connect: Connect) -> None:
    """Of a hundred connections that stand at once each is answered, or turned away, and those that were answered stay so"""
    peers, replies = crowd(connect, visitor.account, 100)
    served = [peer for peer, reply in zip(peers, replies, strict=False) if reply == SERVED]
    again = [peer.register() for peer in served]

    assert replies + again == [one_of(SERVED, *TURNED_AWAY)] * len(replies) + [SERVED] * len(served)


@clause("ROBUST-CHURN")
def test_logout_and_at_once_a_login(outsider: Peer, connect: Connect) -> None:
    """Sixty times, a user logs out and at once logs in on a new connection"""
    replies = []
    for _ in range(60):
        peer = connect(outsider.account)
        replies.append(peer.login())
        peer.send(Logout())
        peer.close()

    assert replies == [login_accepted()] * 60


@clause("ROBUST-CHURN")
def test_abandoned_logins(outsider: Peer, connect: Connect) -> None:
    """After a hundred logins that were abandoned at the challenge, one succeeds"""
    for _ in range(100):
        abandoned = connect(outsider.account)
        abandoned.ask()
        abandoned.close()

    assert outsider.ask_and_prove() == login_accepted()


def newcomer(connect: Connect) -> Reply:
    """The reply to the registration of a newcomer, who tries again where the target still counts connections that are gone."""
    for _ in range(_TRIES):
        reply = connect(who="newcomer").register()
        if reply == registered():
            break
    return reply


@clause("ROBUST-CHURN")
def test_newcomer_after_a_hundred_connections(visitor: Peer, connect: Connect) -> None:
    """After a hundred connections that came and went without a word, a new user is served"""
    for _ in range(100):
        connect(visitor.account).close()

    assert newcomer(connect) == registered()


def come_and_go(connect: Connect, account: Account, count: int) -> None:
    """So many connections, one at a time, or those up to the first that gets no answer.

    Each fourth is answered, so that no more of them wait to be accepted than any target lets wait.
    """
    for number in range(count):
        passing = connect(account)
        ended = number % 4 == 0 and isinstance(passing.register(), Ending)
        passing.close()
        if ended:
            return


@clause("ROBUST-CHURN")
def test_more_connections_than_files(visitor: Peer, connect: Connect) -> None:
    """After more connections, one at a time, than a process may have open files, eight at once are served"""
    come_and_go(connect, visitor.account, USUAL_OPEN_FILES + 20)

    assert [connect(visitor.account).register() for _ in range(8)] == [SERVED] * 8


@clause("ROBUST-CHURN")
def test_a_hundred_connections(sending: None, alice: Peer, bob: Peer, connect: Connect) -> None:
    """After a hundred connections that came and went, those who are there are served"""
    for _ in range(100):
        connect(who="passing").close()

    assert deliver(alice, bob, b"still here") == STILL_HERE
