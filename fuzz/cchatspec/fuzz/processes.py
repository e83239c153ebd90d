"""What the system tells of a process: how much memory it has, and whether its runtime collects garbage."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

#: The size of a page, in bytes.
PAGE: Final = os.sysconf("SC_PAGE_SIZE")

#: Of files that a process has mapped, the runtimes that free memory when they see fit, if only what refers to itself.
_COLLECTORS: Final = (
    *("libjvm.so", "libcoreclr.so", "libmonosgen", "node", "libnode.so", "bun", "deno", "beam."),
    *("python", "libpython", "pypy", "ruby", "libruby", "php", "lua"),
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


def has_sanitizer(pid: int) -> bool:
    """Whether a process keeps what it frees, as AddressSanitizer has it do, whose shadow takes terabytes of address space."""
    for number in _family(pid):
        with suppress(OSError, IndexError, ValueError):
            if int(Path(f"/proc/{number}/statm").read_text().split()[0]) * PAGE >= _SHADOW_BYTES:
                return True
    return False


def has_collector(pid: int) -> bool:
    """Whether a process or one of its descendants runs on a runtime that collects garbage; so it is taken if nobody can tell."""
    for number in _family(pid):
        try:
            lines = Path(f"/proc/{number}/maps").read_text().splitlines()
        except OSError:
            return True
        if any(line.rpartition("/")[2].startswith(_COLLECTORS) for line in lines if "/" in line):
            return True
    return False
