"""Files that a client keeps: written whole or not at all, readable by their owner alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from cchatspec.reference.client.errors import FileProblem

try:
    import fcntl
except ImportError:  # a system without it
    fcntl = None  # type: ignore[assignment]

OWNER_ONLY: Final = 0o600


def write_atomically(path: Path, data: bytes, *, is_new: bool = False) -> None:
    """Puts a file in place that only its owner can read; what was there before stays until all of it is on the disk.

    Raises:
        FileExistsError: it was to be new, and is there.
        OSError: it cannot be written.
    """
    handle, name = tempfile.mkstemp(prefix=".cchatspec-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), OWNER_ONLY)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            os.link(name, path)
            Path(name).unlink()
        else:
            Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def make_folder(path: Path) -> None:
    """Makes a folder that only its owner can enter, if it is not there.

    Raises:
        FileProblem: it cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FileProblem(f"cannot make the folder {path}: {error.strerror}") from None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keeps other processes out that lock the same path, by a file beside it; where there are no locks, nobody is kept out."""
    if fcntl is None:
        yield
        return
    handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, OWNER_ONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
