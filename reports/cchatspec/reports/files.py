"""Writing files: whole or not at all, and found out beforehand where it cannot be done."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees half of it; what is no regular file, such as a pipe, is written to as it is.

    Raises:
        OSError: the file cannot be written.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Find out before a long run that its results could not be written.

    Raises:
        OSError: the folder is missing or not writable.
    """
    if path.is_dir():
        raise IsADirectoryError(21, "it is a folder", str(path))
    if path.exists() and not path.is_file():
        return
    existed = path.exists()
    with path.open("ab"):
        pass
    if not existed:
        path.unlink()


def check_folder(path: Path) -> None:
    """Make a folder if it is missing, and find out whether files can be written in it.

    Raises:
        OSError: it cannot be made, is no folder, or is not writable.
    """
    path.mkdir(parents=True, exist_ok=True)
    check_writable(path / f".cchatspec.{os.getpid()}")
