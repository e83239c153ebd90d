"""Which clause has which cases, and why the others have none."""

from __future__ import annotations

from collections.abc import Iterator

from cchatspec.conformance.catalogue import cases_of
from cchatspec.spec import CLAUSES, OPEN_POINTS


def coverage_lines() -> Iterator[str]:
    """One line for each clause and open point: its cases by number and name, or why it has none."""
    for clause in CLAUSES.values():
        if clause.untestable:
            yield f"{clause.id:<18}{clause.level.value:<8}not from outside: {clause.untestable}"
        else:
            yield f"{clause.id:<18}{clause.level.value:<8}{_cases(clause.id)}"
    for point in OPEN_POINTS:
        yield f"{point:<18}{'OPEN':<8}{_cases(point)}"


def _cases(name: str) -> str:
    ids = [case.partition("/")[2] for case in cases_of(name)]
    return f"{len(ids)}: {', '.join(ids)}" if ids else "no case yet"
