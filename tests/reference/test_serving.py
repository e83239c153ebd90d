"""`cchatspec serve` as a program of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cchatspec.spec import (
    Error,
    ErrorCode,
    Frame,
    FrameReader,
    GetMessages,
    RegisterResponse,
    RegisterUser,
    build,
    parse,
)

DEADLINE = 20


@contextmanager
def served(*options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "cchatspec.cli", "serve", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        try:
            yield program
        finally:
            program.kill()


def port_of(program: subprocess.Popen[str]) -> int:
    assert program.stdout is not None
    line = program.stdout.readline()
    assert line.startswith("listening on 127.0.0.1:")
    return int(line.removeprefix("listening on 127.0.0.1:").removesuffix("\n"))


def received(connection: socket.socket, *, to_the_end: bool = False) -> list[Frame]:
    """The frames of one read, or of all until the server closes."""
    reader = FrameReader()
    frames: list[Frame] = []
    while data := connection.recv(1 << 16):
        frames += reader.feed(data)
        if not to_the_end:
            break
    return frames


def test_it_says_where_it_listens_and_accepts() -> None:
    with (
        served("--port", "0") as program,
        socket.create_connection(("127.0.0.1", port_of(program)), DEADLINE) as client,
    ):
        client.sendall(build(GetMessages()))

        assert [parse(*frame).type for frame in received(client)] == [Error.type]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly(number: signal.Signals) -> None:
    with (
        served("--port", "0") as program,
        socket.create_connection(("127.0.0.1", port_of(program)), DEADLINE) as client,
    ):
        client.sendall(build(GetMessages()))
        received(client)
        program.send_signal(number)
        (farewell,) = [parse(*frame) for frame in received(client, to_the_end=True)]

        assert isinstance(farewell, Error) and farewell.error_code == ErrorCode.CONNECTION_TERMINATED
        output, log = program.communicate(timeout=DEADLINE)
        assert (output, program.returncode) == ("", 0)
        assert [line.split()[3] for line in log.splitlines()] == ["started", "stopping", "stopped"]


def test_what_was_confirmed_survives_a_kill(tmp_path: Path) -> None:
    options = "--port", "0", "--store", str(tmp_path / "chat.db")
    request = build(RegisterUser(b"alice", b"k" * 32))
    replies = []
    for _ in range(2):
        with served(*options) as program, socket.create_connection(("127.0.0.1", port_of(program)), DEADLINE) as client:
            client.sendall(request)
            replies += [parse(*frame) for frame in received(client)]

    assert replies == [RegisterResponse(1), RegisterResponse(0, ErrorCode.USER_ALREADY_EXISTS)]


def refusal(*options: str) -> tuple[int, str]:
    with served(*options) as program:
        errors = program.communicate(timeout=DEADLINE)[1]
        return program.returncode, errors


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert refusal("--port", str(port)) == (
            2,
            f"cchatspec: cannot listen on 127.0.0.1:{port}: Address already in use\n",
        )


@pytest.mark.parametrize("host", ["no.such.host.invalid", "300.1.1.1", "x" * 100, "203.0.113.1"])
def test_a_host_that_is_none_is_said_in_one_line(host: str) -> None:
    status, errors = refusal("--port", "0", "--host", host)

    assert status == 2 and errors.startswith(f"cchatspec: cannot listen on {host}:0: ") and errors.count("\n") == 1


def test_a_store_that_is_none_is_said_in_one_line(tmp_path: Path) -> None:
    store = tmp_path / "notes.txt"
    store.write_text("not a database, " * 100)

    assert refusal("--port", "0", "--store", str(store)) == (
        2,
        f"cchatspec: cannot use the store {store}: file is not a database\n",
    )


def test_a_port_out_of_range_is_wrong_usage() -> None:
    assert refusal("--port", "65536")[0] == 2
