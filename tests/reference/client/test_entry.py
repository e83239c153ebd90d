"""Coming in: addresses, passphrases, keys, and registering on first use."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reference.client.conftest import House, house, identity_of, run

from cchatspec.reference.client import FileProblem, LoginRefused, Refused, WrongPassphrase
from cchatspec.reference.client import entry as entry_module
from cchatspec.reference.client.entry import Key, Settings, enter, find_passphrase, open_key, parse_address
from cchatspec.reference.client.keyfile import Passphrase

ENVIRONMENT = {"CCHATSPEC_PASSPHRASE": "correct horse"}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost:4000", ("localhost", 4000)),
        ("127.0.0.1:1", ("127.0.0.1", 1)),
        ("[::1]:65535", ("::1", 65535)),
    ],
)
def test_an_address_is_host_and_port(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "host", ":1", "host:", "host:0", "host:65536", "host:99999999", "::1:4000", "h:x", "h:²", "h:-1", "[]:1"],
)
def test_what_is_no_address_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is not HOST:PORT"):
        parse_address(text)


@pytest.mark.parametrize(("name", "file"), [("alice", "alice.key"), ("../a", "..%2Fa.key"), ("\udcff", "%FF.key")])
def test_every_name_has_a_file_in_the_folder(name: str, file: str) -> None:
    assert Settings("h", 1, name, Path("/home")).key_file == Path("/home/keys") / file


def test_a_server_is_named_by_its_address() -> None:
    assert (Settings("h", 1, "a").server, Settings("::1", 1, "a").server) == ("h:1", "[::1]:1")


# Passphrases


@pytest.mark.parametrize("content", [b"correct horse\n", b"correct horse\r\nbattery\n", b"correct horse"])
def test_the_passphrase_is_the_first_line_of_its_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pw").write_bytes(content)

    assert find_passphrase(tmp_path / "pw", {}, Path("k"), is_new=False) == Passphrase("correct horse")


def test_the_file_goes_before_the_environment(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("from the file")

    assert find_passphrase(tmp_path / "pw", ENVIRONMENT, Path("k"), is_new=False) == Passphrase("from the file")


def test_the_environment_goes_before_the_terminal() -> None:
    assert find_passphrase(None, ENVIRONMENT, Path("k"), is_new=False) == Passphrase("correct horse")


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    left = list(lines)
    monkeypatch.setattr(entry_module, "_has_terminal", lambda: True)
    monkeypatch.setattr(entry_module.getpass, "getpass", lambda _: left.pop(0))  # type: ignore[attr-defined]


def test_a_new_passphrase_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "one", "two")
    with pytest.raises(FileProblem, match="the two passphrases differ"):
        find_passphrase(None, {}, Path("k"), is_new=True)


def test_a_known_one_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "one")

    assert find_passphrase(None, {}, Path("k"), is_new=False) == Passphrase("one")


def test_an_empty_passphrase_is_none() -> None:
    with pytest.raises(FileProblem, match="the passphrase is empty"):
        find_passphrase(None, {"CCHATSPEC_PASSPHRASE": ""}, Path("k"), is_new=False)


def test_a_passphrase_that_is_nowhere_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry_module, "_has_terminal", lambda: False)
    with pytest.raises(FileProblem, match="no passphrase for k: give --passphrase-file, or set CCHATSPEC_PASSPHRASE"):
        find_passphrase(None, {}, Path("k"), is_new=False)


def test_a_passphrase_file_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="cannot read the passphrase file"):
        find_passphrase(tmp_path, {}, Path("k"), is_new=False)


# First use


@pytest.fixture
def settings(tmp_path: Path, cheap_keys: None) -> Settings:
    return Settings("127.0.0.1", 1, "alice", tmp_path / "home")


async def entered(home: House, name: str, key: Key) -> list[str]:
    """What is said when somebody enters."""
    said: list[str] = []
    async with home.connect() as client:
        await enter(client, name, key, said.append)
        assert client.name == name
    return said


def test_a_new_name_is_registered_and_said(settings: Settings) -> None:
    async def conversation() -> None:
        key = open_key(settings, ENVIRONMENT)
        async with house() as home:
            (said,) = await entered(home, "alice", key)
            assert said.startswith("registered alice with a new key, ") and not key.is_new
            assert await entered(home, "alice", open_key(settings, ENVIRONMENT)) == []

    run(conversation)


def test_a_name_that_the_server_has_forgotten_is_registered_with_the_old_key(settings: Settings) -> None:
    async def conversation() -> None:
        for _ in range(2):
            async with house() as home:
                said = await entered(home, "alice", open_key(settings, ENVIRONMENT))
        assert said == [f"registered alice with the key in {settings.key_file}"]

    run(conversation)


def test_a_new_key_is_not_kept_for_a_name_that_is_taken(settings: Settings) -> None:
    async def conversation() -> None:
        async with house("alice") as home:
            with pytest.raises(Refused, match="alice: the name is registered already, by somebody else"):
                await entered(home, "alice", open_key(settings, ENVIRONMENT))
        assert not settings.key_file.exists()

    run(conversation)


def test_a_key_that_is_not_the_names_is_said(settings: Settings) -> None:
    async def conversation() -> None:
        async with house("alice") as home:
            key = Key(Path("other.key"), identity_of("bob"), None)
            with pytest.raises(Refused, match="registered already, with another key than that in other") as caught:
                await entered(home, "alice", key)
            assert isinstance(caught.value.__cause__, LoginRefused)

    run(conversation)


def test_a_name_that_is_not_allowed_is_said(settings: Settings) -> None:
    async def conversation() -> None:
        async with house() as home:
            with pytest.raises(Refused, match="Invalid username"):
                await entered(home, "a b", open_key(settings, ENVIRONMENT))

    run(conversation)


def test_a_wrong_passphrase_is_said(settings: Settings) -> None:
    open_key(settings, ENVIRONMENT).save()
    with pytest.raises(WrongPassphrase):
        open_key(settings, {"CCHATSPEC_PASSPHRASE": "wrong"})
