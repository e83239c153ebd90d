"""Replaying what was found: is it still there, is it fixed, or does it show now and then."""

from __future__ import annotations

import textwrap
from pathlib import Path

from cchatspec.conformance.harness.outcomes import TargetError
from cchatspec.conformance.harness.target import open_target
from cchatspec.fuzz.findings import FILE, FindingError, FindingFile, read_finding, read_findings
from cchatspec.fuzz.hunt import Hunt
from cchatspec.fuzz.memory import Memory
from cchatspec.fuzz.runner import Runner
from cchatspec.fuzz.violations import violation_of
from cchatspec.reports.text import brief

_SEED = 1
_WIDTH = 80


def find(path: Path) -> list[FindingFile]:
    """The finding in a file or folder, or all those of a campaign's folder.

    Raises:
        FindingError: there is none, or a file is none.
        OSError: it cannot be read.
    """
    if path.is_dir() and not (path / FILE).exists():
        found = read_findings(path / "findings" if (path / "findings").is_dir() else path)
        if not found:
            raise FindingError(f"{path} holds no finding; expected a {FILE}, or the folder of a campaign")
        return found
    return [read_finding(path)]


def replay(
    file: FindingFile, address: str | None, launch: str | None, times: int, pid: int | None = None
) -> tuple[str, bool]:
    """Replay a finding so often from a fresh start: what to say about it, and whether it still shows.

    Without an address and a command, it is the target in which it was found. A leak takes the process behind an address too.

    Raises:
        TargetError: the target cannot be reached or started, or registers no user.
    """
    if address is None and launch is None:
        launch = file.target.launch
        address = file.target.address if launch is None and file.target.name == file.target.address else None
    target = open_target(address, launch)
    try:
        runner = Runner(target, _SEED)
        if file.finding.kind == "leak":
            memory = Memory(runner, pid, lambda: False, lambda _: None)
            if memory.pid() is None:
                raise TargetError("a leak shows in the memory of a process: give --launch, or --pid with HOST:PORT")
            times, found = 1, memory.replay(file.finding.request)
        else:
            hunt = Hunt(runner, lambda: False, lambda _: None)
            found = hunt.replay(file.script, file.before, violation_of(file.finding), times)
    finally:
        if target.launcher is not None:
            target.launcher.close()
    if found is None:
        return f"{file.finding.id}: fixed, it showed in none of {times} replay{'s' * (times > 1)}", False
    how = "still failing" if found.shown == found.replays else "flaky"
    lines = [f"{file.finding.id}: {how}, it showed in {found.shown} of {found.replays} replays"]
    lines += textwrap.wrap(
        brief(found.violation.text), _WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False
    )
    return "\n".join(lines), True
