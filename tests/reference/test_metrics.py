from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry, generate_latest
from tests.reference.conftest import register

from cchatspec.reference.metrics import ServerCollector
from cchatspec.reference.server import Server
from cchatspec.spec import build


def figures(server: Server) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(ServerCollector(server))
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


async def after_a_registration(store: str) -> dict[str, float]:
    async with Server(store=store) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(build(register(b"alice")) + b"\0\0\0\0\x55")
        await reader.read(100)
        while not server.core.counts.errors[5]:
            await reader.read(100)
        figures_now = figures(server)
        writer.close()
        await writer.wait_closed()
    return figures_now


def test_requests_errors_and_what_stands_are_told() -> None:
    told = asyncio.run(after_a_registration(":memory:"))

    assert {name: value for name, value in told.items() if value} == {
        "cchat_connections": 1,
        "cchat_users": 1,
        "cchat_connections_taken_total": 1,
        'cchat_requests_total{type="REGISTER_USER"}': 1,
        'cchat_requests_total{type="unknown"}': 1,
        'cchat_errors_total{code="INVALID_MESSAGE_FORMAT"}': 1,
    }


def test_commits_are_told_when_there_is_a_store(tmp_path: object) -> None:
    told = asyncio.run(after_a_registration(f"{tmp_path}/chat.db"))

    assert told["cchat_store_commits_total"] == told["cchat_store_writes_total"] == 1
