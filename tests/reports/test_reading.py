"""Results files of both kinds are read, and what is none gets a clear word."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reports.samples import EACH, FINDING, campaign, results

from cchatspec.reports.digest import Report
from cchatspec.reports.reading import read_report
from cchatspec.reports.results import ResultsError, schema_path, write_results

BOTH: list[Report] = [results(*EACH), campaign(FINDING)]


def written(report: Report, folder: Path) -> Path:
    write_results(report, folder / "r.json")
    return folder / "r.json"


@pytest.mark.parametrize("report", BOTH, ids=["conformance", "fuzz"])
def test_reading_gives_back_what_was_written(report: Report, tmp_path: Path) -> None:
    assert read_report(written(report, tmp_path)) == report


@pytest.mark.parametrize("report", BOTH, ids=["conformance", "fuzz"])
def test_what_is_written_is_valid_by_the_shipped_schema(report: Report, tmp_path: Path) -> None:
    jsonschema.validate(
        json.loads(written(report, tmp_path).read_text(encoding="utf-8")),
        json.loads(schema_path().read_text(encoding="utf-8")),
    )


@given(data=st.data())
def test_a_file_that_is_cut_off_anywhere_is_said_to_be(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(BOTH[0], tmp_path_factory.mktemp("cut"))
    whole = path.read_bytes().rstrip()
    path.write_bytes(whole[: data.draw(st.integers(1, len(whole) - 1))])

    with pytest.raises(ResultsError, match="is cut off after"):
        read_report(path)


HEAD = (
    '"tool": {"name": "x", "version": "1"}, "target": {"name": "x", "address": "x"}, "summary": {}, "open_points": {}'
)
WRONG = {
    "empty": (b" \n", "is empty"),
    "binary": (b"\x7fELF\xff\xfe", "no JSON"),
    "utf-16": ('{"schema": 1}'.encode("utf-16"), "no JSON"),
    "array": (b"[1]", 'has no "schema": "cchatspec-results/1"'),
    "without schema": (b'{"name": "x"}', 'has no "schema": "cchatspec-results/1"'),
    "foreign": (b'{"schema": "cchatspec-script/1"}', "but 'cchatspec-script/1'"),
    "newer": (
        b'{"schema": "cchatspec-results/2", "kind": "conformance", "new": 1}',
        "newer version.*install a newer cchatspec",
    ),
    "other version": (b'{"schema": "cchatspec-results/x"}', "another version"),
    "new kind": (b'{"schema": "cchatspec-results/1", "kind": "load"}', "of the kind 'load'"),
    "incomplete": (b'{"schema": "cchatspec-results/1", "kind": "fuzz"}', "is damaged"),
    "deep": (b'{"x": ' + b"[" * 100_000, "nested too deeply"),
    "hostile": (b'{"schema": "\\u001b[31m"}', r"'\\x1b\[31m'"),
    "no time": (
        f'{{"schema": "cchatspec-results/1", "kind": "conformance", "started": "now", "duration_s": 1, {HEAD}, '
        '"cases": [], "clauses": []}'.encode(),
        "'now' is no time",
    ),
}


@pytest.mark.parametrize(("data", "word"), WRONG.values(), ids=WRONG.keys())
def test_a_file_that_holds_no_results_is_said_so(data: bytes, word: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(data)

    with pytest.raises(ResultsError, match=rf"r\.json .*{word}"):
        read_report(path)


def test_a_case_without_a_clause_is_damage(tmp_path: Path) -> None:
    path = written(BOTH[0], tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace('"FRAME-LAYOUT"\n', "\n", 1), encoding="utf-8")

    with pytest.raises(ResultsError, match="the case 'FRAME-LAYOUT/x' has no clause"):
        read_report(path)


def test_keys_of_later_versions_are_passed_over(tmp_path: Path) -> None:
    path = written(BOTH[0], tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"later": 1}))

    assert read_report(path) == BOTH[0]


def test_an_argument_that_is_no_utf_8_does_not_cost_the_results(tmp_path: Path) -> None:
    path = written(results(*EACH, target="./server \udcff"), tmp_path)

    assert read_report(path).target.name == "./server \\udcff"
