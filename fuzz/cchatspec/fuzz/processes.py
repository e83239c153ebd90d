"""What the system tells of a process: how much memory it has, and what of it its runtime frees only later."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Final

#: The size of a page, in bytes.
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Garbage(Enum):
    """What a runtime frees only when it sees fit: nothing, what refers to itself, or all."""

    NONE = "nothing"
    CYCLES = "cycles"
    ALL = "all"


#: How the names of files begin that such runtimes have mapped.
_CYCLES: Final = ("python", "libpython", "php")
_ALL: Final = (
    *("libjvm.so", "libcoreclr.so", "libmonosgen", "node", "libnode.so", "bun", "deno", "beam."),
    *("pypy", "ruby", "libruby", "lua"),
)


#: So much address space only a sanitizer's shadow takes, in bytes.
_SHADOW_BYTES: Final = 8 << 40


def _family(pid: int) -> Iterator[int]:
    """A process and all its descendants."""
    seen = [pid]
    for number in seen:
        yield number
        try:
            children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
        except OSError:
            continue
        seen += [int(child) for child in children if int(child) not in seen]


def resident_bytes(pid: int) -> int | None:
    """The resident memory of a process and all its descendants, in bytes; None if it is gone."""
    total = 0
    for number in _family(pid):
        try:
            total += int(Path(f"/proc/{number}/statm").read_text().split()[1]) * PAGE
        except (OSError, IndexError, ValueError):
            if number == pid:
                return None
    return total


def open_files(pid: int) -> int:
    """How many descriptors a process and all its descendants have open; 0 if nobody can tell."""
    total = 0
    for number in _family(pid):
        with suppress(OSError):
            total += sum(1 for _ in Path(f"/proc/{number}/fd").iterdir())
    return total


def has_sanitizer(pid: int) -> bool:
    """Whether a process keeps what it frees, as AddressSanitizer has it do, whose shadow takes terabytes of address space."""
    for number in _family(pid):
        with suppress(OSError, IndexError, ValueError):
            if int(Path(f"/proc/{number}/statm").read_text().split()[0]) * PAGE >= _SHADOW_BYTES:
                return True
    return False


def garbage_of(pid: int) -> Garbage:
    """What the runtimes of a process and its descendants leave for later; all, if nobody can tell."""
    left = Garbage.NONE
    for number in _family(pid):
        try:
            lines = Path(f"/proc/{number}/maps").read_text().splitlines()
        except OSError:
            return Garbage.ALL
        names = {line.rpartition("/")[2] for line in lines if "/" in line}
        if any(name.startswith(_ALL) for name in names):
            return Garbage.ALL
        if any(name.startswith(_CYCLES) for name in names):
            left = Garbage.CYCLES
    return left
