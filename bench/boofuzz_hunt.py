"""Lets boofuzz look for a planted bug, and prints what it found as one line of JSON.

    python bench/boofuzz_hunt.py SECONDS SERVER-ARGUMENT…

Every request gets an equal share of the time, each on a fresh connection, before a login and behind one; boofuzz's own order
would spend it all on the first field. After each case it looks whether the process lives, and after every 25, or when nothing
came, whether a fresh connection is answered. It has no means to say what else may be wrong with an answer.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

from boofuzz import Request, Session, TCPSocketConnection
from boofuzz_protocol import KEY, REGISTER, Grammar, connect_alone, connect_logged_in, silent_session

SERVER = Path(__file__).parents[1] / "fuzz" / "planted" / "server.py"
_EVERY = 25
_PATIENCE_S = 1.0
_QUESTION = bytes([0, 0, 0, 37, REGISTER, 4]) + b"fate" + KEY


class Found(BaseException):
    """The target shows something; `kind` is crash or hang. No Exception, since boofuzz drops what its callbacks raise."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class TimeOver(BaseException):
    """The share of the time is used up."""


class Recorder(TCPSocketConnection):  # type: ignore[misc]  # boofuzz has no type information
    """A connection that knows how many bytes were sent since it was opened, and whether the last reading brought any."""

    sent = 0
    heard = True

    def open(self) -> None:
        """Connect."""
        super().open()
        self.sent = 0

    def send(self, data: bytes) -> Any:
        """Send, and count."""
        self.sent += len(data)
        return super().send(data)

    def recv(self, max_bytes: int) -> Any:
        """Receive, and note whether something came."""
        self.heard = False
        data = super().recv(max_bytes)
        self.heard = bool(data)
        return data


class Hunt:
    """A server process, and what is known of it."""

    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments
        self.cases = 0
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, str(SERVER), "0", "--rate", "off", *self._arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        self.port = int(process.stdout.readline().rpartition(":")[2])
        return process

    def look(self, *, heard: bool) -> None:
        """Look at the target after a case, more closely if nothing was heard.

        Raises:
            Found: it died, or no longer answers.
        """
        self.cases += 1
        if self.process.poll() is not None:
            raise Found("crash")
        if not heard or self.cases % _EVERY == 0:
            self.ask()

    def ask(self) -> None:
        """Ask on a fresh connection.

        Raises:
            Found: nobody answers.
        """
        try:
            with socket.create_connection(("127.0.0.1", self.port), _PATIENCE_S) as caller:
                caller.sendall(_QUESTION)
                if not caller.recv(100):
                    raise Found("crash")
        except TimeoutError:
            raise Found("hang") from None
        except OSError:
            raise Found("crash") from None


def sessions(folder: str, hunt: Hunt, done: Callable[..., None]) -> Iterator[Session]:
    """One session for each request, before a login and behind one."""
    grammar = Grammar(legal=False)
    requests: list[Request] = [grammar.register(), grammar.ask(), grammar.get_key(), grammar.send(), *grammar.rest("r")]
    for is_in in (True, False):
        for number, request in enumerate(requests):
            made = silent_session(
                hunt.port,
                f"{folder}/{is_in}{number}.db",
                connection=Recorder("127.0.0.1", hunt.port, send_timeout=1, recv_timeout=0.1),
                post_test_case_callbacks=[done],
                check_data_received_each_request=True,
                restart_sleep_time=0,
                restart_threshold=2,
            )
            if is_in:
                connect_logged_in(made, grammar, [request])
            else:
                connect_alone(made, [request])
            yield made


def search(hunt: Hunt, seconds: float) -> dict[str, Any]:
    """Look for so many seconds."""
    start = monotonic()
    until = start
    share = seconds / 16
    sent = 0

    def done(target: Any, *_: Any, **__: Any) -> None:
        nonlocal sent
        sent = target._target_connection.sent
        hunt.look(heard=target._target_connection.heard)
        if monotonic() > until:
            raise TimeOver

    with tempfile.TemporaryDirectory() as folder:
        for made in sessions(folder, hunt, done):
            until += share
            try:
                made.fuzz()
                hunt.ask()  # it gives up when nobody accepts connections
            except TimeOver:
                continue
            except Found as found:
                spent = monotonic() - start
                return {"found_s": round(spent, 2), "kind": found.kind, "bytes": sent, "cases": hunt.cases}
    return {"found_s": None, "kind": None, "bytes": None, "cases": hunt.cases}


def main() -> None:
    """Print what was found."""
    hunt = Hunt(sys.argv[2:])
    try:
        result = search(hunt, float(sys.argv[1]))
    finally:
        hunt.process.kill()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
