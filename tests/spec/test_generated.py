"""The generated modules are what the document gives, byte for byte, and what the formatter would leave alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cchatspec.spec import generator
from cchatspec.spec.document import load_document, protocol_path, read_document
from cchatspec.spec.generated.clauses import CLAUSES, FAMILIES, OPEN_POINTS
from cchatspec.spec.generated.schemas import SCHEMAS
from cchatspec.spec.generator import generated_folder, render, stale, write
from cchatspec.spec.model import Document

WHOLE = (Path(__file__).parent / "fixtures" / "whole.md").read_text(encoding="utf-8")
CONFIG = Path(__file__).parents[2] / "pyproject.toml"


@pytest.fixture(scope="module")
def protocol() -> Document:
    return load_document(str(protocol_path()))


@pytest.mark.parametrize("name", ["clauses.py", "fast.py", "messages.py", "schemas.py"])
def test_a_generated_module_is_fresh(protocol: Document, name: str) -> None:
    assert (generated_folder() / name).read_bytes() == render(protocol)[name].encode()


def test_all_generated_modules_are_rendered(protocol: Document) -> None:
    names = {path.name for path in generated_folder().glob("*.py")} - {"__init__.py"}

    assert names == set(render(protocol))


def test_rendering_twice_gives_the_same(protocol: Document) -> None:
    assert render(protocol) == render(read_document(protocol_path().read_text(encoding="utf-8")))


def test_layouts_alone_give_the_same_codec(protocol: Document) -> None:
    alone, whole = render(read_document(WHOLE)), render(protocol)

    assert [name for name in whole if alone[name] != whole[name]] == ["clauses.py"]


def test_the_formatter_leaves_generated_modules_alone(tmp_path: Path, protocol: Document) -> None:
    for name, text in render(protocol).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "format", "--diff", "--config", str(CONFIG), str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_a_stale_module_shows_what_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: Document) -> None:
    monkeypatch.setattr(generator, "generated_folder", lambda: tmp_path)
    write(protocol)
    (tmp_path / "schemas.py").write_text("old", encoding="utf-8")

    assert list(stale(protocol)) == ["schemas.py"] and "-old" in stale(protocol)["schemas.py"]


def test_only_what_differs_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: Document) -> None:
    monkeypatch.setattr(generator, "generated_folder", lambda: tmp_path)

    assert len(write(protocol)) == 4 and write(protocol) == []


def test_the_clause_table_holds_all_of_the_document(protocol: Document) -> None:
    assert (tuple(CLAUSES.values()), tuple(OPEN_POINTS.values())) == (protocol.clauses, protocol.open_points)


def test_the_families_are_in_the_order_of_the_document(protocol: Document) -> None:
    assert list(FAMILIES) == [family.id for family in protocol.families]


def test_every_message_has_a_schema(protocol: Document) -> None:
    assert sorted(SCHEMAS) == sorted(message.code for message in protocol.layouts.messages)


def test_a_condition_where_the_fast_codec_has_no_code_is_left_to_construct() -> None:
    text = WHOLE.replace("[32 bytes: Challenge] (if success)", "[32 bytes: Challenge] (if success)[1 byte: More]")

    fast = render(read_document(text))["fast.py"]

    assert "    # 0x82 LOGIN_RESPONSE, server to client.\n    return parse_by_construct(0x82, payload)\n" in fast
