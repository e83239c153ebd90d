# ======================================================================
# GENERATED from spec/PROTOCOL.md by `cchatspec spec generate`.
# Do not edit: change the document, run the command, commit both.
# ======================================================================
"""A codec specialised to each layout; whatever is unusual is decided by Construct."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct, error
from typing import Any, Final

from cchatspec.spec.generated.messages import (
    Error,
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    LoginResponse,
    LoginUser,
    Logout,
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
from cchatspec.spec.message import Message
from cchatspec.spec.structs import packers, readers, unpackers

_FRAMES_LOGIN_RESPONSE = (b"\x00\x00\x00\x01\x82\x00", b"\x00\x00\x00\x21\x82\x01")
_FRAMES_PUBLIC_KEY_RESPONSE = (b"\x00\x00\x00\x01\x83\x00", b"\x00\x00\x00\x21\x83\x01")
_FRAMES_REGISTER_RESPONSE = (b"\x00\x00\x00\x02\x81\x00", b"\x00\x00\x00\x01\x81\x01")
_FRAMES_SET_STATUS = (b"\x00\x00\x00\x01\x06\x00", b"\x00\x00\x00\x01\x06\x01", b"\x00\x00\x00\x01\x06\x02")
_pack_b = Struct(">B").pack
_pack_b_n_b = packers(">B{}sB")
_pack_ibb_n = packers(">IBB{}s")
_pack_ibb_n_32s = packers(">IBB{}s32s")
_pack_ibb_n_64s = packers(">IBB{}s64s")
_pack_ibb_n_b = packers(">IBB{}sB")
_pack_ibb_n_h = packers(">IBB{}sH")
_pack_ibbh = Struct(">IBBH").pack
_pack_ibh = Struct(">IBH").pack
_pack_ibib = Struct(">IBIB").pack
_pack_ibib_n_ih = packers(">IBIB{}sIH")
_read_bh = Struct(">BH").unpack_from
_read_ix_n_ih = readers(">Ix{}sIH")
_read_x_n_b = readers(">x{}sB")
_read_x_n_h = readers(">x{}sH")
_unpack_ib = Struct(">IB").unpack
_unpack_x_n_32s = unpackers(">x{}s32s")
_unpack_x_n_64s = unpackers(">x{}s64s")
_unpack_x_n_b = unpackers(">x{}sB")
_GET_MESSAGES = GetMessages()
_LIST_USERS = ListUsers()
_LOGOUT = Logout()


def _parse_register_user(payload: bytes) -> Message:
    # 0x01 REGISTER_USER, client to server.
    try:
        return RegisterUser(*_unpack_x_n_32s[payload[0]](payload))
    except (IndexError, error):
        pass
    return parse_by_construct(0x01, payload)


def _build_register_user(message: RegisterUser) -> bytes:
    # 0x01 REGISTER_USER, client to server.
    username = message.username
    username_length = len(username)
    public_key = message.public_key
    if len(public_key) != 32:
        return build_by_construct(message)
    return _pack_ibb_n_32s[username_length](33 + username_length, 0x01, username_length, username, public_key)


def _parse_login_user(payload: bytes) -> Message:
    # 0x02 LOGIN_USER, client to server.
    try:
        return LoginUser(*_unpack_x_n_64s[payload[0]](payload))
    except (IndexError, error):
        pass
    return parse_by_construct(0x02, payload)


def _build_login_user(message: LoginUser) -> bytes:
    # 0x02 LOGIN_USER, client to server.
    username = message.username
    username_length = len(username)
    signature = message.signature
    if len(signature) != 64:
        return build_by_construct(message)
    return _pack_ibb_n_64s[username_length](65 + username_length, 0x02, username_length, username, signature)


def _parse_get_public_key(payload: bytes) -> Message:
    # 0x03 GET_PUBLIC_KEY, client to server.
    try:
        username_length = payload[0]
        if len(payload) == username_length + 1:
            return GetPublicKey(payload[1:])
    except IndexError:
        pass
    return parse_by_construct(0x03, payload)


def _build_get_public_key(message: GetPublicKey) -> bytes:
    # 0x03 GET_PUBLIC_KEY, client to server.
    username = message.username
    username_length = len(username)
    return _pack_ibb_n[username_length](1 + username_length, 0x03, username_length, username)


def _parse_send_message(payload: bytes) -> Message:
    # 0x04 SEND_MESSAGE, client to server.
    try:
        recipient_length = payload[0]
        recipient, message_length = _read_x_n_h[recipient_length](payload)
        recipient_end = 3 + recipient_length
        if len(payload) == recipient_end + message_length:
            return SendMessage(recipient, payload[recipient_end:])
    except (IndexError, error):
        pass
    return parse_by_construct(0x04, payload)


def _build_send_message(message: SendMessage) -> bytes:
    # 0x04 SEND_MESSAGE, client to server.
    recipient = message.recipient
    recipient_length = len(recipient)
    encrypted_message = message.encrypted_message
    encrypted_message_length = len(encrypted_message)
    return (
        _pack_ibb_n_h[recipient_length](
            3 + recipient_length + encrypted_message_length, 0x04, recipient_length, recipient, encrypted_message_length
        )
        + encrypted_message
    )


def _parse_get_messages(payload: bytes) -> Message:
    # 0x05 GET_MESSAGES, client to server.
    return parse_by_construct(0x05, payload) if payload else _GET_MESSAGES


def _build_get_messages(message: GetMessages) -> bytes:
    # 0x05 GET_MESSAGES, client to server.
    return b"\x00\x00\x00\x00\x05"


def _parse_set_status(payload: bytes) -> Message:
    # 0x06 SET_STATUS, client to server.
    try:
        status = payload[0]
        if len(payload) == 1 and status < 3:
            return SetStatus(status)
    except IndexError:
        pass
    return parse_by_construct(0x06, payload)


def _build_set_status(message: SetStatus) -> bytes:
    # 0x06 SET_STATUS, client to server.
    status = message.status
    if status < 0:
        return build_by_construct(message)
    return _FRAMES_SET_STATUS[status]


def _parse_list_users(payload: bytes) -> Message:
    # 0x07 LIST_USERS, client to server.
    return parse_by_construct(0x07, payload) if payload else _LIST_USERS


def _build_list_users(message: ListUsers) -> bytes:
    # 0x07 LIST_USERS, client to server.
    return b"\x00\x00\x00\x00\x07"


def _parse_logout(payload: bytes) -> Message:
    # 0x08 LOGOUT, client to server.
    return parse_by_construct(0x08, payload) if payload else _LOGOUT


def _build_logout(message: Logout) -> bytes:
    # 0x08 LOGOUT, client to server.
    return b"\x00\x00\x00\x00\x08"


def _parse_register_response(payload: bytes) -> Message:
    # 0x81 REGISTER_RESPONSE, server to client.
    try:
        success = payload[0]
        if success == 0 and len(payload) == 2:
            return RegisterResponse(success, payload[1])
        if len(payload) == 1 and success == 1:
            return RegisterResponse(success)
    except IndexError:
        pass
    return parse_by_construct(0x81, payload)


def _build_register_response(message: RegisterResponse) -> bytes:
    # 0x81 REGISTER_RESPONSE, server to client.
    success = message.success
    error_code = message.error_code
    if success == 0:
        return _FRAMES_REGISTER_RESPONSE[success] + _pack_b(error_code)
    if error_code is None and success == 1:
        return _FRAMES_REGISTER_RESPONSE[success]
    return build_by_construct(message)


def _parse_login_response(payload: bytes) -> Message:
    # 0x82 LOGIN_RESPONSE, server to client.
    try:
        success = payload[0]
        if success == 1 and len(payload) == 33:
            return LoginResponse(success, payload[1:])
        if len(payload) == 1 and success == 0:
            return LoginResponse(success)
    except IndexError:
        pass
    return parse_by_construct(0x82, payload)


def _build_login_response(message: LoginResponse) -> bytes:
    # 0x82 LOGIN_RESPONSE, server to client.
    success = message.success
    challenge = message.challenge
    if success == 1 and challenge is not None and len(challenge) == 32:
        return _FRAMES_LOGIN_RESPONSE[success] + challenge
    if challenge is None and success == 0:
        return _FRAMES_LOGIN_RESPONSE[success]
    return build_by_construct(message)


def _parse_public_key_response(payload: bytes) -> Message:
    # 0x83 PUBLIC_KEY_RESPONSE, server to client.
    try:
        found = payload[0]
        if found == 1 and len(payload) == 33:
            return PublicKeyResponse(found, payload[1:])
        if len(payload) == 1 and found == 0:
            return PublicKeyResponse(found)
    except IndexError:
        pass
    return parse_by_construct(0x83, payload)


def _build_public_key_response(message: PublicKeyResponse) -> bytes:
    # 0x83 PUBLIC_KEY_RESPONSE, server to client.
    found = message.found
    public_key = message.public_key
    if found == 1 and public_key is not None and len(public_key) == 32:
        return _FRAMES_PUBLIC_KEY_RESPONSE[found] + public_key
    if public_key is None and found == 0:
        return _FRAMES_PUBLIC_KEY_RESPONSE[found]
    return build_by_construct(message)


def _parse_message_ack(payload: bytes) -> Message:
    # 0x84 MESSAGE_ACK, server to client.
    try:
        message_id, status = _unpack_ib(payload)
        if status < 3:
            return MessageAck(message_id, status)
    except (IndexError, error):
        pass
    return parse_by_construct(0x84, payload)


def _build_message_ack(message: MessageAck) -> bytes:
    # 0x84 MESSAGE_ACK, server to client.
    message_id = message.message_id
    status = message.status
    if status not in (0, 1, 2):
        return build_by_construct(message)
    return _pack_ibib(5, 0x84, message_id, status)


def _parse_incoming_message(payload: bytes) -> Message:
    # 0x85 INCOMING_MESSAGE, server to client.
    try:
        sender_length = payload[4]
        message_id, sender, timestamp, message_length = _read_ix_n_ih[sender_length](payload)
        sender_end = 11 + sender_length
        if len(payload) == sender_end + message_length:
            return IncomingMessage(message_id, sender, timestamp, payload[sender_end:])
    except (IndexError, error):
        pass
    return parse_by_construct(0x85, payload)


def _build_incoming_message(message: IncomingMessage) -> bytes:
    # 0x85 INCOMING_MESSAGE, server to client.
    message_id = message.message_id
    sender = message.sender
    sender_length = len(sender)
    timestamp = message.timestamp
    encrypted_message = message.encrypted_message
    encrypted_message_length = len(encrypted_message)
    return (
        _pack_ibib_n_ih[sender_length](
            11 + sender_length + encrypted_message_length,
            0x85,
            message_id,
            sender_length,
            sender,
            timestamp,
            encrypted_message_length,
        )
        + encrypted_message
    )


def _parse_user_list_response(payload: bytes) -> Message:
    # 0x86 USER_LIST_RESPONSE, server to client.
    try:
        user_count = (payload[0] << 8) | payload[1]
        users_at = 2
        users = []
        for _ in range(user_count):
            username_length = payload[users_at]
            username, status = _read_x_n_b[username_length](payload, users_at)
            username_end = users_at + 2 + username_length
            users.append(User(username, status))
            users_at = username_end
        if len(payload) == users_at:
            return UserListResponse(tuple(users))
    except (IndexError, error):
        pass
    return parse_by_construct(0x86, payload)


def _build_user_list_response(message: UserListResponse) -> bytes:
    # 0x86 USER_LIST_RESPONSE, server to client.
    users = message.users
    users_entries = []
    for entry in users:
        username = entry.username
        username_length = len(username)
        status = entry.status
        users_entries.append(_pack_b_n_b[username_length](username_length, username, status))
    users_bytes = b"".join(users_entries)
    return _pack_ibh(2 + len(users_bytes), 0x86, len(users)) + users_bytes


def _parse_status_update(payload: bytes) -> Message:
    # 0x87 STATUS_UPDATE, server to client.
    try:
        return StatusUpdate(*_unpack_x_n_b[payload[0]](payload))
    except (IndexError, error):
        pass
    return parse_by_construct(0x87, payload)


def _build_status_update(message: StatusUpdate) -> bytes:
    # 0x87 STATUS_UPDATE, server to client.
    username = message.username
    username_length = len(username)
    new_status = message.new_status
    return _pack_ibb_n_b[username_length](2 + username_length, 0x87, username_length, username, new_status)


def _parse_error(payload: bytes) -> Message:
    # 0x88 ERROR, server to client.
    try:
        error_code, error_message_length = _read_bh(payload)
        if len(payload) == error_message_length + 3:
            return Error(error_code, payload[3:])
    except (IndexError, error):
        pass
    return parse_by_construct(0x88, payload)


def _build_error(message: Error) -> bytes:
    # 0x88 ERROR, server to client.
    error_code = message.error_code
    error_message = message.error_message
    error_message_length = len(error_message)
    return _pack_ibbh(3 + error_message_length, 0x88, error_code, error_message_length) + error_message


PARSERS: Final[dict[int, Callable[[bytes], Message]]] = {
    0x01: _parse_register_user,
    0x02: _parse_login_user,
    0x03: _parse_get_public_key,
    0x04: _parse_send_message,
    0x05: _parse_get_messages,
    0x06: _parse_set_status,
    0x07: _parse_list_users,
    0x08: _parse_logout,
    0x81: _parse_register_response,
    0x82: _parse_login_response,
    0x83: _parse_public_key_response,
    0x84: _parse_message_ack,
    0x85: _parse_incoming_message,
    0x86: _parse_user_list_response,
    0x87: _parse_status_update,
    0x88: _parse_error,
}
BUILDERS: Final[dict[type[Message], Callable[[Any], bytes]]] = {
    RegisterUser: _build_register_user,
    LoginUser: _build_login_user,
    GetPublicKey: _build_get_public_key,
    SendMessage: _build_send_message,
    GetMessages: _build_get_messages,
    SetStatus: _build_set_status,
    ListUsers: _build_list_users,
    Logout: _build_logout,
    RegisterResponse: _build_register_response,
    LoginResponse: _build_login_response,
    PublicKeyResponse: _build_public_key_response,
    MessageAck: _build_message_ack,
    IncomingMessage: _build_incoming_message,
    UserListResponse: _build_user_list_response,
    StatusUpdate: _build_status_update,
    Error: _build_error,
}


def parse(code: int, payload: bytes) -> Message:
    """The message of a whole payload.

    Raises:
        MalformedPayload: the payload departs from the layout of its type.
        UnknownType: no message has this type.
    """
    try:
        return PARSERS[code](payload)
    except KeyError:
        return parse_by_construct(code, payload)


def build(message: Message) -> bytes:
    """The whole frame of a message, header included.

    Raises:
        BuildError: a value does not fit the layout.
    """
    try:
        return BUILDERS[type(message)](message)
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError, error):
        return build_by_construct(message)
