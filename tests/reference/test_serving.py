"""`cchatspec serve` as a program of its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import urlopen

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
def served(*options: str, files: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """Runs the program; with `files`, it may open no more than that."""
    command = [sys.executable, "-m", "cchatspec.cli", "serve", *options]
    if files:
        command = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *command]
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
        assert [line.split()[2] for line in log.splitlines()] == ["started", "stopping", "stopped"]


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


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("--rate", "fast", "'fast' is no rate"),
        ("--burst", "0", "the burst has to be 1 at least"),
        ("--config", "/nonexistent.toml", "cannot read /nonexistent.toml: No such file"),
        ("--queue-limit", "-1", "-1 is not in the range"),
        ("--log-format", "xml", "'xml' is not one of"),
    ],
)
def test_a_wrong_option_is_wrong_usage(option: str, value: str, problem: str) -> None:
    status, errors = refusal("--port", "0", option, value)

    assert status == 2 and problem in errors


def test_a_port_out_of_range_is_wrong_usage() -> None:
    assert refusal("--port", "65536")[0] == 2


def test_a_taken_port_for_the_metrics_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, errors = refusal("--port", "0", "--metrics-port", str(port), "--log-level", "error")

    assert (status, errors) == (
        2,
        f"cchatspec: cannot listen on 127.0.0.1:{port} for the metrics: Address already in use\n",
    )


def test_a_configuration_file_is_followed_and_options_win(tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text(f'port = 0\nstore = "{tmp_path}/chat.db"\nlog-format = "json"\nmax-connections = 1\n')
    with served("--config", str(config), "--log-format", "console") as program:
        port_of(program)
        program.terminate()
        log = program.communicate(timeout=DEADLINE)[1]

    assert f"store={tmp_path}/chat.db" in log


def test_the_metrics_are_served_where_the_log_says() -> None:
    with served("--port", "0", "--metrics-port", "0", "--log-format", "json") as program:
        port_of(program)
        assert program.stderr is not None
        line = json.loads(program.stderr.readline())
        with urlopen(line["url"], timeout=DEADLINE) as response:
            page = response.read().decode()

    assert "cchat_connections 0.0" in page


def test_a_second_signal_ends_it_at_once() -> None:
    with served("--port", "0") as program:
        port = port_of(program)
        with socket.create_connection(("127.0.0.1", port), DEADLINE) as client:
            # It reads nothing and leaves much unread, so that the server waits for it.
            client.sendall(build(GetMessages()) * 400)
            program.terminate()
            assert program.stderr is not None
            while "stopping" not in program.stderr.readline():
                pass
            program.terminate()

            assert program.wait(DEADLINE) in (0, -signal.SIGTERM)


def test_under_load_it_ends_in_time_and_everybody_hears_it() -> None:
    with served("--port", "0", "--rate", "off") as program:
        port = port_of(program)
        with ExitStack() as stack:
            clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port), DEADLINE)) for _ in range(20)]
            for client in clients:
                client.sendall(build(GetMessages()) * 1000)
                assert client.recv(1, socket.MSG_PEEK)
            program.terminate()
            start = time.monotonic()
            last = [parse(*received(client, to_the_end=True)[-1]) for client in clients]

            assert {getattr(farewell, "error_code", None) for farewell in last} == {ErrorCode.CONNECTION_TERMINATED}
            assert program.wait(DEADLINE) == 0 and time.monotonic() - start < 5


FEW_FILES = 48


def test_out_of_descriptors_it_serves_those_it_has_says_so_once_and_takes_others_later() -> None:
    with (
        served("--port", "0", files=FEW_FILES) as program,
        ExitStack() as stack,
        socket.create_connection(("127.0.0.1", port := port_of(program)), DEADLINE) as first,
    ):
        for _ in range(2 * FEW_FILES):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), DEADLINE))
            client.sendall(build(GetMessages()))
        first.sendall(build(GetMessages()))
        assert len(received(first)) == 1
        stack.pop_all().close()
        with socket.create_connection(("127.0.0.1", port), DEADLINE) as late:
            late.sendall(build(GetMessages()))
            assert len(received(late)) == 1
        program.terminate()

        log = program.communicate(timeout=DEADLINE)[1]
        assert log.count("out of file descriptors") == 1 and "Traceback" not in log
