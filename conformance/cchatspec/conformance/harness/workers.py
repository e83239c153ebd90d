"""A worker, seen from the process that started it: one of our programs that takes a job and tells what happens, a line an event.

The job is one line on the worker's standard input, which stays open: when it ends, whoever started the worker is gone. What the
worker prints on standard error is kept, so that one that dies without having said so has its last words told.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import msgspec

from cchatspec.conformance.harness.launch import ending_of

EventT = TypeVar("EventT")

#: How long the thread that reads a worker may take to see that its output has ended, in seconds.
_READER_LIMIT_S = 15.0


class Worker(Generic[EventT]):
    """One process. Its events come in through a queue, with its number, and after the last one comes None.

    Attributes:
        number: which of all workers it is.

    Args:
        number: which of all workers it is.
        command: the program and its arguments.
        job: what it is to do.
        decoder: reads its events.
        news: where they go.
        end_limit: how long it may take to end once it has been told to, in seconds.
    """

    def __init__(
        self,
        number: int,
        command: Sequence[str],
        job: msgspec.Struct,
        decoder: msgspec.json.Decoder[EventT],
        news: SimpleQueue[Any],
        end_limit: float,
    ) -> None:
        self.number = number
        self._decoder = decoder
        self._end_limit = end_limit
        self._interrupted = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the worker)
        self._process = subprocess.Popen(  # noqa: S603 (it is one of our programs)
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # one that is dead by now is told of by its last words
            self._process.stdin.write(msgspec.json.encode(job) + b"\n")
            self._process.stdin.flush()
        self._reader = threading.Thread(target=self._read, args=(news,), daemon=True)
        self._reader.start()

    def _read(self, news: SimpleQueue[tuple[int, EventT | None]]) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith(b"\n"):
                news.put((self.number, self._decoder.decode(line)))
        news.put((self.number, None))

    def last_words(self) -> str:
        """How it ended, and the last line that it printed as an error."""
        status = self._process.wait(self._end_limit)
        self._errors.seek(0)
        last = self._errors.read().decode("utf-8", "backslashreplace").strip().splitlines()[-1:]
        return ": ".join([f"({ending_of(status)})", *last])

    def interrupt(self) -> None:
        """Have it stop, once, which ends its target too."""
        if self._process.poll() is None and not self._interrupted:
            self._process.send_signal(signal.SIGINT)
        self._interrupted = True

    def end(self) -> None:
        """See it to its end."""
        self.interrupt()
        try:
            self._process.wait(self._end_limit)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_READER_LIMIT_S)
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
