"""Accepting while descriptors are short for reasons that the server cannot see coming."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

import pytest

from cchatspec.reference import listener
from cchatspec.reference.journal import Journal
from cchatspec.reference.server import Server
from cchatspec.spec import GetMessages, build

DEADLINE = 20.0
TIMES = 4


class Shortage:
    """Lets `accept` fail for want of descriptors a few times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        self.left = TIMES
        accept = socket.socket.accept

        def short(each: socket.socket) -> tuple[socket.socket, Any]:
            if self.left:
                self.left -= 1
                raise OSError(number, "short")
            return accept(each)

        monkeypatch.setattr(socket.socket, "accept", short)
        monkeypatch.setattr(listener, "_RETRY_SECONDS", 0)


async def _said_while_short(shortage: Shortage) -> tuple[list[str], list[dict[str, Any]]]:
    """What the server and the loop say until a client is served."""
    said: list[str] = []
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    async with Server(journal=Journal(lambda level, event, **fields: said.append(event))) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(build(GetMessages()))
        async with asyncio.timeout(DEADLINE):
            await reader.readexactly(5)
        writer.close()
    assert not shortage.left
    return said, complaints


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE], ids=errno.errorcode.get)
def test_a_shortage_from_elsewhere_is_said_once(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    shortage = Shortage(monkeypatch, number)

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        said, complaints = runner.run(_said_while_short(shortage))

    assert said.count("out of file descriptors") == 1 and not complaints
