"""Starting, restarting and ending a target that is given as a command."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import resource
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from cchatspec.conformance.harness.outcomes import TargetError

#: Starts the reference server, through the same contract as anybody's. -P keeps the working directory off the import path; what
#: it stores goes with the run, so that nothing waits for the disk.
REFERENCE_COMMAND = shlex.join(
    [
        sys.executable,
        "-P",
        "-m",
        "cchatspec.cli",
        "serve",
        "--port",
        "{port}",
        "--store",
        "{tmp}/reference.db",
        "--no-fsync",
    ]
)

#: How many files a process may have open on most systems, unless it asks for more.
USUAL_OPEN_FILES = 1024

#: Linux's call that has a process killed when the one that started it ends, even by SIGKILL; None elsewhere.
_PRCTL = getattr(ctypes.CDLL(None), "prctl", None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1

_START_LIMIT_S = 15.0
_END_LIMIT_S = 5.0
_POLL_S = 0.01
_TAIL_BYTES = 16_000

#: The line by which a sanitizer says what it found, and where; it holds no addresses.
_SANITIZER = re.compile(r"^SUMMARY: (\w+Sanitizer: .+)$", re.MULTILINE)
_SHOWN_LINES = 20


class Launcher:
    """A target process on loopback.

    In the command, `{port}` stands for a free port, and `{tmp}` for a folder of the target's own that goes when the suite ends.

    The process runs in a session of its own, which is killed whole when whoever launched it ends, also by SIGKILL. It may have
    `USUAL_OPEN_FILES` files open until it raises that limit, so that what it forgets to close shows. Its output goes to a file,
    of which the end is shown when it fails.
    """

    def __init__(self, command: str) -> None:
        if "{port}" not in command:
            raise TargetError(f"the launch command has no '{{port}}' to put the port in: {command}")
        self.command = command
        self.host = "127.0.0.1"
        self.port = _free_port(self.host)
        self.restarts = 0
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the launcher)
        self._folder = tempfile.TemporaryDirectory(prefix="cchatspec-", ignore_cleanup_errors=True)
        self._began = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the command and wait until it accepts connections.

        Raises:
            TargetError: it can't be started, ends at once, or doesn't accept in time.
        """
        try:
            words = shlex.split(self.command)
        except ValueError as problem:
            raise TargetError(f"cannot read the launch command: {problem}: {self.command}") from None
        arguments = [word.replace("{port}", str(self.port)).replace("{tmp}", self._folder.name) for word in words]
        self._began = self._output.seek(0, os.SEEK_END)
        try:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_first_acts(os.getpid()),
            )
        except OSError as problem:
            raise TargetError(f"cannot start '{arguments[0]}': {problem.strerror or problem}") from None
        self._guard = _guard_of(self._process.pid)
        self._wait_until_it_accepts()

    def _wait_until_it_accepts(self) -> None:
        assert self._process is not None
        until = monotonic() + _START_LIMIT_S
        while monotonic() < until:
            if self._process.poll() is not None:
                raise TargetError(f"the launched target ended at once ({self.how_it_ended()}){self._tail_text()}")
            if accepts(self.host, self.port):
                return
            # Waiting for it to end is the one event there is; not ending within the moment is the usual case.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_POLL_S)
        self.stop()
        raise TargetError(
            f"the launched target does not accept on port {self.port} after {_START_LIMIT_S:.0f} s{self._tail_text()}"
        )

    @property
    def died(self) -> bool:
        """Whether the process has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def ends_within(self, seconds: float) -> bool:
        """Whether the process has ended by itself, or does so within a time."""
        if self._process is None:
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self.died

    @property
    def pid(self) -> int | None:
        """The number of the process, if it lives."""
        return self._process.pid if self._process is not None and not self.died else None

    def how_it_ended(self) -> str:
        """`exit status 1`, `signal SIGSEGV`, or `running`; with what a sanitizer found, if one has ended it."""
        status = self._process.poll() if self._process else None
        if status is None:
            return "running"
        said = _SANITIZER.findall(self._printed(self._began))
        return f"{ending_of(status)} ({said[-1].strip()})" if said else ending_of(status)

    def restart(self, *, died: bool = True, afresh: bool = False) -> None:
        """Start again what has died or hangs, or what a case wants to see restarted; `afresh` with nothing in its folder."""
        self.stop()
        for kept in Path(self._folder.name).iterdir() if afresh else ():
            shutil.rmtree(kept) if kept.is_dir() else kept.unlink()
        self.restarts += died
        self.start()

    def stop(self) -> None:
        """End the process and what it started: SIGTERM, and SIGKILL if that is not enough."""
        if self._process is None:
            return
        if self._signal(signal.SIGTERM) and not self._ends(monotonic() + _END_LIMIT_S):
            self._signal(signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_LIMIT_S)
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None

    def _signal(self, kind: int) -> bool:
        """Send a signal to the process and all that it started; whether any of them is left."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, kind)
            return True
        return self._process.poll() is None

    def _ends(self, until: float) -> bool:
        """Whether the process and all that it started have ended by then."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(until - monotonic(), 0))
        while self._signal(0):
            if monotonic() >= until:
                return False
            select.select([], [], [], _POLL_S)
        return True

    def close(self) -> None:
        """End the process for good, and remove its folder and what it printed; it cannot be started again."""
        self.stop()
        self._folder.cleanup()
        self._output.close()

    def tail(self) -> str:
        """The end of what the process printed."""
        return self._printed(0).strip()

    def _printed(self, start: int) -> str:
        """The end of what was printed from a place in the output on."""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(start, size - _TAIL_BYTES))
        text = self._output.read().decode("utf-8", "backslashreplace")
        self._output.seek(0, os.SEEK_END)
        return text

    def _tail_text(self) -> str:
        tail = "\n".join(self.tail().splitlines()[-_SHOWN_LINES:])
        return f"; it printed:\n{tail}" if tail else "; it printed nothing"


def _guard_of(group: int) -> subprocess.Popen[bytes]:
    """A process that kills a process group as soon as we have ended, however that came about: then its input ends.

    Where the target is started by a shell, the shell's end is not the target's.
    """
    return subprocess.Popen(
        ["/bin/sh", "-c", 'read -r _; kill -s KILL -- "-$0"', str(group)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _first_acts(parent: int) -> Callable[[], None]:
    """What a new process does first: it binds its life to its parent's, and takes the usual limit of open files."""
    prctl = _PRCTL
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = USUAL_OPEN_FILES if soft == resource.RLIM_INFINITY else min(soft, USUAL_OPEN_FILES)

    def act() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        if prctl is None:
            return
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it has ended before the call
            os.kill(os.getpid(), signal.SIGKILL)

    return act


def ending_of(status: int) -> str:
    """A process's status in words: `exit status 1`, or `signal SIGSEGV` for a negative one."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def accepts(host: str, port: int) -> bool:
    """Whether somebody accepts connections there.

    A connection to a free port of one's own host can meet itself, when its own end is given that very port.
    """
    try:
        with socket.create_connection((host, port), timeout=1) as made:
            return bool(made.getsockname() != made.getpeername())
    except OSError:
        return False


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
