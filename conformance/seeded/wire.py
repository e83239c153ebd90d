"""Frames and their payloads, written with struct and slices."""

from __future__ import annotations

import struct

from options import fault

REGISTER_USER, LOGIN_USER, GET_PUBLIC_KEY, SEND_MESSAGE = 0x01, 0x02, 0x03, 0x04
GET_MESSAGES, SET_STATUS, LIST_USERS, LOGOUT = 0x05, 0x06, 0x07, 0x08
REGISTER_RESPONSE, LOGIN_RESPONSE, PUBLIC_KEY_RESPONSE, MESSAGE_ACK = 0x81, 0x82, 0x83, 0x84
INCOMING_MESSAGE, USER_LIST_RESPONSE, STATUS_UPDATE, ERROR = 0x85, 0x86, 0x87, 0x88

INVALID_NAME, USER_EXISTS, USER_NOT_FOUND, NOT_AUTHENTICATED = 1, 2, 3, 4
INVALID_FORMAT, RATE_LIMITED, SERVER_ERROR, TERMINATED = 5, 6, 7, 8

HEADER = 5

#: The texts of ERROR.
TEXTS = {
    INVALID_NAME: "invalid name",
    USER_EXISTS: "the name is taken",
    USER_NOT_FOUND: "no such user",
    NOT_AUTHENTICATED: "not logged in",
    INVALID_FORMAT: "malformed request",
    RATE_LIMITED: "too many requests",
    SERVER_ERROR: "the server cannot do this",
    TERMINATED: "the session has ended",
}


class Malformed(Exception):
    """A payload does not follow its layout."""


class Fields:
    """The payload of a request, taken field by field; `stale` is what the last one left in the buffer."""

    def __init__(self, payload: bytes, stale: bytes = b"") -> None:
        self.payload = payload
        self._stale = stale
        self._at = 0

    def take(self, size: int) -> bytes:
        """The next bytes, exactly so many."""
        piece = self.payload[self._at : self._at + size]
        if len(piece) < size and fault("stale-buffer"):
            piece += self._stale.ljust(70_000, b"x")[: size - len(piece)]
        if len(piece) < size and not fault("inner-length-cut"):
            raise Malformed
        self._at += size
        return piece

    def padded(self, size: int, pads: bool) -> bytes:
        """The next bytes, with zeros for those that lack if a fault pads."""
        return self.rest().ljust(size, b"\0") if pads and 0 < self.left < size else self.take(size)

    def number(self, size: int) -> int:
        """The next number of so many bytes."""
        return int.from_bytes(self.take(size), "big")

    def name(self) -> bytes:
        """The next bytes, counted by the byte before them."""
        return self.take(self.number(1))

    def rest(self) -> bytes:
        """All the bytes that are left."""
        piece = self.payload[self._at :]
        self._at = len(self.payload)
        return piece

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self.payload) - self._at

    def end(self) -> None:
        """Nothing may be left."""
        if fault("trailing-nul-is-ignored") and not any(self.payload[self._at :]):
            return
        if self.left > 0 and not fault("trailing-is-ignored"):
            raise Malformed


def nothing(fields: Fields) -> None:
    """The payload of a request that has none."""
    if not fault("empty-is-not-checked"):
        fields.end()


def counted(data: bytes) -> bytes:
    """Bytes behind a byte that counts them."""
    return bytes([len(data)]) + data


def header(kind: int, size: int) -> bytes:
    """The five bytes before a payload."""
    if fault("length-counts-header"):
        size += HEADER
    if fault("length-counts-type"):
        size += 1
    if fault("length-of-replies-16-bit"):
        size &= 0xFFFF
    if fault("reply-type-of-request"):
        kind = {PUBLIC_KEY_RESPONSE: GET_PUBLIC_KEY, USER_LIST_RESPONSE: LIST_USERS}.get(kind, kind)
    return struct.pack("<IB" if fault("length-little-endian") else ">IB", size, kind)


def register_response(code: int = 0) -> bytes:
    """Success, or failure with a code."""
    if code == 0:
        return b"\1\0" if fault("register-success-two-bytes") else b"\1"
    if fault("register-code-unknown"):
        code += 16
    return b"\0" if fault("register-failure-one-byte") else bytes([0, code])


def public_key_response(key: bytes | None) -> bytes:
    """The key, or that there is none."""
    if key is None:
        if fault("missing-is-zeros"):
            return b"\1" + bytes(32)
        return bytes(33) if fault("key-missing-33-bytes") else b"\0"
    found = b"\xff" if fault("found-is-255") else b"\1"
    return found + (key.hex().encode() if fault("key-in-hex") else key)


def ack(number: int, status: int) -> bytes:
    """MESSAGE_ACK."""
    if fault("ack-id-8-bytes"):
        return struct.pack(">QB", number, status)
    return struct.pack("<IB" if fault("ack-id-little-endian") else ">IB", number, status)


def incoming(number: int, sender: bytes, at: int, body: bytes) -> bytes:
    """INCOMING_MESSAGE."""
    time_size = 8 if fault("incoming-time-8-bytes") else 4
    length_size = 4 if fault("incoming-length-4-bytes") else 2
    time = at.to_bytes(time_size, "little" if fault("time-little-endian") else "big")
    length = len(body).to_bytes(length_size, "little" if fault("incoming-length-little-endian") else "big")
    if fault("incoming-time-first"):
        return number.to_bytes(4, "big") + time + counted(sender) + length + body
    return number.to_bytes(4, "big") + counted(sender) + time + length + body


def status_update(name: bytes, status: int) -> bytes:
    """STATUS_UPDATE."""
    if fault("update-status-first"):
        return bytes([status]) + counted(name)
    return (name + b"\0" if fault("update-name-terminated") else counted(name)) + bytes([status])


def error(code: int) -> bytes:
    """ERROR."""
    text = TEXTS[code].encode()
    if fault("error-text-latin-1"):
        text = "requête refusée".encode("latin-1")
    if fault("error-text-cut"):
        text = "la requête est refusée".encode()[:8]
    if fault("error-code-zero"):
        code = 0
    if fault("error-code-http"):
        code = 400 & 0xFF
    if fault("error-without-text"):
        return bytes([code])
    if fault("error-text-terminated"):
        return struct.pack(">BH", code, len(text)) + text + b"\0"
    if fault("error-length-1-byte"):
        return bytes([code]) + counted(text)
    if fault("error-length-short"):
        return struct.pack(">BH", code, len("requête")) + "requête".encode()
    return struct.pack(">BH", code, len(text)) + text
