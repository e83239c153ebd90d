"""Runs the command against servers of our own, as a user would."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
CCHATSPEC = [sys.executable, "-P", "-m", "cchatspec.cli"]


@dataclass(frozen=True)
class Verdict:
    """What a run said."""

    status: int
    output: str
    results: dict[str, Any]

    def ids(self, *verdicts: str) -> list[str]:
        return [case["id"] for case in self.results["cases"] if case["verdict"] in verdicts]

    def clauses(self, verdict: str) -> set[str]:
        return {clause["id"] for clause in self.results["clauses"] if clause["verdict"] == verdict}

    def blockers(self) -> set[str]:
        return {case["blocked_by"] for case in self.results["cases"] if case["verdict"] == "inconclusive"}


Judge = Callable[..., Verdict]


@pytest.fixture(scope="session")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """Runs `cchatspec run` with some arguments in an empty folder, and does not run the same twice."""

    @cache
    def run(*arguments: str) -> Verdict:
        tmp_path = tmp_path_factory.mktemp("run")
        done = subprocess.run(
            [*CCHATSPEC, "run", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
        written = tmp_path / "results.json"
        results = json.loads(written.read_text()) if written.exists() else {}
        return Verdict(done.returncode, done.stdout + done.stderr, results)

    return run


def launched(script: str, *arguments: str) -> tuple[str, str]:
    """The options that launch one of the servers in this folder, with a store if it has one."""
    store = ["store={tmp}/store"] if script == "plain_server.py" else []
    return "--launch", " ".join([sys.executable, str(HERE / script), "{port}", *store, *arguments])
