"""What a frame from a server may be: its type, its length, and the values in it."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from cchatspec.spec import (
    PAYLOAD_LIMIT,
    AckStatus,
    Error,
    IncomingMessage,
    LoginResponse,
    Message,
    MessageAck,
    MessageType,
    Presence,
    PublicKeyResponse,
    RegisterResponse,
    StatusUpdate,
    UserListResponse,
)

#: The name of each type in the document.
NAMES: Final[dict[int, str]] = {int(kind): kind.name for kind in MessageType}

#: The longest payload of each type that a server sends. CLIENT-BOUND
LONGEST: Final[dict[int, int]] = {
    RegisterResponse.type: 2,
    LoginResponse.type: 1 + 32,
    PublicKeyResponse.type: 1 + 32,
    MessageAck.type: 4 + 1,
    IncomingMessage.type: 4 + 1 + 255 + 4 + 2 + 65_535,
    UserListResponse.type: PAYLOAD_LIMIT,
    StatusUpdate.type: 1 + 255 + 1,
    Error.type: 1 + 2 + 65_535,
}

#: The types that servers send.
SERVER_TYPES: Final = frozenset(LONGEST)


class _Flag(IntEnum):
    NO = 0
    YES = 1


def problem_of(message: Message) -> str | None:
    """What is wrong with the values of a message, if anything is. FRAME-LAYOUT

    An error code that is not defined is let pass: it still says that something was refused.
    """
    match message:
        case StatusUpdate(_, value):
            return _unnamed(message, value, Presence)
        case MessageAck(_, value):
            return _unnamed(message, value, AckStatus)
        case RegisterResponse(value) | LoginResponse(value) | PublicKeyResponse(value):
            return _unnamed(message, value, _Flag)
        case UserListResponse(users):
            return next(filter(None, (_unnamed(message, user.status, Presence) for user in users)), None)
        case _:
            return None


def _unnamed(message: Message, value: int, names: type[IntEnum]) -> str | None:
    if value in names._value2member_map_:
        return None
    return f"it sent {NAMES[message.type]} with the value {value}, which the layout does not name"
