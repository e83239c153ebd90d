"""A small C-Chat server to test the suite with: right, or with a fault that breaks one clause.

    python server.py PORT [--fault NAME]… [--point ID=READING]… [--close fin|rst] [--store FILE]

It is written from the protocol alone and shares no code with the suite or the reference server. `faults.toml` names the faults.
Without one it is right under every reading of the open points, keeps its users and queues if it has a file, and stands what
hostile clients send.
"""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable

import accounts
import login
import messages
import presence
import wire
from connection import Connection
from options import CHOSEN, fault, read_options, reads
from state import State

Handler = Callable[[Connection, wire.Fields], None]

HANDLERS: dict[int, Handler] = {
    wire.REGISTER_USER: accounts.on_register,
    wire.LOGIN_USER: login.on_login,
    wire.GET_PUBLIC_KEY: accounts.on_get_key,
    wire.SEND_MESSAGE: messages.on_send,
    wire.GET_MESSAGES: messages.on_poll,
    wire.SET_STATUS: presence.on_status,
    wire.LIST_USERS: accounts.on_list,
    wire.LOGOUT: presence.on_logout,
}

#: What is served before the login.
FOR_ALL = (wire.REGISTER_USER, wire.LOGIN_USER)


def serve(connection: Connection, kind: int, fields: wire.Fields) -> None:
    """Serve one request."""
    if fault("top-bit-is-ignored"):
        kind &= 0x7F
    if not fields.payload and kind != wire.LOGOUT and fault("empty-payload-is-the-end"):
        connection.close()
        return
    handler = HANDLERS.get(kind)
    if handler is None:
        refuse_unknown(connection, kind, fields)
        return
    if not fields.payload and kind <= wire.SEND_MESSAGE and fault("dies-of-empty-payload"):
        os._exit(1)
    if kind not in FOR_ALL and connection.user is None and not is_let_through(connection, kind, fields):
        return
    try:
        handler(connection, fields)
    except wire.Malformed:
        refuse_malformed(connection)


def refuse_unknown(connection: Connection, kind: int, fields: wire.Fields) -> None:
    """Answer a frame that is no request."""
    if kind == 0xFF and fault("dies-of-unknown-type"):
        os._exit(1)
    if fault("unknown-is-not-skipped"):
        connection.put_back(fields.payload)
    if fault("unknown-closes"):
        connection.close()
    if fault("unknown-of-a-stranger-is-ignored") and connection.user is None:
        return
    if not fault("unknown-is-ignored"):
        connection.error(wire.SERVER_ERROR if fault("unknown-wrong-code") else wire.INVALID_FORMAT)


def refuse_malformed(connection: Connection) -> None:
    """Answer a request that does not follow its layout."""
    if fault("malformed-is-ignored"):
        return
    if fault("malformed-stranger-is-ignored") and connection.user is None:
        return
    connection.mistakes += 1
    if fault("third-mistake-logs-out") and connection.mistakes == 3:
        presence.leave(connection, "lost")
    if fault("malformed-logs-out"):
        presence.leave(connection, "lost")
    connection.error(wire.SERVER_ERROR if fault("malformed-wrong-code") else wire.INVALID_FORMAT)
    if fault("malformed-twice"):
        connection.error(wire.INVALID_FORMAT)
    if reads("after-malformed", "closes"):
        connection.close()


def is_let_through(connection: Connection, kind: int, fields: wire.Fields) -> bool:
    """Refuse a request that needs a login, unless a fault serves it all the same."""
    has_asked = connection.state.find(connection.asked) is not None
    if connection.state.newest is not None and fault("one-login-for-all"):
        return True
    if kind == wire.GET_PUBLIC_KEY and fault("keys-for-all"):
        return True
    if kind == wire.LIST_USERS and fault("list-for-all"):
        return True
    if kind == wire.SEND_MESSAGE and fault("send-for-all"):
        return True
    if kind == wire.GET_MESSAGES and has_asked and fault("poll-gives-out"):
        return True
    if kind == wire.SET_STATUS and has_asked and fault("status-for-all"):
        return True
    if kind == wire.GET_MESSAGES and fault("poll-drops"):
        connection.acting.queue.clear()
    if kind == wire.GET_MESSAGES and fault("poll-is-silent"):
        return False
    if kind == wire.SET_STATUS and fault("status-is-silent"):
        return False
    if fault("refusal-ends-the-handshake"):
        connection.challenge = b""
    if (
        fault("malformed-stranger-is-ignored")
        and not fields.payload
        and kind not in (wire.GET_MESSAGES, wire.LIST_USERS)
    ):
        return False
    refuse_stranger(connection, kind)
    if kind == wire.SEND_MESSAGE and fault("send-refused-and-done"):
        return True
    return (
        kind == wire.SEND_MESSAGE
        and fault("send-refused-and-queued")
        and not messages.is_for_the_present(connection, fields)
    )


def refuse_stranger(connection: Connection, kind: int) -> None:
    """Say that a request needs a login."""
    if kind == wire.GET_PUBLIC_KEY and fault("keys-are-hidden"):
        connection.send(wire.PUBLIC_KEY_RESPONSE, wire.public_key_response(None))
    elif kind == wire.SEND_MESSAGE and fault("stranger-fails-to-send"):
        connection.send(wire.MESSAGE_ACK, wire.ack(0, messages.FAILED))
    elif kind == wire.LIST_USERS and fault("list-is-empty"):
        connection.send(wire.USER_LIST_RESPONSE, bytes(2))
    else:
        wrong_code = kind == wire.LIST_USERS and fault("list-wrong-code")
        connection.error(wire.TERMINATED if wrong_code else wire.NOT_AUTHENTICATED)


async def run() -> None:
    """Serve until the process is ended."""
    state = State()
    state.open_store()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(state, serve, presence.on_left), "127.0.0.1", CHOSEN.port, backlog=1024
    )
    async with server:
        await server.serve_forever()


def main() -> None:
    """Read the command line and serve."""
    read_options()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not fault("files-leak"):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(run())


if __name__ == "__main__":
    main()
