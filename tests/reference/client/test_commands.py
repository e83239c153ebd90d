"""`cchatspec send`, `recv` and `chat` as programs of their own, with `cchatspec serve` as the server."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.reference.client.conftest import identity_of

from cchatspec.reference.client import Client, StatusChange
from cchatspec.reference.client.keyfile import LEAST_COST, Passphrase, save
from cchatspec.spec import Presence

DEADLINE = 60
PROGRAM = [sys.executable, "-m", "cchatspec.cli"]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with subprocess.Popen([*PROGRAM, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", server.stdout.readline())
        assert found is not None
        yield int(found[1])
        server.terminate()
        server.communicate(timeout=DEADLINE)


async def register(port: int, name: str) -> None:
    async with Client.connect("127.0.0.1", port) as client:
        await client.register(name, identity_of(name))


class User:
    """Somebody with a folder of their own."""

    def __init__(self, name: str, port: int, folder: Path, passphrase: str | None = "secret") -> None:
        self.name = name
        self.port = port
        self.folder = folder / name
        self._target = f"127.0.0.1:{port}"
        self.environment = {**os.environ, "CCHATSPEC_HOME": str(self.folder)}
        self.environment.pop("CCHATSPEC_PASSPHRASE", None)
        if passphrase is not None:
            self.environment["CCHATSPEC_PASSPHRASE"] = passphrase

    def command(self, command: str, *options: str) -> list[str]:
        return [*PROGRAM, command, self._target, "--as", self.name, *options]

    def run(self, command: str, *options: str, body: bytes = b"") -> tuple[int, str, str]:
        """Exit status, standard output and standard error; there is no terminal to ask in."""
        done = subprocess.run(
            self.command(command, *options),
            input=body,
            capture_output=True,
            env=self.environment,
            timeout=DEADLINE,
            start_new_session=True,
        )
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def send(self, recipient: str, body: bytes, *options: str) -> tuple[int, str, str]:
        return self.run("send", "--to", recipient, *options, body=body)

    def enter(self) -> User:
        """Gives the user a registered name, and a key that costs little to open."""
        keys = self.folder / "keys"
        keys.mkdir(parents=True)
        save(keys / f"{self.name}.key", identity_of(self.name), Passphrase("secret"), LEAST_COST)
        asyncio.run(register(self.port, self.name))
        return self


@pytest.fixture
def names(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Names that no other test uses."""
    mark = f"{abs(hash(request.node.nodeid)):x}"[:12]
    return f"alice_{mark}", f"bob_{mark}"


@pytest.fixture
def alice(port: int, tmp_path: Path, names: tuple[str, str]) -> User:
    return User(names[0], port, tmp_path).enter()


@pytest.fixture
def bob(port: int, tmp_path: Path, names: tuple[str, str]) -> User:
    return User(names[1], port, tmp_path).enter()


def test_a_message_goes_from_script_to_script(alice: User, bob: User) -> None:
    status, said, _ = alice.send(bob.name, b"zwei\nZeilen \xe2\x9c\x93\n")
    received = bob.run("recv", "--json", "--count", "1", "--timeout", "20")
    message = json.loads(received[1])

    assert (status, said[:7], received[0]) == (0, "queued ", 0)
    assert (message["from"], message["text"], message["problem"]) == (alice.name, "zwei\nZeilen ✓\n", None)


async def until_online(port: int, name: str) -> None:
    """Waits until others see that somebody is there."""
    async with asyncio.timeout(DEADLINE), Client.connect("127.0.0.1", port) as watcher:
        await watcher.register(f"watches_{name}", identity_of("watcher"))
        await watcher.login(f"watches_{name}", identity_of("watcher"))
        if (await watcher.users())[name] is not Presence.ONLINE:
            async for change in watcher.changes():
                if change == StatusChange(name, Presence.ONLINE):
                    return


def test_a_message_that_is_waited_for_is_delivered(alice: User, bob: User, port: int) -> None:
    command = bob.command("recv", "--count", "1")
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=bob.environment, text=True) as waiting:
        asyncio.run(until_online(port, bob.name))
        said = alice.send(bob.name, b"now")[1]
        shown = waiting.communicate(timeout=DEADLINE)[0]

    assert (said[:10], waiting.returncode, shown.endswith(f" {alice.name}: now\n")) == ("delivered ", 0, True)


def test_first_use_registers_and_says_so(port: int, tmp_path: Path, names: tuple[str, str]) -> None:
    user = User(names[0], port, tmp_path)
    status, _, said = user.run("recv", "--timeout", "0.01")
    again = user.run("recv", "--timeout", "0.01")

    assert status == 0 and said.startswith(f"cchatspec: registered {user.name} with a new key, ")
    assert again == (0, "", "")


def test_more_than_was_asked_for_is_shown_and_not_lost(alice: User, bob: User) -> None:
    for number in range(3):
        alice.send(bob.name, str(number).encode())
    status, shown, _ = bob.run("recv", "--json", "--count", "1", "--timeout", "20")

    assert (status, [json.loads(line)["text"] for line in shown.splitlines()]) == (0, ["0", "1", "2"])


def test_bytes_that_are_no_text_come_in_base64(alice: User, bob: User) -> None:
    alice.send(bob.name, b"\xff\x00")
    message = json.loads(bob.run("recv", "--json", "--count", "1", "--timeout", "20")[1])

    assert (message["text"], message["base64"]) == (None, "/wA=")


