"""Launched targets: that they end with whoever launched them, and whole."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.conftest import HERE

from cchatspec.conformance.harness.launch import Launcher, accepts
from cchatspec.conformance.harness.outcomes import TargetError

LAUNCHES = """
import sys
from cchatspec.conformance.harness.launch import Launcher
launcher = Launcher(sys.argv[1])
launcher.start()
print(launcher.port, flush=True)
sys.stdin.read()
"""

SERVER = f"{sys.executable} {HERE / 'plain_server.py'} {{port}}"

#: The shell does not become the server, but stays in between.
COMMANDS = {"itself": SERVER, "behind-a-shell": shlex.join(["sh", "-c", f"{SERVER}; true"])}


def serves_no_longer(port: int) -> bool:
    """Whether nobody accepts connections there, or no longer does within ten seconds."""
    until = time.monotonic() + 10
    while accepts("127.0.0.1", port) and time.monotonic() < until:
        os.sched_yield()
    return not accepts("127.0.0.1", port)


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest) -> str:
    """A command that starts a server, directly or not."""
    return COMMANDS[request.param]


@pytest.fixture
def launcher(command: str) -> Iterator[Launcher]:
    """A target that has been started."""
    launched = Launcher(command)
    launched.start()
    yield launched
    launched.close()


def test_a_launched_target_does_not_survive_a_suite_that_is_killed(command: str) -> None:
    suite = subprocess.Popen(
        [sys.executable, "-P", "-c", LAUNCHES, command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert suite.stdout is not None and suite.stdin is not None
    port = int(suite.stdout.readline())
    served_before = accepts("127.0.0.1", port)

    suite.kill()
    suite.communicate()

    assert (served_before, serves_no_longer(port)) == (True, True)


def test_a_target_that_is_stopped_has_ended_by_then(launcher: Launcher) -> None:
    served_before = accepts("127.0.0.1", launcher.port)

    launcher.stop()

    assert (served_before, accepts("127.0.0.1", launcher.port)) == (True, False)


def test_a_target_that_is_restarted_serves_at_the_same_port(launcher: Launcher) -> None:
    before = launcher.pid

    launcher.restart()

    assert (accepts("127.0.0.1", launcher.port), launcher.pid == before) == (True, False)


ABORTS = """
import sys
print("SUMMARY: AddressSanitizer: heap-use-after-free chat.c:12 in relay")
sys.exit(1)
"""


def test_what_a_sanitizer_found_is_told_with_how_the_process_ended(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(ABORTS)
    launcher = Launcher(shlex.join([sys.executable, str(script), "{port}"]))
    with pytest.raises(TargetError):
        launcher.start()

    assert launcher.how_it_ended() == "exit status 1 (AddressSanitizer: heap-use-after-free chat.c:12 in relay)"
    launcher.close()
