"""The bytes of what the server says, and of names in what it reads; written with struct from the layouts."""

from __future__ import annotations

from struct import Struct

HEADER = Struct(">IB")
_HEADED = Struct(">IB").pack
_ACK = Struct(">IBIB").pack
_U16 = Struct(">H").pack
_U32 = Struct(">I").pack

REGISTER, LOGIN, GET_KEY, SEND, POLL, STATUS, LIST, LOGOUT = range(1, 9)

BAD_NAME, TAKEN, NOT_FOUND, DENIED, MALFORMED, TOO_FAST, FAULT, ENDED = range(1, 9)


class Malformed(Exception):
    """A payload has not the layout of its type."""


def frame(kind: int, payload: bytes) -> bytes:
    """A frame."""
    return _HEADED(len(payload), kind) + payload


REGISTERED = frame(0x81, b"\x01")
LOGIN_REFUSED = frame(0x82, b"\x00")
NO_KEY = frame(0x83, b"\x00")


def not_registered(code: int) -> bytes:
    """REGISTER_RESPONSE failure."""
    return frame(0x81, bytes((0, code)))


def login_ok(challenge: bytes) -> bytes:
    """LOGIN_RESPONSE success."""
    return frame(0x82, b"\x01" + challenge)


def key_found(key: bytes) -> bytes:
    """PUBLIC_KEY_RESPONSE found."""
    return frame(0x83, b"\x01" + key)


def ack(number: int, status: int) -> bytes:
    """MESSAGE_ACK."""
    return _ACK(5, 0x84, number, status)


def incoming(number: int, sender: bytes, when: int, body: bytes) -> bytes:
    """INCOMING_MESSAGE."""
    return frame(0x85, _U32(number) + named(sender) + _U32(when) + _U16(len(body)) + body)


def status_update(name: bytes, status: int) -> bytes:
    """STATUS_UPDATE."""
    return frame(0x87, named(name) + bytes((status,)))


def user_list(users: list[tuple[bytes, int]]) -> bytes:
    """USER_LIST_RESPONSE."""
    return frame(0x86, _U16(len(users)) + b"".join(named(name) + bytes((status,)) for name, status in users))


def error(code: int, text: bytes) -> bytes:
    """ERROR."""
    return frame(0x88, bytes((code,)) + _U16(len(text)) + text)


def named(name: bytes) -> bytes:
    """A name behind its length."""
    return bytes((len(name),)) + name


def take_name(payload: bytes) -> tuple[bytes, int]:
    """The name at the start of a payload, and where it ends.

    Raises:
        Malformed: it goes on beyond the payload's end.
    """
    if not payload:
        raise Malformed
    end = 1 + payload[0]
    if end > len(payload):
        raise Malformed
    return payload[1:end], end
