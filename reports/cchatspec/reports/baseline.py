"""The baseline of a target: failures that are known, each with a reason and perhaps a date on which the patience ends.

A listed failure does not fail the run. An entry that is expired, that passes again, or that names nothing fails it, so that the
list never says more than is true. An entry that passes again can be told only where all that it names was run.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from cchatspec.reports.results import CaseResult, changed

SCHEMA = "cchatspec-baseline/1"
_KEYS = ("clause", "case", "reason", "expires")
#: While a case of an entry has one of these verdicts, the entry does not pass again.
_UNSURE = ("fail", "warn", "inconclusive")
_HEAD = """\
# Failures that are known. Each entry names a clause or a case (a glob), says why it is
# known, and may say until when: expires = 2030-12-31
"""


class BaselineError(ValueError):
    """A baseline cannot be read; the text says what is wrong in it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One known failure: a glob over clauses or over case ids, why it is known, and the last day on which it may be."""

    glob: str
    by_clause: bool
    reason: str
    expires: date | None = None

    @property
    def name(self) -> str:
        """How the entry stands in the file."""
        return f'{"clause" if self.by_clause else "case"} = "{self.glob}"'

    def names(self, case: str, clauses: Iterable[str]) -> bool:
        """Whether it names a case."""
        names = clauses if self.by_clause else (case,)
        return any(fnmatchcase(name.upper(), self.glob.upper()) for name in names)

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return self.expires is not None and today > self.expires


@dataclass(frozen=True, slots=True)
class Baseline:
    """All known failures."""

    entries: tuple[Entry, ...] = ()

    def reason_for(self, case: CaseResult, today: date) -> str | None:
        """Why the failure of a case is known, or None if it is not."""
        return next((entry.reason for entry in self.entries if _holds(entry, case, today)), None)


def _holds(entry: Entry, case: CaseResult, today: date) -> bool:
    return case.broken and not entry.expired(today) and entry.names(case.id, case.clauses)


def compare(
    baseline: Baseline, cases: list[CaseResult], suite: Mapping[str, Iterable[str]], today: date, *, whole: bool
) -> tuple[list[CaseResult], list[str]]:
    """The cases with what is known about them, and what is wrong with the entries.

    Args:
        baseline: the known failures.
        cases: what was found.
        suite: the clauses of every case that there is, by its id.
        today: the day by which entries expire.
        whole: whether all cases that were chosen have been run; without that, nothing can be said to pass again.
    """
    marked = [changed(case, known=baseline.reason_for(case, today)) if case.broken else case for case in cases]
    problems = [_problem(entry, cases, suite, today, whole) for entry in baseline.entries]
    return marked, [problem for problem in problems if problem]


def _problem(
    entry: Entry, cases: list[CaseResult], suite: Mapping[str, Iterable[str]], today: date, whole: bool
) -> str | None:
    if entry.expired(today):
        return f"{entry.name} expired on {entry.expires}"
    found = [case for case in cases if entry.names(case.id, case.clauses)]
    named = {case for case, clauses in suite.items() if entry.names(case, clauses)}
    if not found and not named:
        return f"{entry.name} names no case{_nearest(entry, suite)}"
    if not whole or named - {case.id for case in found} or any(case.verdict in _UNSURE for case in found):
        return None
    return f"{entry.name} passes again; take it out of the baseline" if _any_pass(found) else None


def _any_pass(cases: list[CaseResult]) -> bool:
    return any(case.verdict == "pass" for case in cases)


def _nearest(entry: Entry, suite: Mapping[str, Iterable[str]]) -> str:
    names = {name for clauses in suite.values() for name in clauses} if entry.by_clause else set(suite)
    near = get_close_matches(entry.glob, sorted(names), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def read_baseline(path: Path) -> Baseline:
    """Read a baseline.

    Raises:
        BaselineError: it is no baseline.
        OSError: it cannot be read.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise BaselineError(f"{path} is no TOML: {problem}") from None
    if data.pop("schema", None) != SCHEMA:
        raise BaselineError(f'{path} is no baseline: expected schema = "{SCHEMA}" in it')
    known = data.pop("known", [])
    if data or not isinstance(known, list):
        raise BaselineError(f"{path}: expected tables [[known]], found '{next(iter(data), 'known')}'")
    return Baseline(tuple(_entry(values, f"{path}, entry {number}") for number, values in enumerate(known, 1)))


def _entry(values: Any, where: str) -> Entry:
    if not isinstance(values, dict):
        raise BaselineError(f"{where}: expected a table, found {values!r}")
    unknown = [key for key in values if key not in _KEYS]
    if unknown:
        raise BaselineError(f"{where}: expected {', '.join(_KEYS)}, found '{unknown[0]}'")
    if ("clause" in values) == ("case" in values):
        raise BaselineError(f"{where}: expected either a clause or a case")
    glob, reason = values.get("clause", values.get("case")), values.get("reason")
    if not isinstance(glob, str) or not isinstance(reason, str) or not reason.strip():
        raise BaselineError(f"{where}: expected a glob and a reason, both as text")
    expires = values.get("expires")
    if expires is not None and (not isinstance(expires, date) or isinstance(expires, datetime)):
        raise BaselineError(f"{where}: expected a date such as 2030-12-31 for expires, found {expires!r}")
    return Entry(glob, "clause" in values, reason, expires)


def baseline_text(cases: Iterable[CaseResult], before: Baseline, today: date) -> str:
    """A baseline of all failures among the cases; entries of the one before that still hold are kept with their reasons."""
    failed = [case for case in cases if case.broken]
    kept = [entry for entry in before.entries if any(_holds(entry, case, today) for case in failed)]
    new = [_new_entry(case) for case in failed if before.reason_for(case, today) is None]
    tables = [_table(entry) for entry in [*kept, *new]]
    return "\n".join([f'{_HEAD}schema = "{SCHEMA}"\n', *tables])


def _new_entry(case: CaseResult) -> Entry:
    """What was seen on the way to another case has no case of its own, and is listed by its clause."""
    reason = " ".join((case.reason or case.title).split())
    by_clause = "/seen-in-" in case.id
    return Entry(case.clauses[0] if by_clause else case.id, by_clause, reason)


def _table(entry: Entry) -> str:
    key = "clause" if entry.by_clause else "case"
    lines = ["[[known]]", f"{key} = {_quoted(entry.glob)}", f"reason = {_quoted(entry.reason)}"]
    if entry.expires is not None:
        lines.append(f"expires = {entry.expires.isoformat()}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A basic string of TOML, which is a string of JSON with one character more escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
