"""The requests of a client as frames of a script, and what else a frame can be.

A frame is never changed, so those that hold no more than a user's letter are made once. Half a frame, and bytes that are no frame
at all, are written as frames too, with edits of the header.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from cchatspec.fuzz.encode import encode
from cchatspec.fuzz.script import NAME_SIZE, Body, Bytes, Edit, Frame, Key, Name, Proof, Value
from cchatspec.spec import MessageType

POLL = Frame(MessageType.GET_MESSAGES.value)
LIST = Frame(MessageType.LIST_USERS.value)
LOGOUT = Frame(MessageType.LOGOUT.value)

REGISTER_TYPE = MessageType.REGISTER_USER.value
LOGIN_TYPE = MessageType.LOGIN_USER.value
SEND_TYPE = MessageType.SEND_MESSAGE.value

#: By these, a client asks for a challenge.
ZEROS = Bytes("00", 64)

_NO_HEADER = (Edit("length", "drop"), Edit("type", "drop"))


@cache
def register(user: str, key: str | None = None) -> Frame:
    """REGISTER_USER of a user, with another user's key if `key` is given."""
    return Frame(MessageType.REGISTER_USER.value, {"username": Name(user), "public_key": Key(key or user)})


@cache
def ask(user: str) -> Frame:
    """The first LOGIN_USER, which asks for a challenge."""
    return Frame(MessageType.LOGIN_USER.value, {"username": Name(user), "signature": ZEROS})


@cache
def prove(user: str, key: str | None = None, connection: int | None = None, age: int = 0) -> Frame:
    """The second LOGIN_USER; signed by another user's key if `key` is given. For the rest see `script.Proof`."""
    proof = Proof(key or user, connection, age)
    return Frame(MessageType.LOGIN_USER.value, {"username": Name(user), "signature": proof})


@cache
def get_key(user: str) -> Frame:
    """GET_PUBLIC_KEY of a user."""
    return Frame(MessageType.GET_PUBLIC_KEY.value, {"username": Name(user)})


def send(user: str, body: Body | Bytes) -> Frame:
    """SEND_MESSAGE to a user."""
    return Frame(MessageType.SEND_MESSAGE.value, {"recipient": Name(user), "encrypted_message": body})


@cache
def set_status(status: int) -> Frame:
    """SET_STATUS; 3 and more are no status."""
    return Frame(MessageType.SET_STATUS.value, {"status": status})


def edited(frame: Frame, *edits: Edit) -> Frame:
    """The frame with more edits behind those that it has."""
    return Frame(frame.kind, frame.values, frame.edits + edits)


def raw(value: Value) -> Frame:
    """Bytes alone, without a header in front of them."""
    return Frame(0, {"payload": value}, _NO_HEADER)


def beginning(frame: Frame, left: int) -> Frame:
    """The first `left` bytes of a frame's payload, behind a header that announces all of it."""
    return edited(frame, Edit("payload", "cut", left), Edit("length", "add", frame_size(frame) - 5 - left))


def size_of(value: Value | None) -> int:
    """How many bytes a value stands for; none for a number, whose field knows its size."""
    if isinstance(value, Body):
        return value.size
    if isinstance(value, Bytes):
        return len(value.hex) // 2 * value.times
    return _SIZES_OF.get(type(value), 0)


_SIZES_OF: Final[dict[type, int]] = {Name: NAME_SIZE, Key: 32, Proof: 64}


#: More than a header, the lengths of all fields and the fields that are not given take.
_BESIDES = 128


def is_surely_within(frame: Frame, most: int) -> bool:
    """Whether a frame has at most so many bytes on the wire, as far as that can be told without encoding it."""
    size = _BESIDES + sum(map(size_of, frame.values.values()))
    for edit in frame.edits:
        if edit.kind == "repeat":
            return False
        size += len(edit.hex) // 2
    return size <= most


class Blank:
    """Stands in for a target where the sizes of things are enough."""

    def name(self, user: str) -> bytes:
        """As many bytes as a name has."""
        return bytes(NAME_SIZE)

    def key(self, user: str) -> bytes:
        """As many bytes as a key has."""
        return bytes(32)

    def proof(self, user: str, connection: int, age: int) -> bytes:
        """As many bytes as a signature has."""
        return bytes(64)

    def body(self, number: int, size: int) -> bytes:
        """As many bytes as the body has."""
        return bytes(size)


_BLANK = Blank()

#: Sizes that were worked out before; frames stay, so one that is found by its identity is the same.
_SIZES: dict[int, tuple[Frame, int]] = {}
_MOST_SIZES = 20_000


def frame_size(frame: Frame) -> int:
    """How many bytes a frame has on the wire.

    Raises:
        ScriptError: it cannot be encoded.
    """
    known = _SIZES.get(id(frame))
    if known and known[0] is frame:
        return known[1]
    size = len(encode(frame, _BLANK, 0).data)
    if len(_SIZES) >= _MOST_SIZES:
        _SIZES.clear()
    _SIZES[id(frame)] = frame, size
    return size
