"""A codec written by hand with `struct`: what the generated one has to keep up with.

It returns the same message classes, refuses the same bytes and values, and leaves only the words of a refusal to the generated
codec's fallback. A test holds it equal. It is nobody's codec but the bench's.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct, error
from typing import Any

from cchatspec.spec import (
    Error,
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    LoginResponse,
    LoginUser,
    Logout,
    Message,
    MessageAck,
    PublicKeyResponse,
    RegisterResponse,
    RegisterUser,
    SendMessage,
    SetStatus,
    StatusUpdate,
    User,
    UserListResponse,
)
from cchatspec.spec.interpretive import build_by_construct, parse_by_construct

_HEADER = Struct(">IB")
_HEADER_BYTE = Struct(">IBB")
_SHORT = Struct(">H")
_ID_BYTE = Struct(">IB")
_TIME_SHORT = Struct(">IH")
_BYTE_SHORT = Struct(">BH")
_ACK = Struct(">IBIB")
_ERROR = Struct(">IBBH")
_COUNT = Struct(">IBH")

_GET_MESSAGES = GetMessages()
_LIST_USERS = ListUsers()
_LOGOUT = Logout()


def _register_user(payload: bytes) -> Message | None:
    end = payload[0] + 1
    if len(payload) != end + 32:
        return None
    return RegisterUser(payload[1:end], payload[end:])


def _login_user(payload: bytes) -> Message | None:
    end = payload[0] + 1
    if len(payload) != end + 64:
        return None
    return LoginUser(payload[1:end], payload[end:])


def _get_public_key(payload: bytes) -> Message | None:
    if len(payload) != payload[0] + 1:
        return None
    return GetPublicKey(payload[1:])


def _send_message(payload: bytes) -> Message | None:
    end = payload[0] + 1
    (size,) = _SHORT.unpack_from(payload, end)
    if len(payload) != end + 2 + size:
        return None
    return SendMessage(payload[1:end], payload[end + 2 :])


def _get_messages(payload: bytes) -> Message | None:
    return None if payload else _GET_MESSAGES


def _set_status(payload: bytes) -> Message | None:
    status = payload[0]
    if len(payload) != 1 or status > 2:
        return None
    return SetStatus(status)


def _list_users(payload: bytes) -> Message | None:
    return None if payload else _LIST_USERS


def _logout(payload: bytes) -> Message | None:
    return None if payload else _LOGOUT


def _register_response(payload: bytes) -> Message | None:
    match len(payload), payload[0]:
        case 1, 1:
            return RegisterResponse(1)
        case 2, 0:
            return RegisterResponse(0, payload[1])
    return None


def _login_response(payload: bytes) -> Message | None:
    size, success = len(payload), payload[0]
    if size == 33 and success == 1:
        return LoginResponse(1, payload[1:])
    if size == 1 and success == 0:
        return LoginResponse(0)
    return None


def _public_key_response(payload: bytes) -> Message | None:
    size, found = len(payload), payload[0]
    if size == 33 and found == 1:
        return PublicKeyResponse(1, payload[1:])
    if size == 1 and found == 0:
        return PublicKeyResponse(0)
    return None


def _message_ack(payload: bytes) -> Message | None:
    number, status = _ID_BYTE.unpack(payload)
    return MessageAck(number, status) if status < 3 else None


def _incoming_message(payload: bytes) -> Message | None:
    number, size = _ID_BYTE.unpack_from(payload)
    end = 5 + size
    time, size = _TIME_SHORT.unpack_from(payload, end)
    if len(payload) != end + 6 + size:
        return None
    return IncomingMessage(number, payload[5:end], time, payload[end + 6 :])


def _user_list_response(payload: bytes) -> Message | None:
    (count,) = _SHORT.unpack_from(payload)
    users = []
    at = 2
    for _ in range(count):
        end = at + 1 + payload[at]
        users.append(User(payload[at + 1 : end], payload[end]))
        at = end + 1
    return UserListResponse(tuple(users)) if at == len(payload) else None


def _status_update(payload: bytes) -> Message | None:
    end = payload[0] + 1
    if len(payload) != end + 1:
        return None
    return StatusUpdate(payload[1:end], payload[end])


def _error(payload: bytes) -> Message | None:
    code, size = _BYTE_SHORT.unpack_from(payload)
    if len(payload) != 3 + size:
        return None
    return Error(code, payload[3:])


_PARSERS: dict[int, Callable[[bytes], Message | None]] = {
    0x01: _register_user,
    0x02: _login_user,
    0x03: _get_public_key,
    0x04: _send_message,
    0x05: _get_messages,
    0x06: _set_status,
    0x07: _list_users,
    0x08: _logout,
    0x81: _register_response,
    0x82: _login_response,
    0x83: _public_key_response,
    0x84: _message_ack,
    0x85: _incoming_message,
    0x86: _user_list_response,
    0x87: _status_update,
    0x88: _error,
}


def parse(code: int, payload: bytes) -> Message:
    """The message of a whole payload, or the error that Construct has for it."""
    try:
        message = _PARSERS[code](payload)
    except (KeyError, IndexError, error):
        message = None
    return message if message is not None else parse_by_construct(code, payload)


def _build_register_user(m: RegisterUser) -> bytes | None:
    name, key = m.username, m.public_key
    if len(key) != 32:
        return None
    return _HEADER_BYTE.pack(len(name) + 33, 0x01, len(name)) + name + key


def _build_login_user(m: LoginUser) -> bytes | None:
    name, signature = m.username, m.signature
    if len(signature) != 64:
        return None
    return _HEADER_BYTE.pack(len(name) + 65, 0x02, len(name)) + name + signature


def _build_get_public_key(m: GetPublicKey) -> bytes | None:
    name = m.username
    return _HEADER_BYTE.pack(len(name) + 1, 0x03, len(name)) + name


def _build_send_message(m: SendMessage) -> bytes | None:
    name, body = m.recipient, m.encrypted_message
    size = len(body)
    return _HEADER_BYTE.pack(len(name) + size + 3, 0x04, len(name)) + name + _SHORT.pack(size) + body


def _build_set_status(m: SetStatus) -> bytes | None:
    return _HEADER_BYTE.pack(1, 0x06, m.status) if m.status in (0, 1, 2) else None


def _build_register_response(m: RegisterResponse) -> bytes | None:
    if m.success == 1 and m.error_code is None:
        return b"\0\0\0\1\x81\1"
    if m.success == 0 and m.error_code is not None:
        return b"\0\0\0\2\x81\0" + bytes((m.error_code,))
    return None


def _build_flagged(code: int, flag: int, rest: bytes | None) -> bytes | None:
    if flag == 1 and rest is not None and len(rest) == 32:
        return _HEADER_BYTE.pack(33, code, 1) + rest
    if flag == 0 and rest is None:
        return _HEADER_BYTE.pack(1, code, 0)
    return None


def _build_login_response(m: LoginResponse) -> bytes | None:
    return _build_flagged(0x82, m.success, m.challenge)


def _build_public_key_response(m: PublicKeyResponse) -> bytes | None:
    return _build_flagged(0x83, m.found, m.public_key)


def _build_message_ack(m: MessageAck) -> bytes | None:
    return _ACK.pack(5, 0x84, m.message_id, m.status) if m.status in (0, 1, 2) else None


def _build_incoming_message(m: IncomingMessage) -> bytes | None:
    name, body = m.sender, m.encrypted_message
    size = len(body)
    return (
        _ACK.pack(len(name) + size + 11, 0x85, m.message_id, len(name))
        + name
        + _TIME_SHORT.pack(m.timestamp, size)
        + body
    )


def _build_user_list_response(m: UserListResponse) -> bytes | None:
    users = m.users
    body = b"".join([b"%c%b%c" % (len(user.username), user.username, user.status) for user in users])
    return _COUNT.pack(len(body) + 2, 0x86, len(users)) + body


def _build_status_update(m: StatusUpdate) -> bytes | None:
    name = m.username
    return _HEADER_BYTE.pack(len(name) + 2, 0x87, len(name)) + name + bytes((m.new_status,))


def _build_error(m: Error) -> bytes | None:
    text = m.error_message
    return _ERROR.pack(len(text) + 3, 0x88, m.error_code, len(text)) + text


_BUILDERS: dict[type[Message], Callable[[Any], bytes | None]] = {
    RegisterUser: _build_register_user,
    LoginUser: _build_login_user,
    GetPublicKey: _build_get_public_key,
    SendMessage: _build_send_message,
    GetMessages: lambda m: b"\0\0\0\0\x05",
    SetStatus: _build_set_status,
    ListUsers: lambda m: b"\0\0\0\0\x07",
    Logout: lambda m: b"\0\0\0\0\x08",
    RegisterResponse: _build_register_response,
    LoginResponse: _build_login_response,
    PublicKeyResponse: _build_public_key_response,
    MessageAck: _build_message_ack,
    IncomingMessage: _build_incoming_message,
    UserListResponse: _build_user_list_response,
    StatusUpdate: _build_status_update,
    Error: _build_error,
}


def build(message: Message) -> bytes:
    """The whole frame of a message, or the error that Construct has for it."""
    try:
        frame = _BUILDERS[type(message)](message)
    except (KeyError, TypeError, ValueError, OverflowError, error):
        frame = None
    return frame if frame is not None else build_by_construct(message)
