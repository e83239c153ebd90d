"""Families of scripts that leave nothing behind in a right server: no user, no message, no session.

They are what a leak is looked for with, each family by itself, so that the one that leaks says what leaks.
"""

from __future__ import annotations

from typing import Final

from cchatspec.fuzz.requests import GET_KEY, LIST, LOGIN, POLL, REGISTER, SEND, SET_STATUS
from cchatspec.fuzz.script import Body, Bytes, Connect, Edit, Fence, Frame, Key, Name, Proof, Reset, Script, Send, Step

_A = Name("a")
_ASK: Final = Frame(LOGIN, {"username": _A})
_PROVE: Final = Frame(LOGIN, {"username": _A, "signature": Proof("a")})
_WRONG: Final = Frame(LOGIN, {"username": _A, "signature": Bytes("5a", 64)})


def _script(*steps: Step, registered: tuple[str, ...] = ("a",)) -> Script:
    return Script(registered=registered, steps=(Connect(0), *steps))


def _send(*frames: Frame) -> Send:
    return Send(0, frames)


def _logged_in(*steps: Step) -> Script:
    return _script(_send(_ASK), _send(_PROVE), *steps)


def _malformed() -> tuple[Frame, ...]:
    """One request of each type, cut short by a byte or with a length that points beyond the end."""
    return (
        Frame(REGISTER, {"username": Name("b"), "public_key": Key("b")}, (Edit("public_key", "cut", 31),)),
        Frame(LOGIN, {"username": _A}, (Edit("signature", "cut", 63),)),
        Frame(GET_KEY, {"username": _A}, (Edit("username_length", "add", 1),)),
        Frame(SEND, {"recipient": _A, "encrypted_message": Body(1, 600)}, (Edit("message_length", "add", 9),)),
        Frame(SET_STATUS, {"status": 1}, (Edit("status", "set", 7),)),
        Frame(0x31, {"payload": Bytes("00", 700)}),
    )


#: What is repeated, by the words that tell it to a reader.
FAMILIES: Final[dict[str, tuple[Script, ...]]] = {
    "connections": (_script(registered=()),),
    "connections that are reset in mid frame": (
        # The fence keeps connections from coming faster than the target can let them go.
        _script(
            Send(0, (Frame(LIST, {}, (Edit("length", "set", 400),)),), waits=False),
            Reset(0),
            Connect(1),
            Fence(1),
            registered=(),
        ),
    ),
    "refused requests": (_script(_send(Frame(LIST), Frame(POLL)), Fence(0), registered=()),),
    "refused registrations": (_script(_send(Frame(REGISTER, {"username": _A, "public_key": Key("a")})), Fence(0)),),
    "unanswered challenges": (_script(_send(_ASK)),),
    "failed logins": (_script(_send(_ASK), _send(_WRONG), Fence(0)),),
    "malformed requests": tuple(_script(_send(frame), Fence(0)) for frame in _malformed()),
    "logins": (_logged_in(Fence(0)),),
    "malformed requests of a session": tuple(_logged_in(_send(frame), Fence(0)) for frame in _malformed()),
    "requests of a session": (_logged_in(_send(Frame(LIST), Frame(POLL), Frame(GET_KEY, {"username": _A})), Fence(0)),),
    "messages to oneself": (
        _logged_in(_send(Frame(SEND, {"recipient": _A, "encrypted_message": Body(1, 500)})), Fence(0)),
    ),
    "messages to nobody": (
        _logged_in(_send(Frame(SEND, {"recipient": Name("b"), "encrypted_message": Body(1, 500)})), Fence(0)),
    ),
}
