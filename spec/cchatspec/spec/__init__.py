"""The protocol: its document, and all that is generated from it.

`parse` and `build` are the codec, `FrameReader` splits a stream, the message classes and enums are named as in the document.
"""

from cchatspec.spec.errors import BuildError, FrameTooLong, MalformedPayload, UnknownType, WireError
from cchatspec.spec.framing import CLIENT_PAYLOAD_LIMIT, HEADER_SIZE, PAYLOAD_LIMIT, Frame, FrameReader, frame_bytes
from cchatspec.spec.generated.clauses import CLAUSES, FAMILIES, OPEN_POINTS
from cchatspec.spec.generated.fast import build, parse
from cchatspec.spec.generated.messages import (
    MESSAGES,
    Error,
    ErrorCode,
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    LoginResponse,
    LoginUser,
    Logout,
    MessageAck,
    MessageType,
    PublicKeyResponse,
    RegisterResponse,
    RegisterUser,
    SendMessage,
    SetStatus,
    StatusUpdate,
    User,
    UserListResponse,
)
from cchatspec.spec.generated.messages import MessageAckStatus as AckStatus
from cchatspec.spec.generated.messages import SetStatusStatus as Presence
from cchatspec.spec.message import Message

__all__ = [
    "CLAUSES",
    "CLIENT_PAYLOAD_LIMIT",
    "FAMILIES",
    "HEADER_SIZE",
    "MESSAGES",
    "OPEN_POINTS",
    "PAYLOAD_LIMIT",
    "AckStatus",
    "BuildError",
    "Error",
    "ErrorCode",
    "Frame",
    "FrameReader",
    "FrameTooLong",
    "GetMessages",
    "GetPublicKey",
    "IncomingMessage",
    "ListUsers",
    "LoginResponse",
    "LoginUser",
    "Logout",
    "MalformedPayload",
    "Message",
    "MessageAck",
    "MessageType",
    "Presence",
    "PublicKeyResponse",
    "RegisterResponse",
    "RegisterUser",
    "SendMessage",
    "SetStatus",
    "StatusUpdate",
    "UnknownType",
    "User",
    "UserListResponse",
    "WireError",
    "build",
    "frame_bytes",
    "parse",
]
