"""What tests of the fuzzer share: servers to launch, and a runner for each."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cchatspec.conformance.harness.target import Target, open_target
from cchatspec.fuzz.runner import Runner

ROOT = Path(__file__).parents[2]
SEEDED = f"{shlex.quote(sys.executable)} {ROOT / 'conformance/seeded/server.py'} {{port}}"
PLANTED = f"{shlex.quote(sys.executable)} {ROOT / 'fuzz/planted/server.py'} {{port}} --rate off"

Start = Callable[[str], Runner]


@pytest.fixture
def start() -> Iterator[Start]:
    """Launches a command and gives a runner for it; both are ended afterwards."""
    targets: list[Target] = []
    runners: list[Runner] = []

    def launch(command: str) -> Runner:
        targets.append(open_target(None, command))
        runners.append(Runner(targets[-1], 1))
        return runners[-1]

    yield launch
    for runner in runners:
        runner.close()
    for target in targets:
        assert target.launcher is not None
        target.launcher.close()
