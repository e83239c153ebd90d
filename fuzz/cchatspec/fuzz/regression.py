"""A finding as a regression test for pytest: one file that holds the finding and starts the server that it is to hold for."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from cchatspec.fuzz.findings import FindingFile

_HEAD = '''"""What `cchatspec fuzz` found must not come back.

    CCHAT_SERVER='COMMAND … {{port}}' pytest {file}
    CCHAT_SERVER=HOST:PORT pytest {file}

Without CCHAT_SERVER, it is {default}. Needs pytest and cchatspec.
"""

from __future__ import annotations

import os

import msgspec
import pytest

from cchatspec.fuzz.findings import FindingFile
from cchatspec.fuzz.replaying import replay

SERVER = os.environ.get("CCHAT_SERVER", {server!r})

FINDINGS = [
'''

_TAIL = """
]


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.finding.id)
def test_finding_does_not_come_back(finding: FindingFile) -> None:
    address, launch = (None, SERVER) if "{port}" in SERVER else (SERVER or None, None)

    text, shows = replay(finding, address, launch, times=3)

    assert not shows, text
"""


def regression_text(files: Sequence[FindingFile]) -> str:
    """The source of a test for some findings."""
    target = files[0].target
    server = target.launch or (target.address if target.name == target.address else "")
    default = "the server in which it was found" if server else "the reference server of cchatspec"
    name = "test_" + re.sub(r"\W+", "_", files[0].finding.id if len(files) == 1 else "findings") + ".py"
    entries = []
    for file in files:
        small = msgspec.structs.replace(
            file, finding=msgspec.structs.replace(file.finding, wire=[], sent=None, output="")
        )
        text = msgspec.json.format(msgspec.json.encode(small), indent=1).decode()
        entries.append(f"    msgspec.json.decode(\n        {_literal(text)},\n        type=FindingFile,\n    ),")
    return _HEAD.format(file=name, default=default, server=server) + "\n".join(entries) + _TAIL


def _literal(text: str) -> str:
    """The text as a raw literal of several lines where that can hold it."""
    return repr(text) if "'''" in text or text.endswith("\\") else f"r'''{text}'''"
