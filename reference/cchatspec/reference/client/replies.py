"""What a frame from a server may be: its type, its length, and the values in it."""

from __future__ import annotations

from typing import Final

from cchatspec.spec import (
    PAYLOAD_LIMIT,
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


_STATUSES: Final = frozenset(map(int, Presence))


def problem_of(message: Message) -> str | None:
    """What is wrong with a message that its layout lets pass, if anything is: a status that is none. FRAME-LAYOUT

    An error code that is not defined is let pass here too: it still says that something was refused.
    """
    match message:
        case StatusUpdate(_, status):
            statuses = {status}
        case UserListResponse(users):
            statuses = {user.status for user in users}
        case _:
            return None
    unnamed = statuses - _STATUSES
    return f"it sent {NAMES[message.type]} with the status {min(unnamed)}, which is none" if unnamed else None
