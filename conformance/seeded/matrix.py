"""The kill matrix: the file that keeps it, and the page that shows it."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

from faults import FAULTS, KNOWN_SURVIVORS

MATRIX = Path(__file__).with_name("matrix.json")
PAGE = Path(__file__).parents[2] / "docs" / "kill-matrix.md"

_HEAD = """\
# The kill matrix

Who tests the tests? A small server in `conformance/seeded/`, written independently of the suite's codec and of the reference
server, can be started with any of {count} faults, each of which breaks one clause on purpose. `nox -s kill` runs the suite
against each of them, and makes this page. A fault is *killed* if the suite fails or warns at the very clause that it breaks;
what it brings down besides is shown, and does not count.

**{killed} of {count} faults are killed by their own clause.** The same server without a fault was run under {right} readings of
the open points, each alone and in random combinations, and was accused of nothing in {innocent} of them.
"""


def read_matrix() -> dict[str, Any]:
    """The matrix as it was left, or an empty one."""
    if MATRIX.exists():
        matrix: dict[str, Any] = json.loads(MATRIX.read_text(encoding="utf-8"))
        return matrix
    return {"faults": {}, "right": {}}


def write_matrix(matrix: dict[str, Any]) -> None:
    """Keep the matrix, in the order of the faults, and make the page from it."""
    matrix["faults"] = {name: matrix["faults"][name] for name in FAULTS if name in matrix["faults"]}
    MATRIX.write_text(json.dumps(matrix, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(matrix), encoding="utf-8")


def page(matrix: dict[str, Any]) -> str:
    """The matrix as a page of Markdown."""
    faults, right = matrix["faults"], matrix["right"]
    killed = sum(bool(entry.get("killed")) for entry in faults.values())
    innocent = sum(not entry.get("accused") and not entry.get("problem") for entry in right.values())
    lines = [_HEAD.format(count=len(faults), killed=killed, right=len(right), innocent=innocent)]
    for clause, names in groupby((name for name in FAULTS if name in faults), key=lambda name: FAULTS[name].clause):
        lines += [f"## {clause}", "", "| fault | how it comes about | killed by | found besides |", "|---|---|---|---|"]
        lines += [_row(name, faults[name]) for name in names]
        lines.append("")
    if accused := {label: entry for label, entry in right.items() if entry.get("accused")}:
        lines += ["## Falsely accused", ""]
        lines += [f"- {label}: {', '.join(entry['accused'])}" for label, entry in accused.items()]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _row(name: str, entry: dict[str, Any]) -> str:
    clause = FAULTS[name].clause
    besides = [other for other in [*entry.get("fail", ()), *entry.get("warn", ())] if other != clause]
    shown = ", ".join(besides[:6]) + (f" and {len(besides) - 6} more" if len(besides) > 6 else "")
    by = "<br>".join(f"`{case}`" for case in entry.get("by", ())) if entry.get("killed") else "**survives**"
    if not entry.get("killed") and name in KNOWN_SURVIVORS:
        by += f": {KNOWN_SURVIVORS[name]}"
    return f"| `{name}` | {FAULTS[name].slip} | {by} | {shown} |"
