"""The open points: which of the right readings the target chose. These cases observe; none can fail.

Each holds what came against a table of the readings, and notes the one that fits. What fits none is left unobserved; whether
it is wrong is a clause's question.
"""

from __future__ import annotations

from cchatspec.conformance.cases.robust import SERVED, TURNED_AWAY, crowd
from cchatspec.conformance.fixtures import Connect, Login, Observe
from cchatspec.conformance.harness.expect import (
    ANYTHING,
    acknowledged,
    closed,
    error,
    login_refused,
    one_of,
    register_refused,
    registered,
)
from cchatspec.conformance.harness.foundations import must_register
from cchatspec.conformance.harness.outcomes import Ending, NotApplicable, Reply
from cchatspec.conformance.harness.peer import NO_SIGNATURE, Account, Peer
from cchatspec.conformance.harness.steps import bodies, burst, is_closed, picked, poll
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import open_point
from cchatspec.spec import (
    AckStatus,
    Error,
    ErrorCode,
    GetMessages,
    IncomingMessage,
    LoginResponse,
    LoginUser,
    Logout,
    MessageType,
    Presence,
    RegisterResponse,
    RegisterUser,
    SetStatus,
    frame_bytes,
)

AN_ERROR = Error(ANYTHING, ANYTHING)


LIMITED = error(ErrorCode.RATE_LIMIT_EXCEEDED)

#: More requests in a row than servers that limit them take.
BURST = 600


def note(observe: Observe, came: object, readings: dict[str, object]) -> None:
    """Note the first reading that fits what came."""
    for reading, fits in readings.items():
        if came == fits:
            observe(reading)
            return


@open_point("unknown-recipient")
def test_unknown_recipient(alice: Peer, new_account: Account, observe: Observe) -> None:
    """How a message to nobody is refused"""
    reply = alice.send_message(new_account.name, b"anybody?")

    note(observe, reply, {"error": error(ErrorCode.USER_NOT_FOUND), "ack": acknowledged(AckStatus.FAILED)})


@open_point("queued-delivery")
def test_queued_delivery(queueing: None, alice: Peer, absent: Account, login: Login, observe: Observe) -> None:
    """When queued messages are brought"""
    alice.send_message(absent.name, b"early")
    back = login(absent)
    at_login = bodies(picked(back.until_fence(), IncomingMessage))
    back.send(SetStatus(Presence.OFFLINE))
    back.until_fence()
    alice.send_message(back.name, b"late")
    pushed = bodies(picked(back.until_fence(), IncomingMessage))
    polled = bodies(poll(back))

    # A target that queues nothing for those who are connected has nothing to bring later, and so 'both' does not show.
    note(
        observe,
        (at_login, pushed, polled),
        {
            "poll": ([], ANYTHING, one_of([b"early"], [b"early", b"late"])),
            "login": ([b"early"], ANYTHING, []),
            "both": ([b"early"], [], [b"late"]),
        },
    )


@open_point("unknown-login")
def test_unknown_login(outsider: Peer, new_account: Account, observe: Observe) -> None:
    """When a login under an unregistered name is refused"""
    reply = outsider.ask(new_account.name)

    note(observe, reply, {"first": login_refused(), "proof": LoginResponse(1, ANYTHING), "error": AN_ERROR})


@open_point("bad-name")
def test_bad_name(visitor: Peer, observe: Observe) -> None:
    """How a name that is not allowed is refused"""
    reply = visitor.request(RegisterUser(b"", visitor.account.public_key))

    note(observe, reply, {"response": RegisterResponse(0, ANYTHING), "error": AN_ERROR})


@open_point("second-session")
def test_second_session(alice: Peer, connect: Connect, observe: Observe) -> None:
    """What a second login of a user does to the first session"""
    second = connect(alice.account)
    second.ask_and_prove()
    first = alice.until_fence()

    note(
        observe,
        (second.logged_in, is_closed(first), first == []),
        {
            "newest": (True, True, False),
            "both": (True, False, True),
            "refused": (False, False, True),
        },
    )


@open_point("own-status-update")
def test_own_status_update(alice: Peer, observe: Observe) -> None:
    """Whether a user is told of their own change of status"""
    alice.send(SetStatus(Presence.AWAY))
    alice.until_fence()

    note(observe, alice.updates_about(alice.name)[-1:], {"silent": [], "told": [Presence.AWAY]})


@open_point("logout")
def test_logout(alice: Peer, observe: Observe) -> None:
    """How the connection is closed after LOGOUT"""
    alice.send(Logout())

    note(observe, alice.until_end(), {"close": [closed()], "error": [error(ErrorCode.CONNECTION_TERMINATED), closed()]})


@open_point("after-malformed")
def test_after_malformed(alice: Peer, observe: Observe) -> None:
    """What follows the ERROR for a malformed payload"""
    alice.send_raw(MessageType.GET_PUBLIC_KEY, b"\x09bob")

    note(observe, alice.until_fence(), {"lives": [AN_ERROR], "closes": [AN_ERROR, closed()]})


@open_point("oversize")
def test_oversize(visitor: Peer, observe: Observe) -> None:
    """How a frame of gigabytes is refused"""
    visitor.send_bytes(frame_bytes(MessageType.SEND_MESSAGE, b"", 2**32 - 1))

    note(
        observe,
        visitor.until_end(),
        {
            "error": [AN_ERROR, closed()],
            "close": [closed()],
            "skip": [AN_ERROR, Ending.DEADLINE],
        },
    )


