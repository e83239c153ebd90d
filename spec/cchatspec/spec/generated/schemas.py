# ======================================================================
# GENERATED from spec/PROTOCOL.md by `cchatspec spec generate`.
# Do not edit: change the document, run the command, commit both.
# ======================================================================
"""The layouts of C-Chat, declared with Construct. What is malformed is decided here."""

from typing import Final

from construct import (
    Bytes,
    GreedyBytes,
    IfThenElse,
    Int8ub,
    Int16ub,
    Int32ub,
    OneOf,
    Prefixed,
    Struct,
    Terminated,
    this,
)

from cchatspec.spec.constructs import ABSENT, CountedGroup

#: What stands in front of every payload.
HEADER: Final = Struct(
    "message_length" / Int32ub,
    "message_type" / Int8ub,
)

#: One entry of USER_LIST_RESPONSE.
USER_LIST_RESPONSE_USER: Final = Struct(
    "username" / Prefixed(Int8ub, GreedyBytes),
    "status" / Int8ub,
)

#: 0x01 REGISTER_USER, client to server.
REGISTER_USER: Final = Struct(
    "username" / Prefixed(Int8ub, GreedyBytes),
    "public_key" / Bytes(32),
    Terminated,
)

#: 0x02 LOGIN_USER, client to server.
LOGIN_USER: Final = Struct(
    "username" / Prefixed(Int8ub, GreedyBytes),
    "signature" / Bytes(64),
    Terminated,
)

#: 0x03 GET_PUBLIC_KEY, client to server.
GET_PUBLIC_KEY: Final = Struct(
    "username" / Prefixed(Int8ub, GreedyBytes),
    Terminated,
)

#: 0x04 SEND_MESSAGE, client to server.
SEND_MESSAGE: Final = Struct(
    "recipient" / Prefixed(Int8ub, GreedyBytes),
    "encrypted_message" / Prefixed(Int16ub, GreedyBytes),
    Terminated,
)

#: 0x05 GET_MESSAGES, client to server.
GET_MESSAGES: Final = Struct(
    Terminated,
)

#: 0x06 SET_STATUS, client to server.
SET_STATUS: Final = Struct(
    "status" / OneOf(Int8ub, (0, 1, 2)),
    Terminated,
)

#: 0x07 LIST_USERS, client to server.
LIST_USERS: Final = Struct(
    Terminated,
)

#: 0x08 LOGOUT, client to server.
LOGOUT: Final = Struct(
    Terminated,
)

#: 0x81 REGISTER_RESPONSE, server to client.
REGISTER_RESPONSE: Final = Struct(
    "success" / OneOf(Int8ub, (0, 1)),
    "error_code" / IfThenElse(this.success == 0, Int8ub, ABSENT),
    Terminated,
)

#: 0x82 LOGIN_RESPONSE, server to client.
LOGIN_RESPONSE: Final = Struct(
    "success" / OneOf(Int8ub, (0, 1)),
    "challenge" / IfThenElse(this.success == 1, Bytes(32), ABSENT),
    Terminated,
)

#: 0x83 PUBLIC_KEY_RESPONSE, server to client.
PUBLIC_KEY_RESPONSE: Final = Struct(
    "found" / OneOf(Int8ub, (0, 1)),
    "public_key" / IfThenElse(this.found == 1, Bytes(32), ABSENT),
    Terminated,
)

#: 0x84 MESSAGE_ACK, server to client.
MESSAGE_ACK: Final = Struct(
    "message_id" / Int32ub,
    "status" / OneOf(Int8ub, (0, 1, 2)),
    Terminated,
)

#: 0x85 INCOMING_MESSAGE, server to client.
INCOMING_MESSAGE: Final = Struct(
    "message_id" / Int32ub,
    "sender" / Prefixed(Int8ub, GreedyBytes),
    "timestamp" / Int32ub,
    "encrypted_message" / Prefixed(Int16ub, GreedyBytes),
    Terminated,
)

#: 0x86 USER_LIST_RESPONSE, server to client.
USER_LIST_RESPONSE: Final = Struct(
    "users" / CountedGroup(Int16ub, USER_LIST_RESPONSE_USER),
    Terminated,
)

#: 0x87 STATUS_UPDATE, server to client.
STATUS_UPDATE: Final = Struct(
    "username" / Prefixed(Int8ub, GreedyBytes),
    "new_status" / Int8ub,
    Terminated,
)

#: 0x88 ERROR, server to client.
ERROR: Final = Struct(
    "error_code" / Int8ub,
    "error_message" / Prefixed(Int16ub, GreedyBytes),
    Terminated,
)

#: The schema of each message type's payload.
SCHEMAS: Final = {
    0x01: REGISTER_USER,
    0x02: LOGIN_USER,
    0x03: GET_PUBLIC_KEY,
    0x04: SEND_MESSAGE,
    0x05: GET_MESSAGES,
    0x06: SET_STATUS,
    0x07: LIST_USERS,
    0x08: LOGOUT,
    0x81: REGISTER_RESPONSE,
    0x82: LOGIN_RESPONSE,
    0x83: PUBLIC_KEY_RESPONSE,
    0x84: MESSAGE_ACK,
    0x85: INCOMING_MESSAGE,
    0x86: USER_LIST_RESPONSE,
    0x87: STATUS_UPDATE,
    0x88: ERROR,
}
