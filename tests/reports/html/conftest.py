"""A real browser, an accessibility checker, and pages made from real runs.

Chromium is the system's (`apt-get install chromium`), and axe comes from npm. Where they are missing these tests are skipped, but
not in CI, where `CI` is set: there they fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from cchatspec.reports.digest import Report
from cchatspec.reports.html import PLAIN_BUDGET, render
from cchatspec.reports.reading import read_report

ROOT = Path(__file__).parents[3]
AXE = "axe-core@4.14.1"
#: Enough of the suite for every part of a page, in a few seconds.
SELECTED = (
    "REG-OK",
    "REG-DUPLICATE",
    "KEY-*",
    "FRAME-UNKNOWN/unassigned-type-0x0*",
    "FRAME-LAYOUT/register-*",
    "OPEN/bad-name",
)


def missing(what: str) -> str:
    """Skip, or in CI fail, for want of something."""
    reason = f"needs {what}: see CONTRIBUTING.md"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or missing("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of the accessibility checker."""
    npm = shutil.which("npm") or missing("npm")
    folder = tmp_path_factory.mktemp("axe")
    packed = subprocess.run([npm, "pack", "--silent", AXE], cwd=folder, capture_output=True, text=True, check=True)
    with tarfile.open(folder / packed.stdout.strip()) as archive:
        source = archive.extractfile("package/axe.min.js")
        assert source is not None
        return source.read().decode()


@dataclass(slots=True)
class Opened:
    """A page in the browser, with what it said and what it asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Opener:
    """Opens pages from disk."""

    browser: Browser
    opened: list[Opened] = field(default_factory=list)

    def __call__(
        self, path: Path, address: str = "", *, width: int = 1280, scheme: str = "light", script: bool = True
    ) -> Page:
        return self.watch(path, address, width=width, scheme=scheme, script=script).page

    def watch(
        self, path: Path, address: str = "", *, width: int = 1280, scheme: str = "light", script: bool = True
    ) -> Opened:
        page = self.browser.new_page(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        opened = Opened(page)
        self.opened.append(opened)

        def asked(request: Request) -> None:
            opened.asked.append(request.url)

        page.on("console", lambda message: opened.said.append(message.text))
        page.on("pageerror", lambda error: opened.said.append(str(error)))
        page.on("dialog", lambda dialog: opened.said.append(dialog.message))
        page.on("request", asked)
        page.set_default_timeout(10_000)
        page.goto(path.as_uri() + (f"#{address}" if address else ""))
        return opened


@pytest.fixture
def show(chromium: Browser) -> Iterator[Opener]:
    opener = Opener(chromium)
    yield opener
    for opened in opener.opened:
        opened.page.context.close()


def ran(folder: Path, *arguments: str) -> Report:
    """The results of a real run of the suite."""
    path = folder / "results.json"
    command = [sys.executable, "-m", "cchatspec.cli", "run", "--json", str(path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done.stderr
    return read_report(path)


@pytest.fixture(scope="session")
def reference_run(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return ran(tmp_path_factory.mktemp("reference"), *(f"--select={name}" for name in SELECTED))


@pytest.fixture(scope="session")
def faulty_run(tmp_path_factory: pytest.TempPathFactory) -> Report:
    server = f"{sys.executable} {ROOT / 'conformance' / 'seeded' / 'server.py'} {{port}}"
    launch = f"{server} --fault unknown-is-ignored --fault key-is-replaced --fault register-success-two-bytes"
    return ran(tmp_path_factory.mktemp("faulty"), "--launch", launch, *(f"--select={name}" for name in SELECTED))


@pytest.fixture(scope="session")
def fuzz_run(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A real campaign against a server that dies, until it is found out."""
    folder = tmp_path_factory.mktemp("fuzz")
    server = f"{sys.executable} {ROOT / 'tests' / 'conformance' / 'plain_server.py'} {{port}} dies"
    limits = ("--max-findings", "1", "--max-time", "20s", "--seed", "1")
    command = [sys.executable, "-m", "cchatspec.cli", "fuzz", "--launch", server, *limits, "--out", str(folder / "out")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stderr
    return read_report(folder / "out" / "results.json")


def written(folder: Path, *reports: Report, plain_budget: int = PLAIN_BUDGET) -> Path:
    """The page of these results, on disk."""
    path = folder / "report.html"
    path.write_text(render(reports, plain_budget=plain_budget), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def reference_page(reference_run: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("page"), reference_run)


@pytest.fixture(scope="session")
def faulty_page(faulty_run: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("page"), faulty_run)


@pytest.fixture(scope="session")
def both_page(reference_run: Report, faulty_run: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("page"), reference_run, faulty_run)
