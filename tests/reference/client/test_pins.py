"""Trust on first use."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reference.client.conftest import identity_of

from cchatspec.reference.client import pins as pins_module
from cchatspec.reference.client.crypto import fingerprint
from cchatspec.reference.client.errors import FileProblem, KeyChanged, PinsDamaged
from cchatspec.reference.client.pins import Pins, default_folder
from cchatspec.reference.client.text import from_wire

OLD, NEW = identity_of("old").public_key, identity_of("new").public_key


def test_the_first_key_is_pinned() -> None:
    pins = Pins()

    assert (pins.check("bob", OLD), pins.check("bob", OLD), pins.get("bob")) == (True, False, OLD)


def test_a_changed_key_is_held_up_with_both_fingerprints() -> None:
    pins = Pins()
    pins.check("bob", OLD)
    with pytest.raises(KeyChanged) as caught:
        pins.check("bob", NEW)

    assert (caught.value.pinned, caught.value.offered) == (fingerprint(OLD), fingerprint(NEW))
    assert fingerprint(OLD) in str(caught.value) and fingerprint(NEW) in str(caught.value)


def test_an_accepted_key_takes_the_place_of_the_old_one() -> None:
    pins = Pins()
    pins.check("bob", OLD)
    pins.accept("bob", NEW)

    assert not pins.check("bob", NEW)


def test_pins_outlive_the_program(tmp_path: Path) -> None:
    Pins("here:1", tmp_path / "pins").check("bob", OLD)

    assert Pins("here:1", tmp_path / "pins").get("bob") == OLD


def test_pins_belong_to_a_server(tmp_path: Path) -> None:
    Pins("here:1", tmp_path / "pins").check("bob", OLD)

    assert Pins("there:1", tmp_path / "pins").get("bob") is None


def test_what_another_process_has_pinned_stays(tmp_path: Path) -> None:
    first, second = Pins("s", tmp_path / "pins"), Pins("s", tmp_path / "pins")
    first.check("bob", OLD)
    second.check("carol", NEW)

    assert (second.get("bob"), Pins("s", tmp_path / "pins").get("carol")) == (OLD, NEW)


@given(st.dictionaries(st.tuples(st.text(max_size=5), st.binary(max_size=9).map(from_wire)), st.just(OLD)))
def test_every_name_can_be_written_and_read(pinned: dict[tuple[str, str], bytes]) -> None:
    lines = pins_module._text(pinned).decode("ascii").splitlines()

    assert dict(pins_module._row(Path("pins"), 1, line) for line in lines) == pinned


def test_the_file_is_the_owners_alone(tmp_path: Path) -> None:
    Pins("s", tmp_path / "pins").check("bob", OLD)

    assert (tmp_path / "pins").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("line", ["x", "a b c", "a b 00", "a b c d", "\xff"])
def test_a_damaged_file_is_said_with_its_place(tmp_path: Path, line: str) -> None:
    (tmp_path / "pins").write_bytes(line.encode("latin-1"))
    with pytest.raises(PinsDamaged, match="pins:"):
        Pins("s", tmp_path / "pins")


def test_a_folder_in_its_place_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="Is a directory"):
        Pins("s", tmp_path)


def test_the_folder_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCHATSPEC_HOME", "/here")

    assert default_folder() == Path("/here")


def test_the_folder_is_in_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CCHATSPEC_HOME", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/conf")

    assert default_folder() == Path("/conf/cchatspec")