def test_no_control_character_reaches_the_terminal(alice: User, bob: User) -> None:
    alice.send(bob.name, "\x1b[31m\x9b\u202e\nnext".encode())
    shown = bob.run("recv", "--count", "1", "--timeout", "20")[1]

    assert shown.endswith(f" {alice.name}: \\x1b[31m\\x9b\\u202e\n    next\n")


def test_sealed_boxes_can_be_chosen(alice: User, bob: User) -> None:
    alice.send(bob.name, b"psst", "--sealed")
    alice.send(bob.name, b"psst", "--sealed")
    chosen = json.loads(bob.run("recv", "--json", "--sealed", "--count", "2", "--timeout", "20")[1].splitlines()[0])
    alice.send(bob.name, b"psst", "--sealed")
    other = json.loads(bob.run("recv", "--json", "--count", "1", "--timeout", "20")[1])

    assert (chosen["text"], chosen["authenticated"], other["problem"]) == ("psst", False, "sealed")


# Exit status 1


def test_a_recipient_whom_nobody_knows_is_said(alice: User) -> None:
    assert alice.send("nobody", b"x") == (1, "", "cchatspec: nobody: User not found\n")


def test_too_few_messages_in_time_are_said(bob: User) -> None:
    status, shown, said = bob.run("recv", "--count", "2", "--timeout", "0.1")

    assert (status, shown, said) == (1, "", "cchatspec: 0 of 2 messages came within 0.1 seconds\n")


def test_a_name_that_is_taken_is_said(alice: User, port: int, tmp_path: Path) -> None:
    other = User(alice.name, port, tmp_path / "elsewhere")

    assert other.run("recv") == (
        1,
        "",
        f"cchatspec: {alice.name}: the name is registered already, by somebody else\n",
    )


def test_a_changed_key_is_held_up_until_its_fingerprint_is_given(alice: User, bob: User) -> None:
    alice.send(bob.name, b"pins the key")
    pins = alice.folder / "pins"
    pins.write_text(re.sub(f"({bob.name}) .*", rf"\1 {'11' * 32}", pins.read_text()))
    held, _, said = alice.send(bob.name, b"x")
    offered = said.rsplit(maxsplit=1)[-1]
    wrong = alice.send(bob.name, b"x", "--accept-key", "0000-0000")[0]
    accepted = alice.send(bob.name, b"x", "--accept-key", offered)

    assert re.search(r"has changed: [0-9a-f-]{39} is pinned, and the server now gives out [0-9a-f-]{39}$", said.strip())
    assert (held, wrong, accepted[0], alice.send(bob.name, b"x")[0]) == (1, 1, 0, 0)


# Exit status 2


def test_a_server_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]

    assert User("alice", free, tmp_path).send("bob", b"x") == (
        2,
        "",
        f"cchatspec: cannot reach 127.0.0.1:{free}: Connection refused\n",
    )


def test_a_server_that_cannot_be_reached_leaves_no_key(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    user = User("alice", free, tmp_path)
    user.send("bob", b"x")

    assert not (user.folder / "keys").exists()


def test_a_passphrase_that_is_nowhere_is_said(port: int, tmp_path: Path) -> None:
    status, _, said = User("alice", port, tmp_path, passphrase=None).send("bob", b"x")

    assert (status, said.count("\n")) == (2, 1) and "give --passphrase-file, or set CCHATSPEC_PASSPHRASE" in said


def test_a_wrong_passphrase_is_said(alice: User, port: int, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong")
    status, _, said = alice.send("bob", b"x", "--passphrase-file", str(tmp_path / "wrong"))

    assert (status, said.endswith("the passphrase does not open this key file\n")) == (2, True)


def test_a_passphrase_file_opens_the_key(alice: User, bob: User, tmp_path: Path) -> None:
    (tmp_path / "right").write_text("secret\n")
    alice.environment["CCHATSPEC_PASSPHRASE"] = "wrong"

    assert alice.send(bob.name, b"x", "--passphrase-file", str(tmp_path / "right"))[0] == 0


@pytest.mark.parametrize(
    "options",
    [
        ["send", "nowhere", "--as", "a", "--to", "b"],
        ["send", "h:1", "--to", "b"],
        ["recv", "h:1", "--as", "a", "--count", "0"],
        ["recv", "h:1", "--as", "a", "--timeout", "0"],
        ["chat", "h:1", "--as", "a"],
    ],
)
def test_wrong_usage_is_said(options: list[str]) -> None:
    done = subprocess.run([*PROGRAM, *options], input="", capture_output=True, text=True, timeout=DEADLINE)

    assert done.returncode == 2 and "Traceback" not in done.stderr


@pytest.mark.parametrize("shell", [[], ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]], ids=["", "in-the-background"])
def test_an_interrupt_ends_cleanly_and_loses_nothing(alice: User, bob: User, shell: list[str]) -> None:
    alice.send(bob.name, b"first")
    command = subprocess.Popen(
        [*shell, *bob.command("recv", "--json")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=bob.environment,
        text=True,
    )
    with command:
        assert command.stdout is not None
        command.stdout.readline()
        command.send_signal(signal.SIGINT)
        try:
            rest = command.communicate(timeout=DEADLINE)
        finally:
            command.kill()

    assert (command.returncode, rest) == (130, ("", "cchatspec: interrupted\n"))
