"""Reading results files of either kind, and saying in plain words why a file is none."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from cchatspec.reports.campaign import Campaign
from cchatspec.reports.digest import Report
from cchatspec.reports.results import SCHEMA, Results, ResultsError
from cchatspec.reports.text import cut, plain

_FORMS: dict[str, type[Results] | type[Campaign]] = {"conformance": Results, "fuzz": Campaign}
_FAMILY, _, _VERSION = SCHEMA.partition("/")
_WRITES = "'cchatspec run --json FILE' and 'cchatspec fuzz --json FILE' write such files"


class _Head(msgspec.Struct):
    """What tells which kind of file it is."""

    schema: str
    kind: str = "conformance"


def read_report(path: Path) -> Report:
    """Read a results file of either kind.

    Raises:
        ResultsError: it is no results file, is cut off, or is of a newer version; the text names the file and says what to do.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    try:
        head = msgspec.json.decode(data, type=_Head)
        report = msgspec.json.decode(data, type=_form(path, head))
    except msgspec.ValidationError as problem:
        raise ResultsError(_invalid(path, data, str(problem))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ResultsError(_no_json(path, data, str(problem))) from None
    except RecursionError:
        raise ResultsError(f"{path} holds no results: it is nested too deeply") from None
    _check(path, report)
    return report


def _form(path: Path, head: _Head) -> type[Results] | type[Campaign]:
    family, _, version = head.schema.partition("/")
    if family != _FAMILY:
        raise ResultsError(f"{path} holds no results, but {_said(head.schema)}; {_WRITES}")
    if head.schema != SCHEMA:
        newer = version.isdecimal() and int(version) > int(_VERSION)
        what = "a newer version" if newer else "another version"
        cure = "install a newer cchatspec" if newer else "make the file again"
        raise ResultsError(f"{path} is of {what}, {_said(head.schema)}; this cchatspec reads {SCHEMA}: {cure}")
    if head.kind not in _FORMS:
        known = " or ".join(_FORMS)
        raise ResultsError(
            f"{path} is of the kind {_said(head.kind)}; this cchatspec reads {known}: install a newer one"
        )
    return _FORMS[head.kind]


def _said(text: str) -> str:
    return f"'{plain(cut(text, 60))}'"


def _invalid(path: Path, data: bytes, problem: str) -> str:
    """Why a file whose JSON can be read is no results file."""
    try:
        msgspec.json.decode(data, type=_Head)
    except msgspec.ValidationError:
        return f'{path} holds no results: it has no "schema": "{SCHEMA}"; {_WRITES}'
    return f"{path} is damaged, or no {SCHEMA} file: {plain(problem)}; make it again"


def _no_json(path: Path, data: bytes, problem: str) -> str:
    if not data.strip():
        return f"{path} is empty; {_WRITES}"
    if data.lstrip()[:1] == b"{" and ("truncated" in problem or not data.rstrip().endswith(b"}")):
        return f"{path} is cut off after {len(data):,} bytes; make or copy it again"
    return f"{path} holds no results, but something that is no JSON ({plain(problem)}); {_WRITES}"


def _check(path: Path, report: Report) -> None:
    """What the types cannot say."""
    try:
        datetime.fromisoformat(report.started)
    except ValueError:
        raise ResultsError(f"{path} is damaged: {_said(report.started)} is no time; make it again") from None
    if isinstance(report, Results) and (bare := [case.id for case in report.cases if not case.clauses]):
        raise ResultsError(f"{path} is damaged: the case {_said(bare[0])} has no clause; make it again")