@open_point("empty-body")
def test_empty_body(sending: None, alice: Peer, bob: Peer, observe: Observe) -> None:
    """Whether an empty body is relayed"""
    reply = alice.send_message(bob.name, b"")
    came = bodies(picked(bob.until_fence(), IncomingMessage))

    note(
        observe,
        (reply, came),
        {
            "relayed": (acknowledged(AckStatus.DELIVERED), [b""]),
            "refused": (one_of(acknowledged(AckStatus.FAILED), AN_ERROR), []),
        },
    )


def _is_accepted(connect: Connect, name: bytes) -> bool:
    return connect(Account(name)).register() == registered()


@open_point("name-alphabet")
def test_name_alphabet(visitor: Peer, connect: Connect, observe: Observe) -> None:
    """Which bytes a name may have"""
    start = visitor.name[:12]
    came = tuple(_is_accepted(connect, start + more) for more in (b".-x", b"\x01\xff", b" @"))

    note(observe, came, {"portable": (False, False, False), "extended": (True, False, False), "any": ANYTHING})


@open_point("name-length")
def test_name_length(visitor: Peer, connect: Connect, observe: Observe) -> None:
    """Whether a name may have 255 bytes"""
    came = _is_accepted(connect, visitor.name.ljust(255, b"x"))

    note(observe, came, {"full": True, "limited": False})


@open_point("name-case")
def test_name_case(connect: Connect, new_account: Account, observe: Observe) -> None:
    """Whether names that differ in case are different"""
    must_register(connect(Account(new_account.name.lower())))
    reply = connect(Account(new_account.name.upper())).register()

    note(observe, reply, {"distinct": registered(), "folded": register_refused(ErrorCode.USER_ALREADY_EXISTS)})


@open_point("body-limit")
def test_body_limit(sending: None, alice: Peer, bob: Peer, observe: Observe) -> None:
    """Whether the largest body is taken"""
    reply = alice.send_message(bob.name, bytes(65_535))

    note(observe, reply, {"full": acknowledged(AckStatus.DELIVERED), "limited": ANYTHING})


@open_point("rate-limit")
def test_rate_limit(login: Login, observe: Observe) -> None:
    """Whether three hundred requests in one segment meet a limit"""
    came = burst(login(who="busy"), 300)

    note(observe, LIMITED in came, {"unseen": False, "limited": True})


def limited(came: list[Reply]) -> list[Reply]:
    """What a burst of requests brought, if it met a limit.

    Raises:
        NotApplicable: it did not.
    """
    if LIMITED not in came and not is_closed(came):
        raise NotApplicable(f"{BURST} requests in a row met no limit")
    return came


@open_point("after-rate-limit")
def test_after_rate_limit(login: Login, observe: Observe) -> None:
    """What follows ERROR 06"""
    came = limited(burst(login(who="busy"), BURST))

    note(observe, (LIMITED in came, is_closed(came)), {"lives": (True, False), "closes": (True, True)})


@open_point("connection-limit")
def test_connection_limit(visitor: Peer, connect: Connect, observe: Observe) -> None:
    """Whether a hundred connections at once meet a limit"""
    _, replies = crowd(connect, visitor.account, 100)

    note(
        observe, [reply for reply in replies if reply != SERVED][:1], {"unseen": [], "limited": [one_of(*TURNED_AWAY)]}
    )


@open_point("user-limit")
def test_user_limit(target: Target, stranger: Peer, observe: Observe) -> None:
    """Whether one more user meets a limit, after all that the suite has registered"""
    came = (target.user_limit, stranger.register())

    note(
        observe,
        came,
        {"unseen": (None, registered()), "limited": (ANYTHING, one_of(registered(), RegisterResponse(0, 7), AN_ERROR))},
    )


@open_point("invisible")
def test_invisible(sending: None, alice: Peer, bob: Peer, observe: Observe) -> None:
    """What happens to a message for a connected user who is shown as offline"""
    bob.send(SetStatus(Presence.OFFLINE))
    bob.until_fence()
    reply = alice.send_message(bob.name, b"psst")

    note(observe, reply, {"pushed": acknowledged(AckStatus.DELIVERED), "queued": acknowledged(AckStatus.QUEUED)})


@open_point("login-again")
def test_login_again(alice: Peer, observe: Observe) -> None:
    """What LOGIN_USER brings on a live session"""
    reply = alice.ask()

    note(observe, reply, {"challenged": LoginResponse(1, ANYTHING), "refused": one_of(login_refused(), AN_ERROR)})


@open_point("register-again")
def test_register_again(alice: Peer, new_account: Account, observe: Observe) -> None:
    """What REGISTER_USER brings on a live session"""
    reply = alice.request(RegisterUser(new_account.name, new_account.public_key))

    note(observe, reply, {"registers": registered(), "refused": one_of(RegisterResponse(0, ANYTHING), AN_ERROR)})


@open_point("second-ask")
def test_second_ask(outsider: Peer, observe: Observe) -> None:
    """How a second request for a challenge is read"""
    outsider.challenge()
    reply = outsider.request(LoginUser(outsider.name, NO_SIGNATURE))

    note(observe, reply, {"proof": login_refused(), "ask": LoginResponse(1, ANYTHING)})


@open_point("empty-poll")
def test_empty_poll(alice: Peer, observe: Observe) -> None:
    """What GET_MESSAGES brings with nothing pending"""
    alice.send(GetMessages())

    note(observe, alice.until_fence(), {"silent": [], "error": [AN_ERROR]})
