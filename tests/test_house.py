"""The house itself: five roots of one namespace, and what is shipped of them."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("spec", "reference", "reports", "conformance", "fuzz")
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def sources() -> dict[str, Path]:
    """Every file of the five roots by its place in the namespace."""
    found = {}
    for part in PARTS:
        for path in (ROOT / part / "cchatspec").rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                found[path.relative_to(ROOT / part).as_posix()] = path
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names in a wheel that is built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    options = [
        "--no-deps",
        "--no-build-isolation",
        "--disable-pip-version-check",
        "--quiet",
        "--wheel-dir",
        str(folder),
    ]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True, timeout=300)
    (built,) = folder.glob("*.whl")
    with ZipFile(built) as archive:
        return archive.namelist()


@pytest.mark.parametrize("part", PARTS)
def test_nothing_hides_the_other_roots(part: str) -> None:
    assert not (ROOT / part / "cchatspec" / "__init__.py").exists()


@pytest.mark.parametrize("part", PARTS)
def test_every_package_says_that_it_is_typed(part: str) -> None:
    assert (ROOT / part / "cchatspec" / part / "py.typed").exists()


def test_the_wheel_has_every_file_of_the_five_packages(wheel: list[str]) -> None:
    assert sorted(set(sources()) - set(wheel)) == []


def test_the_wheel_has_the_document_and_the_grammar(wheel: list[str]) -> None:
    assert {"cchatspec/spec/PROTOCOL.md", "cchatspec/spec/notation.lark"} <= set(wheel)


def test_the_wheel_has_the_scripts_that_campaigns_begin_with(wheel: list[str]) -> None:
    scripts = {f"cchatspec/fuzz/corpus/{path.name}" for path in (ROOT / "fuzz" / "corpus").glob("*.json")}

    assert scripts and scripts <= set(wheel)


def test_the_wheel_hides_no_root(wheel: list[str]) -> None:
    assert "cchatspec/__init__.py" not in wheel


def test_the_wheel_has_nothing_else(wheel: list[str]) -> None:
    others = [name for name in wheel if not name.startswith(("cchatspec/", "cchatspec-"))]

    assert others == []


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads(PYPROJECT)["project"]
    names = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]
    bare = [name for name in names if not re.search(rf'"{re.escape(name)}",? *\]? *# \S', PYPROJECT)]

    assert [name for name in bare if not name.startswith("cchatspec[")] == []


def test_nothing_imports_the_command() -> None:
    pattern = re.compile(
        r"^\s*(from cchatspec\.cli import|import cchatspec\.cli|from cchatspec import cli)", re.MULTILINE
    )
    found = [
        name for name, path in sources().items() if path.suffix == ".py" and pattern.search(path.read_text("utf-8"))
    ]

    assert found == []
