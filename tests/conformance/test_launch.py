"""Launched targets: that they end with whoever launched them."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from tests.conformance.conftest import HERE

from cchatspec.conformance.harness.launch import accepts

LAUNCHES = """
import sys
from cchatspec.conformance.harness.launch import Launcher
launcher = Launcher(sys.argv[1])
launcher.start()
print(launcher.port, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the system has no way to do it")
def test_a_launched_target_does_not_survive_a_suite_that_is_killed() -> None:
    command = f"{sys.executable} {HERE / 'plain_server.py'} {{port}}"
    suite = subprocess.Popen(
        [sys.executable, "-P", "-c", LAUNCHES, command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert suite.stdout is not None and suite.stdin is not None
    port = int(suite.stdout.readline())
    served_before = accepts("127.0.0.1", port)

    suite.kill()
    suite.communicate()

    until = time.monotonic() + 10
    while accepts("127.0.0.1", port) and time.monotonic() < until:
        os.sched_yield()
    assert (served_before, accepts("127.0.0.1", port)) == (True, False)
