"""The fixture that client authors import."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from tests.reference.conftest import register

from cchatspec.reference.limits import Limits
from cchatspec.reference.store import StoreError
from cchatspec.reference.testing import RunningServer, Server, cchat_server, serving
from cchatspec.spec import PAYLOAD_LIMIT, ErrorCode, FrameReader, Logout, Message, RegisterResponse, build, parse

__all__ = ["cchat_server"]


def asked(server: RunningServer, *requests: Message) -> list[Message]:
    with socket.create_connection((server.host, server.port), 10) as client:
        client.sendall(b"".join(map(build, (*requests, Logout()))))
        data = b""
        while chunk := client.recv(1 << 16):
            data += chunk
    return [parse(*frame) for frame in FrameReader(PAYLOAD_LIMIT).feed(data)]


def test_a_client_can_register(cchat_server: RunningServer) -> None:
    assert asked(cchat_server, register(b"alice")) == [RegisterResponse(1)]


def test_every_test_has_a_server_of_its_own(cchat_server: RunningServer) -> None:
    assert asked(cchat_server, register(b"alice")) == [RegisterResponse(1)]


def test_no_rate_is_limited(cchat_server: RunningServer) -> None:
    refused = RegisterResponse(0, ErrorCode.INVALID_USERNAME)

    assert asked(cchat_server, *[register(b"")] * 5000) == [refused] * 5000


def test_limits_and_a_store_can_be_given(tmp_path: Path) -> None:
    store = str(tmp_path / "chat.db")
    with serving(store=store, limits=Limits(rate=1, burst=1)) as server:
        first = asked(server, register(b"alice"))
    with serving(store=store) as server:
        again = asked(server, register(b"alice"))

    assert first + again == [RegisterResponse(1), RegisterResponse(0, ErrorCode.USER_ALREADY_EXISTS)]


def test_a_server_that_cannot_start_says_why() -> None:
    with pytest.raises(StoreError, match="cannot open the store"), serving(store="/nonexistent/chat.db"):
        pass


def test_a_server_can_be_embedded_in_ones_own_loop() -> None:
    async def run() -> tuple[str, bool]:
        async with Server() as server:
            _, writer = await asyncio.open_connection(server.host, server.port)
            writer.close()
            await writer.wait_closed()
            return server.host, server.port > 0

    assert asyncio.run(run()) == ("127.0.0.1", True)


def test_the_fixture_says_where_it_is(cchat_server: RunningServer) -> None:
    assert cchat_server.address == f"127.0.0.1:{cchat_server.port}"
