"""What a case may compare replies with: messages with parts that are left open, and alternatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cchatspec.conformance.harness.outcomes import Ending, Reply
from cchatspec.spec import Error, ErrorCode, LoginResponse, Message, MessageAck, RegisterResponse


class Matcher:
    """Equal to every value that fits; `words` says which those are, and `parts` what it is made of."""

    parts: tuple[object, ...] = ()

    def words(self, parts: list[str]) -> str:
        """What fits, in words, given the words of its parts."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.words([repr(part) for part in self.parts])


class Anything(Matcher):
    """Equal to every value: a part of a message that the clause says nothing about."""

    def __eq__(self, other: object) -> bool:
        return True

    def words(self, parts: list[str]) -> str:  # noqa: D102 (Matcher says it)
        return "anything"


#: Stands for a value that the clause leaves open.
ANYTHING: Any = Anything()


class _Bytes32(Matcher):
    """Equal to any 32 bytes."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, bytes) and len(other) == 32

    def words(self, parts: list[str]) -> str:
        return "32 bytes"


#: Stands for any 32 bytes.
BYTES_32: Any = _Bytes32()


class _Near(Matcher):
    """Equal to every number within the tolerance."""

    def __init__(self, number: float, tolerance: float) -> None:
        self.number = number
        self.tolerance = tolerance

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and abs(other - self.number) <= self.tolerance

    def words(self, parts: list[str]) -> str:
        return f"{self.number:.0f} ± {self.tolerance}"


def near(number: float, tolerance: float) -> Any:
    """Any integer within the tolerance of this number."""
    return _Near(number, tolerance)


class _Before(Matcher):
    """Equal to every number that is smaller."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and other < self.number

    def words(self, parts: list[str]) -> str:
        return f"less than {self.number}"


def before(number: int) -> Any:
    """Any integer that is smaller than this one."""
    return _Before(number)


class _AtLeast(Matcher):
    """Equal to every number that is not smaller."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and other >= self.number

    def words(self, parts: list[str]) -> str:
        return f"{self.number} or more"


def at_least(number: int) -> Any:
    """This integer, or any that is larger."""
    return _AtLeast(number)


class OneOf(Matcher):
    """Equal to whatever equals one of its alternatives."""

    def __init__(self, *alternatives: object) -> None:
        self.parts = alternatives

    def __eq__(self, other: object) -> bool:
        return any(other == alternative for alternative in self.parts)

    def words(self, parts: list[str]) -> str:  # noqa: D102 (Matcher says it)
        return " or ".join(parts)


class _Code(int):
    """Equal to itself, and to every code that is not defined: that such a code comes fails ERROR-CODE, once."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and (int(other) == int(self) or int(other) not in _DEFINED)

    def __hash__(self) -> int:
        return int.__hash__(self)


_DEFINED = frozenset(int(code) for code in ErrorCode)


def _code(code: ErrorCode) -> Any:
    return code if isinstance(code, Anything) else _Code(code)


def error(code: ErrorCode) -> Error:
    """An ERROR with this code and any text; which code stands for it if it is not a defined one is ERROR-CODE's question."""
    return Error(_code(code), ANYTHING)


def registered() -> RegisterResponse:
    """A REGISTER_RESPONSE that says success."""
    return RegisterResponse(1)


def register_refused(code: ErrorCode) -> RegisterResponse:
    """A REGISTER_RESPONSE that says failure with this code, or with one that is not defined."""
    return RegisterResponse(0, _code(code))


class _AnyMessage(Matcher):
    """Equal to every message that could be read."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message)

    def words(self, parts: list[str]) -> str:
        return "a message that follows its layout"


#: Stands for any message that follows its layout.
A_MESSAGE: Any = _AnyMessage()


class _InStep(Matcher):
    """Equal to a list of messages, none of which is unreadable and after which the connection still answers."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, list) and all(isinstance(reply, Message) for reply in other)

    def words(self, parts: list[str]) -> str:
        return "any messages, and a connection that still answers"


#: Stands for whatever came, as long as the connection is not out of step.
IN_STEP: Any = _InStep()


def challenge_given() -> LoginResponse:
    """A LOGIN_RESPONSE that says success and carries a challenge."""
    return LoginResponse(1, BYTES_32)


def login_accepted() -> LoginResponse:
    """A LOGIN_RESPONSE that says success; what else it carries is FRAME-LAYOUT's question."""
    return LoginResponse(1, ANYTHING)


def login_refused() -> LoginResponse:
    """A LOGIN_RESPONSE that says failure."""
    return LoginResponse(0)


def no_login() -> OneOf:
    """LOGIN_RESPONSE failure or an ERROR: any reply that gives neither challenge nor session."""
    return OneOf(LoginResponse(0), Error(ANYTHING, ANYTHING))


def turned_away() -> OneOf:
    """An ERROR, or the end of the connection: no service. Which ERROR it should have been is for the AUTH clauses to say."""
    return OneOf(Error(ANYTHING, ANYTHING), Ending.FIN, Ending.RST)


def acknowledged(status: int) -> MessageAck:
    """A MESSAGE_ACK with this status and any id."""
    return MessageAck(ANYTHING, status)


def one_of(*alternatives: object) -> Any:
    """Any of these."""
    return OneOf(*alternatives)


class _ThenMayClose(Matcher):
    """These replies, after which the connection may live or be closed by the target."""

    def __init__(self, replies: Sequence[object]) -> None:
        self.parts = (list(replies),)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, list):
            return False
        closed = bool(other) and other[-1] in (Ending.FIN, Ending.RST)
        return bool(self.parts[0] == (other[:-1] if closed else other))

    def words(self, parts: list[str]) -> str:
        return f"{parts[0]}, after which the connection may be closed"


def refusal(*replies: object) -> Any:
    """Exactly these replies; whether the connection lives on is an open point (`after-malformed`)."""
    return _ThenMayClose(replies)


def closed() -> OneOf:
    """The connection is closed, cleanly or not."""
    return OneOf(Ending.FIN, Ending.RST)


def is_no_room(reply: Reply) -> bool:
    """Whether a valid, new name was refused as by a limit on users: not for the name itself, nor by another limit."""
    if isinstance(reply, RegisterResponse):
        names = (ErrorCode.INVALID_USERNAME, ErrorCode.USER_ALREADY_EXISTS)
        return reply.success == 0 and reply.error_code not in names
    return isinstance(reply, Error) and reply.error_code != ErrorCode.RATE_LIMIT_EXCEEDED


def is_refusal(reply: Reply) -> bool:
    """Whether a SEND_MESSAGE was turned down in one of the right ways: an ERROR, or MESSAGE_ACK status 0."""
    return isinstance(reply, Error) or (isinstance(reply, MessageAck) and reply.status == 0)
