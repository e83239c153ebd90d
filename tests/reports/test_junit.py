"""JUnit XML: its structure by the schema of Jenkins' xUnit plug-in, and what becomes of each verdict."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import junitparser
import pytest
from tests.reports.samples import EACH, FINDING, HOSTILE, campaign, case, results
from tests.reports.test_digest import RUNS

from cchatspec.reports.digest import Report
from cchatspec.reports.junit import junit_xml
from cchatspec.reports.results import Results, Verdict, changed, exit_status

#: junit-10.xsd: for each element its attributes, those that must be there, and its children.
STRUCTURE: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, set(), {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "time", "skipped", "timestamp", "package"},
        {"name", "tests", "failures", "errors"},
        {"properties", "testcase"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, {"name", "value"}, set()),
    "testcase": ({"name", "classname", "time"}, {"name", "classname"}, {"skipped", "error", "failure"}),
    "skipped": ({"type", "message"}, set(), set()),
    "error": ({"type", "message"}, set(), set()),
    "failure": ({"type", "message"}, set(), set()),
}
PATTERNS = {
    "time": r"[0-9]{1,9}\.[0-9]{3}",
    "timestamp": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}",
    "tests": "[0-9]+",
    "failures": "[0-9]+",
    "errors": "[0-9]+",
    "skipped": "[0-9]+",
}


def faults(document: bytes) -> list[str]:
    """What is wrong with a document by the schema."""
    found = []
    for element in ET.fromstring(document).iter():
        allowed, needed, children = STRUCTURE[element.tag]
        found += [f"{element.tag} has {name}" for name in element.attrib.keys() - allowed]
        found += [f"{element.tag} lacks {name}" for name in needed - element.attrib.keys()]
        found += [f"{element.tag} holds {child.tag}" for child in element if child.tag not in children]
        found += [
            f"{element.tag} {name}={value}"
            for name, value in element.items()
            if name in PATTERNS and not re.fullmatch(PATTERNS[name], value)
        ]
    return found


def children(report: Report, *, strict: bool = False) -> dict[str, list[tuple[str, str | None]]]:
    """For each test case its children and their types."""
    root = ET.fromstring(junit_xml([report], strict=strict))
    cases = {str(found.get("name")).partition(":")[0]: found for found in root.iter("testcase")}
    return {name: [(child.tag, child.get("type")) for child in found] for name, found in cases.items()}


@pytest.mark.parametrize(
    "reports",
    [
        [results(*EACH)],
        [results(complete=False)],
        [campaign(FINDING)],
        [results(*EACH), campaign(hollow="no"), results(*EACH)],
    ],
    ids=["run", "empty run", "campaign", "several"],
)
@pytest.mark.parametrize("strict", [False, True])
def test_it_follows_the_schema(reports: list[Report], strict: bool) -> None:
    assert faults(junit_xml(reports, strict=strict)) == []


@pytest.mark.parametrize(
    ("verdict", "mild", "strict"),
    [
        ("pass", [], []),
        ("fail", [("failure", "MUST")], [("failure", "MUST")]),
        ("warn", [("skipped", "SHOULD")], [("failure", "SHOULD")]),
        ("inconclusive", [("skipped", "UNDECIDED")], [("error", "UNDECIDED")]),
        ("skip", [("skipped", "SKIP")], [("skipped", "SKIP")]),
    ],
)
def test_what_becomes_of_a_verdict(
    verdict: Verdict, mild: list[tuple[str, str]], strict: list[tuple[str, str]]
) -> None:
    report = results(case("REG-OK", "pass"), case("REG-KEY", verdict))

    assert (children(report)["REG-KEY/x"], children(report, strict=True)["REG-KEY/x"]) == (mild, strict)


@pytest.mark.parametrize("verdict", ["fail", "warn"])
def test_a_known_failure_is_never_a_failure(verdict: Verdict) -> None:
    report = results(case("REG-OK", "pass"), changed(case("REG-KEY", verdict), known="ticket 7"))

    assert children(report, strict=True)["REG-KEY/x"] == [("skipped", "KNOWN")]


@pytest.mark.parametrize("run", [run for run, _, _ in RUNS.values()], ids=RUNS.keys())
@pytest.mark.parametrize("strict", [False, True])
def test_there_is_a_failure_or_an_error_exactly_if_the_exit_status_says_so(run: Results, strict: bool) -> None:
    tags = {tag for found in children(run, strict=strict).values() for tag, _ in found}

    assert bool(tags & {"failure", "error"}) is (exit_status(run, strict=strict) != 0 or not run.complete)


def test_the_suites_are_the_families_in_the_documents_order() -> None:
    suites = ET.fromstring(junit_xml([results(*EACH)])).findall("testsuite")

    assert [(suite.get("name"), suite.get("tests")) for suite in suites] == [
        ("FRAME", "1"),
        ("REG", "3"),
        ("LOGIN", "1"),
    ]


def test_another_reader_counts_the_same() -> None:
    read = junitparser.JUnitXml.fromstring(junit_xml([results(*EACH)], strict=True).decode())

    assert (read.tests, read.failures, read.errors, sum(suite.skipped for suite in read)) == (5, 2, 1, 1)


def test_the_text_of_a_failure_is_whole() -> None:
    said = "x" * 70_000
    text = ET.fromstring(junit_xml([results(case("REG-OK", "fail", said=said))])).findtext(".//failure")

    assert text is not None
    assert [
        part in text for part in (said, "00000005  09", "REGISTER_RESPONSE", "again    cchatspec run", "ERROR 05")
    ] == [True] * 5


def test_the_text_begins_with_the_message_since_some_readers_show_the_text_alone() -> None:
    failure = ET.fromstring(junit_xml([results(case("REG-OK", "fail"))])).find(".//failure")

    assert failure is not None
    assert str(failure.text).startswith(str(failure.get("message")))


@pytest.mark.parametrize(
    "report", [results(complete=False), results(case("REG-OK", "inconclusive"))], ids=["cut", "undecided"]
)
def test_a_run_that_shows_nothing_is_an_error(report: Report) -> None:
    assert children(report)["problem 1"] == [("error", "RUN")]


def test_several_targets_stay_apart() -> None:
    root = ET.fromstring(junit_xml([results(*EACH), results(*EACH, target="other")]))
    cases = [(found.get("classname"), found.get("name")) for found in root.iter("testcase")]

    assert len(cases) == len(set(cases))


def test_the_name_of_a_target_makes_no_packages() -> None:
    root = ET.fromstring(junit_xml([results(*EACH), results(*EACH, target="10.0.0.1:4000")]))

    assert {str(found.get("classname")).count(".") for found in root.iter("testcase")} == {2}


def test_a_finding_is_a_failure_and_the_kinds_that_were_not_found_pass() -> None:
    found = children(campaign(FINDING))

    assert (found["FUZZ/crash/crash-1a2b3c"], found["FUZZ/hang"], "FUZZ/crash" in found) == (
        [("failure", "MUST")],
        [],
        False,
    )


def test_a_campaign_that_proves_nothing_passes_nothing() -> None:
    found = children(campaign(hollow="everything was refused"))

    assert [
        tags for name, tags in found.items() if name.startswith("FUZZ") and tags != [("skipped", "UNDECIDED")]
    ] == []


def test_a_hostile_name_is_no_element() -> None:
    assert faults(junit_xml([results(case("REG-OK", "fail", said=HOSTILE))])) == []
