"""What can be wrong with bytes or values, as exceptions. All of them are `WireError`."""

from __future__ import annotations


class WireError(ValueError):
    """Bytes from a peer, or values to send, depart from the layouts."""


class UnknownType(WireError):
    """No message has this type."""

    def __init__(self, code: int) -> None:
        super().__init__(f"no message has the type 0x{code:02x}")
        self.code = code


class MalformedPayload(WireError):
    """A payload departs from the layout of its type.

    Attributes:
        path: message, field and index, such as `USER_LIST_RESPONSE.users[3].username`.
        offset: where in the payload that field starts, in bytes.
        reason: what is wrong with it.
    """

    def __init__(self, path: str, offset: int, reason: str) -> None:
        super().__init__(f"{path} at offset {offset}: {reason}")
        self.path = path
        self.offset = offset
        self.reason = reason


class BuildError(WireError):
    """A value does not fit the layout of its field; `path` names message, field and index."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class FrameTooLong(WireError):
    """A header announces more bytes than the reader accepts."""

    def __init__(self, length: int, limit: int) -> None:
        super().__init__(f"a header announces a payload of {length} bytes, and the limit is {limit}")
        self.length = length
        self.limit = limit
