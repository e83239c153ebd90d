# ======================================================================
# GENERATED from spec/PROTOCOL.md by `cchatspec spec generate`.
# Do not edit: change the document, run the command, commit both.
# ======================================================================
"""The messages of C-Chat as frozen, slotted classes, and the numbers that have names."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar, Final

from cchatspec.spec.message import Entry, Message


class MessageType(IntEnum):
    """The type byte of every message."""

    REGISTER_USER = 0x01
    LOGIN_USER = 0x02
    GET_PUBLIC_KEY = 0x03
    SEND_MESSAGE = 0x04
    GET_MESSAGES = 0x05
    SET_STATUS = 0x06
    LIST_USERS = 0x07
    LOGOUT = 0x08
    REGISTER_RESPONSE = 0x81
    LOGIN_RESPONSE = 0x82
    PUBLIC_KEY_RESPONSE = 0x83
    MESSAGE_ACK = 0x84
    INCOMING_MESSAGE = 0x85
    USER_LIST_RESPONSE = 0x86
    STATUS_UPDATE = 0x87
    ERROR = 0x88


class ErrorCode(IntEnum):
    """The error codes; `text` is what the document says of each."""

    text: str

    def __new__(cls, code: int, text: str) -> ErrorCode:
        member = int.__new__(cls, code)
        member._value_ = code
        member.text = text
        return member

    INVALID_USERNAME = 0x01, "Invalid username"
    USER_ALREADY_EXISTS = 0x02, "User already exists"
    USER_NOT_FOUND = 0x03, "User not found"
    AUTHENTICATION_FAILED = 0x04, "Authentication failed"
    INVALID_MESSAGE_FORMAT = 0x05, "Invalid message format"
    RATE_LIMIT_EXCEEDED = 0x06, "Rate limit exceeded"
    SERVER_ERROR = 0x07, "Server error"
    CONNECTION_TERMINATED = 0x08, "Connection terminated"


class SetStatusStatus(IntEnum):
    """The values of `status` in SET_STATUS."""

    OFFLINE = 0
    ONLINE = 1
    AWAY = 2


class RegisterResponseSuccess(IntEnum):
    """The values of `success` in REGISTER_RESPONSE."""

    FAILURE = 0
    SUCCESS = 1


class LoginResponseSuccess(IntEnum):
    """The values of `success` in LOGIN_RESPONSE."""

    FAILURE = 0
    SUCCESS = 1


class PublicKeyResponseFound(IntEnum):
    """The values of `found` in PUBLIC_KEY_RESPONSE."""

    NOT_FOUND = 0
    FOUND = 1


class MessageAckStatus(IntEnum):
    """The values of `status` in MESSAGE_ACK."""

    FAILED = 0
    DELIVERED = 1
    QUEUED = 2


class User(Entry, frozen=True, gc=False):
    """One entry of USER_LIST_RESPONSE."""

    username: bytes
    status: int


class RegisterUser(Message, frozen=True, gc=False):
    """0x01 REGISTER_USER, client to server."""

    type: ClassVar[int] = MessageType.REGISTER_USER
    username: bytes
    public_key: bytes


class LoginUser(Message, frozen=True, gc=False):
    """0x02 LOGIN_USER, client to server."""

    type: ClassVar[int] = MessageType.LOGIN_USER
    username: bytes
    signature: bytes


class GetPublicKey(Message, frozen=True, gc=False):
    """0x03 GET_PUBLIC_KEY, client to server."""

    type: ClassVar[int] = MessageType.GET_PUBLIC_KEY
    username: bytes


class SendMessage(Message, frozen=True, gc=False):
    """0x04 SEND_MESSAGE, client to server."""

    type: ClassVar[int] = MessageType.SEND_MESSAGE
    recipient: bytes
    encrypted_message: bytes


class GetMessages(Message, frozen=True, gc=False):
    """0x05 GET_MESSAGES, client to server."""

    type: ClassVar[int] = MessageType.GET_MESSAGES


class SetStatus(Message, frozen=True, gc=False):
    """0x06 SET_STATUS, client to server."""

    type: ClassVar[int] = MessageType.SET_STATUS
    status: int


class ListUsers(Message, frozen=True, gc=False):
    """0x07 LIST_USERS, client to server."""

    type: ClassVar[int] = MessageType.LIST_USERS


class Logout(Message, frozen=True, gc=False):
    """0x08 LOGOUT, client to server."""

    type: ClassVar[int] = MessageType.LOGOUT


class RegisterResponse(Message, frozen=True, gc=False):
    """0x81 REGISTER_RESPONSE, server to client."""

    type: ClassVar[int] = MessageType.REGISTER_RESPONSE
    success: int
    error_code: int | None = None


class LoginResponse(Message, frozen=True, gc=False):
    """0x82 LOGIN_RESPONSE, server to client."""

    type: ClassVar[int] = MessageType.LOGIN_RESPONSE
    success: int
    challenge: bytes | None = None


class PublicKeyResponse(Message, frozen=True, gc=False):
    """0x83 PUBLIC_KEY_RESPONSE, server to client."""

    type: ClassVar[int] = MessageType.PUBLIC_KEY_RESPONSE
    found: int
    public_key: bytes | None = None


class MessageAck(Message, frozen=True, gc=False):
    """0x84 MESSAGE_ACK, server to client."""

    type: ClassVar[int] = MessageType.MESSAGE_ACK
    message_id: int
    status: int


class IncomingMessage(Message, frozen=True, gc=False):
    """0x85 INCOMING_MESSAGE, server to client."""

    type: ClassVar[int] = MessageType.INCOMING_MESSAGE
    message_id: int
    sender: bytes
    timestamp: int
    encrypted_message: bytes


class UserListResponse(Message, frozen=True, gc=False):
    """0x86 USER_LIST_RESPONSE, server to client."""

    type: ClassVar[int] = MessageType.USER_LIST_RESPONSE
    users: tuple[User, ...]


class StatusUpdate(Message, frozen=True, gc=False):
    """0x87 STATUS_UPDATE, server to client."""

    type: ClassVar[int] = MessageType.STATUS_UPDATE
    username: bytes
    new_status: int


class Error(Message, frozen=True, gc=False):
    """0x88 ERROR, server to client."""

    type: ClassVar[int] = MessageType.ERROR
    error_code: int
    error_message: bytes


#: The class of each message type.
MESSAGES: Final[dict[int, type[Message]]] = {
    0x01: RegisterUser,
    0x02: LoginUser,
    0x03: GetPublicKey,
    0x04: SendMessage,
    0x05: GetMessages,
    0x06: SetStatus,
    0x07: ListUsers,
    0x08: Logout,
    0x81: RegisterResponse,
    0x82: LoginResponse,
    0x83: PublicKeyResponse,
    0x84: MessageAck,
    0x85: IncomingMessage,
    0x86: UserListResponse,
    0x87: StatusUpdate,
    0x88: Error,
}

#: The class of the entries of each counted group.
ENTRIES: Final[dict[type[Message], dict[str, type[Entry]]]] = {
    UserListResponse: {"users": User},
}
