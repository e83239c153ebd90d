"""The key file, and each way in which it cannot be used."""

from __future__ import annotations

import json
import os
import traceback
from pathlib import Path

import pytest
from tests.reference.client.conftest import identity_of

from cchatspec.reference.client import files
from cchatspec.reference.client.errors import (
    ClientError,
    KeyFileDamaged,
    KeyFileProblem,
    KeyFileTooOpen,
    WrongPassphrase,
)
from cchatspec.reference.client.keyfile import LEAST_COST, Passphrase, load, save

ALICE = identity_of("alice")
RIGHT = Passphrase("correct horse")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "alice.key"
    save(path, ALICE, RIGHT, LEAST_COST)
    return path


def change(path: Path, field: str, value: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))


def test_a_key_comes_back(path: Path) -> None:
    assert load(path, RIGHT).public_key == ALICE.public_key


def test_only_the_owner_can_read_it(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_leaves_nothing_else_behind(path: Path) -> None:
    assert [each.name for each in path.parent.iterdir()] == ["alice.key"]


def test_the_seed_is_not_in_it(path: Path) -> None:
    assert ALICE.seed().hex() not in path.read_text()


def test_a_wrong_passphrase_has_its_message(path: Path) -> None:
    with pytest.raises(WrongPassphrase, match="the passphrase does not open this key file"):
        load(path, Passphrase("wrong"))


@pytest.mark.parametrize("text", ["", "{}", "[1]", "\xff\xfe", "x" * 9999, '{"format": "cchatspec-key/1"}'])
def test_what_is_no_key_file_has_its_message(path: Path, text: str) -> None:
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(KeyFileDamaged, match="this is not a key file, or it is damaged"):
        load(path, RIGHT)


@pytest.mark.parametrize("field", ["salt", "secretbox", "public_key", "checksum"])
def test_a_changed_field_has_its_message(path: Path, field: str) -> None:
    change(path, field, "00" * 16)
    with pytest.raises(KeyFileDamaged, match="its checksum does not fit"):
        load(path, RIGHT)


@pytest.mark.parametrize("cost", [{"operations": 3, "memory": 1 << 40}, {"operations": 999, "memory": 8192}, {}])
def test_a_file_cannot_ask_for_all_there_is(path: Path, cost: object) -> None:
    change(path, "argon2id", cost)
    with pytest.raises(KeyFileDamaged):
        load(path, RIGHT)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_a_file_that_is_too_open_has_its_message(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(KeyFileTooOpen, match=f"mode {mode:04o}.*; run: chmod 600 "):
        load(path, RIGHT)


def test_a_file_that_is_not_there_has_its_message(tmp_path: Path) -> None:
    with pytest.raises(KeyFileProblem, match="No such file or directory"):
        load(tmp_path / "none", RIGHT)


def test_a_key_file_is_never_overwritten(path: Path) -> None:
    with pytest.raises(KeyFileProblem, match="there is a key file already"):
        save(path, identity_of("bob"), RIGHT, LEAST_COST)


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    path.write_text("before")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        files.write_atomically(path, b"after")

    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("file", "before")]


def test_a_folder_that_is_none_has_its_message(tmp_path: Path) -> None:
    with pytest.raises(KeyFileProblem, match="cannot write the key file"):
        save(tmp_path / "none" / "alice.key", ALICE, RIGHT, LEAST_COST)


def test_no_text_shows_the_passphrase(path: Path) -> None:
    with pytest.raises(ClientError) as caught:
        load(path, Passphrase("".join(["hunter", "2"])))
    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)

    assert "hunter2" not in "".join(trace.format())
