"""No right server is ever accused, under any reading of the open points; a wrong one is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.simulated import READINGS, End, Member, Server, runner_for

from cchatspec.fuzz.generate import Generator
from cchatspec.fuzz.script import (
    NAME_SIZE,
    Body,
    Close,
    Connect,
    Edit,
    Fence,
    Frame,
    Key,
    Name,
    Proof,
    Script,
    Send,
    Step,
    Value,
)
from cchatspec.fuzz.trace import Trace, Violation
from cchatspec.fuzz.wrong import SMALL_ORDER
from cchatspec.spec import (
    Error,
    IncomingMessage,
    LoginResponse,
    LoginUser,
    MessageAck,
    PublicKeyResponse,
    RegisterResponse,
    SendMessage,
    StatusUpdate,
    UserListResponse,
)
from cchatspec.spec import Frame as SpecFrame

REGISTER, LOGIN, GET_KEY, SEND, POLL, SET_STATUS, LIST, LOGOUT = range(1, 9)


def send(connection: int, kind: int, *edits: Edit, **values: Value) -> Send:
    return Send(connection, (Frame(kind, dict(values), edits),))


def login(connection: int, user: str) -> tuple[Step, ...]:
    return (
        Connect(connection),
        send(connection, LOGIN, username=Name(user)),
        send(connection, LOGIN, username=Name(user), signature=Proof(user)),
    )


def run(server: Server, *steps: Step, registered: tuple[str, ...] = ("a", "b")) -> Trace:
    return runner_for(server).run(Script(registered=registered, steps=steps), thorough=True)


def found(server: Server, *steps: Step) -> set[tuple[str, str | None]]:
    """Kinds and clauses of what a script shows to be wrong."""
    return {(violation.kind, violation.clause) for violation in run(server, *steps).violations}


def violations(server: Server, seed: int, scripts: int) -> list[Violation]:
    """What a runner finds wrong in so many new scripts."""
    runner, generator = runner_for(server, seed), Generator(seed)
    traces = [runner.run(generator.script(), thorough=True) for _ in range(scripts)]
    return [violation for trace in traces for violation in trace.violations]


readings = st.fixed_dictionaries({point: st.sampled_from(choices) for point, choices in READINGS.items()})


@settings(max_examples=30, deadline=None)
@given(readings, st.integers(0, 10_000))
def test_a_right_server_is_never_accused(reads: dict[str, str], seed: int) -> None:
    accused = violations(Server(reads, seed), seed, 8)

    assert accused == []


def test_a_script_of_two_users_is_delivered_and_answered() -> None:
    trace = run(Server(), *login(0, "a"), *login(1, "b"), to_b(), Fence(0), Fence(1))

    assert (trace.delivered, trace.frames, trace.answered, trace.refused) == (True, 5, 5, [])


@pytest.mark.parametrize("case", READINGS["name-case"])
def test_a_message_to_a_name_in_other_letters_may_be_for_somebody_else(case: str) -> None:
    accused = found(
        Server({"name-case": case}), *IN, *[step for at in range(NAME_SIZE) for step in to_b_in_other_letters(at)]
    )

    assert accused == set()


@pytest.mark.parametrize("way", READINGS["connection-limit"])
def test_connections_that_are_too_many_accuse_nobody(way: str) -> None:
    strangers = [step for number in range(10) for step in (Connect(number), send(number, GET_KEY, username=Name("a")))]

    assert found(Server({"connection-limit": way}), *strangers) == set()


def test_triples_say_state_request_and_reply() -> None:
    trace = run(Server(), *login(0, "a"), send(0, LIST), Fence(0))

    assert trace.triples == [
        ("new", "LOGIN_USER", "LOGIN_RESPONSE 1"),
        ("challenged", "LOGIN_USER", "LOGIN_RESPONSE 1"),
        ("in", "LIST_USERS", "USER_LIST_RESPONSE"),
    ]


# Wrong servers: each does one thing as no right server does it, and the clause is named.


def to_b(size: int = 40) -> Send:
    return send(0, SEND, recipient=Name("b"), encrypted_message=Body(1, size))


def to_b_in_other_letters(at: int) -> tuple[Step, ...]:
    """Registers the name of b with one letter in the other case, and writes to it."""
    name, recipient = (Edit(label, "flip", 0x20, at=at) for label in ("username", "recipient"))
    return (
        send(0, REGISTER, name, username=Name("b"), public_key=Key("b")),
        send(0, SEND, recipient, recipient=Name("b"), encrypted_message=Body(at, 40)),
    )


class ServesStrangers(Server):
    def getpublickey(self, end: End, message: object) -> None:
        end.say(PublicKeyResponse(0))

    def serve(self, end: End, frame: object) -> None:
        end.user = end.user or next(iter(self.members.values()), None)
        super().serve(end, frame)  # type: ignore[arg-type]


class AnyProof(Server):
    @staticmethod
    def is_proof(member: Member, challenge: bytes, message: LoginUser) -> bool:
        return True


class NoProof(Server):
    @staticmethod
    def is_proof(member: Member, challenge: bytes, message: LoginUser) -> bool:
        return False


class SameChallenge(Server):
    def ask(self, end: End, name: bytes) -> None:
        end.asked, end.challenge = name, b"c" * 32
        end.say(LoginResponse(1, end.challenge))


class WrongKey(Server):
    def getpublickey(self, end: End, message: object) -> None:
        end.say(PublicKeyResponse(1, b"k" * 32))


class Loses(Server):
    def deliver(self, end: End, member: Member) -> None:
        member.queue.clear()


class GivesAllToEverybody(Server):
    def relay(self, end: End, member: Member, body: bytes) -> None:
        super().relay(end, member, body)
        for other in self.ends:
            if other.user is not None and other.user is not member:
                other.say(IncomingMessage(self.last_id, b"x", 1, body))


class DeliversTwice(Server):
    def relay(self, end: End, member: Member, body: bytes) -> None:
        super().relay(end, member, body)
        for session in member.sessions:
            session.say(IncomingMessage(self.last_id, end.user.name if end.user else b"", 1795400000, body))


class CutsBodies(Server):
    def relay(self, end: End, member: Member, body: bytes) -> None:
        super().relay(end, member, body[:20])


class SaysAndDoesNot(Server):
    def relay(self, end: End, member: Member, body: bytes) -> None:
        self.last_id += 1
        end.say(MessageAck(self.last_id, 1))


class OneId(Server):
    def relay(self, end: End, member: Member, body: bytes) -> None:
        self.last_id = 6
        super().relay(end, member, body)


class TellsLies(Server):
    def show(self, member: Member, status: int) -> None:
        member.status = status
        for end in self.ends:
            if end.user is not None:
                end.say(StatusUpdate(member.name, 2))


class TellsStrangers(Server):
    def show(self, member: Member, status: int) -> None:
        member.status = status
        for end in self.ends:
            end.say(StatusUpdate(member.name, status))


class TakesNobodyForSomebody(Server):
    def sendmessage(self, end: End, message: SendMessage) -> None:
        end.say(MessageAck(77, 2))


class HoldsBack(Server):
    """Pushes so many messages to a user, and queues what comes behind them."""

    at_once = 4

    def relay(self, end: End, member: Member, body: bytes) -> None:
        sessions = member.sessions
        self.pushed = [*getattr(self, "pushed", ()), member.name]
        if self.pushed.count(member.name) > self.at_once:
            member.sessions = []
        super().relay(end, member, body)
        member.sessions = sessions


class HoldsBackMuch(HoldsBack):
    at_once = 40


class ServesAfterLogout(Server):
    def logout(self, end: End, message: object) -> None:
        pass


class ForgetsUsers(Server):
    def listusers(self, end: End, message: object) -> None:
        end.say(UserListResponse(()))


class NeverGoes(Server):
    def leave(self, end: End) -> None:
        pass


class Echoes(Server):
    def malformed(self, end: End) -> None:
        end.say(Error(7, b""))


class SaysTwice(Server):
    def registeruser(self, end: End, message: object) -> None:
        super().registeruser(end, message)  # type: ignore[arg-type]
        if end.user is not None:
            end.say(RegisterResponse(0, 2))


class Hangs(Server):
    def malformed(self, end: End) -> None:
        pass


class Closes(Server):
    def malformed(self, end: End) -> None:
        end.end()


class ClosesOnStrangers(Server):
    def serve(self, end: End, frame: SpecFrame) -> None:
        if frame.type == LIST and end.user is None:
            end.end()
        else:
            super().serve(end, frame)


class UndefinedCode(Server):
    def malformed(self, end: End) -> None:
        end.error(9)


IN = login(0, "a")
CUT_KEY = send(0, GET_KEY, Edit("username_length", "add", 1), username=Name("a"))


def forged_under(key: bytes) -> tuple[Step, ...]:
    """A login under a key that somebody has chosen, with a signature that nobody has made."""
    signature = (SMALL_ORDER[0] + bytes(32)).hex()
    return (
        Connect(0),
        send(0, REGISTER, Edit("public_key", "replace", hex=key.hex()), username=Name("x")),
        send(0, LOGIN, username=Name("x")),
        send(0, LOGIN, Edit("signature", "replace", hex=signature), username=Name("x")),
        send(0, LIST),
    )


MALLEATED = send(0, LOGIN, Edit("signature", "malleate"), username=Name("a"), signature=Proof("a"))
FLIPPED = send(0, LOGIN, Edit("signature", "flip", 1), username=Name("a"), signature=Proof("a"))
WRONG: list[tuple[Callable[[], Server], tuple[Step, ...], str, str | None]] = [
    (ServesStrangers, (Connect(0), send(0, LIST), Fence(0)), "state", "AUTH-LIST"),
    (AnyProof, (*IN[:2], send(0, LOGIN, username=Name("a"), signature=Proof("b")), Fence(0)), "state", "LOGIN-OWNKEY"),
    (AnyProof, (*IN[:2], MALLEATED), "state", "LOGIN-STRICT"),
    (AnyProof, forged_under(b"\x02" + bytes(31)), "state", "LOGIN-REFUSE"),
    (AnyProof, (*IN[:2], FLIPPED), "state", "LOGIN-REFUSE"),
    (NoProof, IN, "illegal-reply", "LOGIN-PROOF"),
    (SameChallenge, (*IN[:2], Connect(1), send(1, LOGIN, username=Name("b"))), "state", "LOGIN-FRESH"),
    (WrongKey, (*IN, send(0, GET_KEY, username=Name("b"))), "state", "KEY-FOUND"),
    (Loses, (*IN, to_b()), "state", "QUEUE-DELIVER"),
    (GivesAllToEverybody, (*IN, to_b(), Fence(0)), "state", "SEND-PRIVATE"),
    (DeliversTwice, (*IN, *login(1, "b"), to_b(), Fence(1)), "state", "SEND-ONCE"),
    (CutsBodies, (*IN, *login(1, "b"), to_b(), Fence(1)), "state", "SEND-BODY"),
    (SaysAndDoesNot, (*IN, *login(1, "b"), to_b(), Fence(1)), "state", "SEND-PUSH"),
    (SaysAndDoesNot, (*IN, to_b(), Fence(0)), "state", "QUEUE-ACK"),
    (OneId, (*IN, to_b(), send(0, SEND, recipient=Name("b"), encrypted_message=Body(2, 40))), "state", "SEND-UNIQUE"),
    (TellsLies, (*IN, *login(1, "b"), Fence(0)), "state", "STATUS-TELL"),
    (TellsStrangers, (Connect(2), *IN, Fence(2)), "state", "STATUS-AUDIENCE"),
    (TakesNobodyForSomebody, (*IN, send(0, SEND, recipient=Name("x"))), "state", "SEND-NOBODY"),
    (ServesAfterLogout, (*IN, Send(0, (Frame(LOGOUT), Frame(LIST)))), "state", "LOGOUT-END"),
    (ServesAfterLogout, (*IN, send(0, LOGOUT)), "state", "LOGOUT-CLOSE"),
    (ForgetsUsers, (*IN, send(0, LIST)), "state", "LIST-ALL"),
    (NeverGoes, (*IN, Close(0)), "state", "STATUS-LOST"),
    (Echoes, (*IN, CUT_KEY, Fence(0)), "illegal-reply", "FRAME-MALFORMED"),
    (SaysTwice, (*IN, Send(0, (Frame(1, {"username": Name("a")}), Frame(LIST)))), "illegal-reply", "FRAME-UNASKED"),
    (Hangs, (*IN, CUT_KEY), "hang", None),
    (Hangs, (*IN, Send(0, (*CUT_KEY.frames, Frame(LIST)))), "illegal-reply", "FRAME-MALFORMED"),
    (Closes, (*IN, CUT_KEY), "disconnect", "FRAME-MALFORMED"),
    (ClosesOnStrangers, (*IN, Connect(1), send(1, LIST)), "disconnect", None),
    (UndefinedCode, (*IN, CUT_KEY), "illegal-reply", "ERROR-CODE"),
]


@pytest.mark.parametrize(
    ("server", "steps", "kind", "clause"), WRONG, ids=lambda value: getattr(value, "__name__", None)
)
def test_a_wrong_server_is_accused_by_the_clause(
    server: Callable[[], Server], steps: tuple[Step, ...], kind: str, clause: str | None
) -> None:
    assert (kind, clause) in found(server(), *steps)


FLOOD = (
    *login(0, "a"),
    *login(1, "b"),
    Send(0, tuple(Frame(SEND, {"recipient": Name("b"), "encrypted_message": Body(n, 40)}) for n in range(60))),
    Fence(0),
)


def test_who_is_flooded_may_be_left_some_for_later() -> None:
    assert found(HoldsBackMuch(), *FLOOD) == set()


def test_who_is_not_flooded_is_left_nothing_for_later() -> None:
    assert found(HoldsBack(), *FLOOD) == {("state", "SEND-ACK")}


@pytest.mark.parametrize("key", SMALL_ORDER, ids=bytes.hex)
def test_a_server_may_take_what_verifies_under_a_key_of_small_order(key: bytes) -> None:
    assert found(AnyProof(), *forged_under(key)) == set()


@pytest.mark.parametrize(
    ("steps"),
    [steps for _, steps, _, _ in WRONG],
    ids=[server.__name__ for server, *_ in WRONG],
)
def test_the_same_script_accuses_no_right_server(steps: tuple[Step, ...]) -> None:
    assert found(Server(), *steps) == set()
