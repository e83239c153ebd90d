"""What was met when there was no more time to confirm it: kept in the campaign's folder, and gone on with by the next one.

It is no finding, since it may have come of anything; it is the script as it ran, with those that ran before it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from cchatspec.fuzz.findings import FILE, FindingFile, read_findings, update_finding


class Unconfirmed:
    """The folder of what is still to be confirmed.

    Args:
        out: the folder of the campaign.
    """

    def __init__(self, out: Path) -> None:
        self._folder = out / "unconfirmed"

    def keep(self, file: FindingFile) -> Path:
        """Keep something, and give back where it is.

        Raises:
            OSError: it cannot be written.
        """
        there = self._folder / file.finding.id
        there.mkdir(parents=True, exist_ok=True)
        update_finding(self._folder, file)
        return there / FILE

    def read(self) -> list[FindingFile]:
        """All that is kept, in the order in which it was met."""
        return read_findings(self._folder)

    def drop(self, name: str) -> None:
        """Forget what is confirmed, or shows no more."""
        shutil.rmtree(self._folder / name, ignore_errors=True)
