"""All cases as text of at most 80 columns and as JSON, and which clause has which cases or why it has none."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator

from cchatspec.conformance.catalogue import OPTIONS, Case, all_cases, select
from cchatspec.spec import CLAUSES, OPEN_POINTS

_WIDTH = 80


def listing(chosen: tuple[str, ...], left_out: tuple[str, ...], *, coverage: bool, as_json: bool) -> str:
    """The cases that are selected, or their clauses.

    Raises:
        SelectionError: the selection fits no case.
        OSError: a file of globs cannot be read.
    """
    ids = select(list(all_cases()), chosen, left_out, OPTIONS)
    cases = [case for case in all_cases() if case.id in ids]
    if not coverage:
        return _cases_json(cases) if as_json else "\n".join(_case_lines(cases))
    rows = list(_coverage(cases, whole=not chosen))
    return json.dumps(rows, indent=2, ensure_ascii=False) if as_json else "\n".join(map(_coverage_text, rows))


def _case_lines(cases: Iterable[Case]) -> Iterator[str]:
    for case in cases:
        option = f"  (with --{case.only_with})" if case.only_with else ""
        yield f"{case.id}  {case.level}{option}"
        yield textwrap.fill(case.title, _WIDTH, initial_indent="    ", subsequent_indent="    ")


def _cases_json(cases: Iterable[Case]) -> str:
    rows = [
        {
            "id": case.id,
            "title": case.title,
            "clauses": case.clauses,
            "level": case.level,
            "family": case.family,
            "option": f"--{case.only_with}" if case.only_with else None,
        }
        for case in cases
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def _coverage(cases: list[Case], *, whole: bool) -> Iterator[dict[str, object]]:
    """Each clause and open point with its cases; those without any are in it if nothing was selected."""
    levels = {clause.id: clause.level.value for clause in CLAUSES.values()} | dict.fromkeys(OPEN_POINTS, "OPEN")
    for name, level in levels.items():
        ids = [case.id for case in cases if name in case.clauses]
        untestable = CLAUSES[name].untestable if name in CLAUSES else None
        if ids or whole:
            yield {"id": name, "level": level, "cases": ids, "untestable": untestable or None}


def _coverage_text(row: dict[str, object]) -> str:
    ids = row["cases"]
    assert isinstance(ids, list)
    head = f"{row['id']:<20}{row['level']:<8}"
    if row["untestable"]:
        text = f"not from outside: {row['untestable']}"
    else:
        text = f"{len(ids)} case{'s' * (len(ids) != 1)}" if ids else "no case yet"
    return textwrap.fill(text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head))
