"""Results as JUnit XML, in the form that Jenkins' schema (`junit-10.xsd`), GitLab and the reporters for GitHub take.

Families are suites and cases are test cases. What fails the run is a failure, what does not is never one:

    pass            a test case without a child
    fail            failure, type MUST
    warn            skipped, with strict a failure, type SHOULD
    inconclusive    skipped, with strict an error, type UNDECIDED
    skip            skipped
    known failure   skipped, and its message begins with "known"

Jenkins shows the attribute `message` and the text of an element, GitLab the text alone; so both are written, and the text is
whole. What is wrong with a run as a whole is an error in a suite of its own, called `run`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from cchatspec.reports.digest import FAMILY_TEXTS, Entry, Report, by_family, entries, problems, target_name
from cchatspec.reports.text import cut, plain

_MAX_MESSAGE = 300


def junit_xml(reports: Sequence[Report], *, strict: bool = False) -> bytes:
    """All reports as one document; with more than one, the suites carry the targets' names."""
    root = ET.Element("testsuites", name="cchatspec")
    for number, report in enumerate(reports, 1):
        _add_report(root, report, f"{number} {target_name(report)}: " if len(reports) > 1 else "", strict=strict)
    _count(root, list(root.iter("testcase")))
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _add_report(root: ET.Element, report: Report, prefix: str, *, strict: bool) -> None:
    for family, listed in by_family(entries(report)).items():
        suite = _suite(root, report, f"{prefix}{family}", family, prefix)
        for entry in listed:
            _add_case(suite, entry, _class(prefix, family), strict=strict)
        _count(suite, list(suite.iter("testcase")))
    if said := problems(report):
        suite = _suite(root, report, f"{prefix}run", "run", prefix)
        for number, problem in enumerate(said, 1):
            case = ET.SubElement(
                suite, "testcase", name=f"problem {number}", classname=_class(prefix, "run"), time="0.000"
            )
            _child(case, "error", problem, "RUN", problem)
        _count(suite, list(suite.iter("testcase")))


def _suite(root: ET.Element, report: Report, name: str, family: str, prefix: str) -> ET.Element:
    started = datetime.fromisoformat(report.started).astimezone(UTC)
    suite = ET.SubElement(root, "testsuite", name=name, package=_class(prefix, family))
    suite.set("timestamp", f"{started:%Y-%m-%dT%H:%M:%S}")  # the schema's pattern has no time zone
    properties = ET.SubElement(suite, "properties")
    about = {
        "tool": plain(f"{report.tool.name} {report.tool.version}"),
        "target": target_name(report),
        "family": FAMILY_TEXTS.get(family, ""),
    }
    for key, value in about.items():
        ET.SubElement(properties, "property", name=key, value=value)
    return suite


def _class(prefix: str, family: str) -> str:
    """By this Jenkins and GitHub's reporters group; a dot parts packages, so names of targets have none."""
    target = "".join(char if char.isalnum() else "-" for char in prefix).strip("-")
    return ".".join(part for part in ("cchatspec", cut(target, 60), family) if part)


def _add_case(suite: ET.Element, entry: Entry, classname: str, *, strict: bool) -> None:
    name = f"{entry.key}: {cut(entry.title, _MAX_MESSAGE)}"
    case = ET.SubElement(suite, "testcase", name=name, classname=classname, time=f"{entry.duration_s:.3f}")
    message = cut(entry.reason or entry.title, _MAX_MESSAGE)
    match entry.verdict:
        case "fail" | "warn" if entry.known is not None:
            _child(case, "skipped", f"known ({entry.level}): {cut(entry.known, _MAX_MESSAGE)}", "KNOWN", entry.text)
        case "fail":
            _child(case, "failure", message, "MUST", entry.text)
        case "warn":
            _child(case, "failure" if strict else "skipped", f"warning: {message}", "SHOULD", entry.text)
        case "inconclusive":
            barred = f"undecided, blocked by {entry.blocked_by}: " if entry.blocked_by else "undecided: "
            _child(case, "error" if strict else "skipped", f"{barred}{message}", "UNDECIDED", entry.text)
        case "skip":
            _child(case, "skipped", f"does not apply: {message}", "SKIP", entry.text)
        case "pass":
            pass


def _child(case: ET.Element, tag: str, message: str, kind: str, text: str) -> None:
    """A result; GitLab shows its text alone, so the message is the text's first line too."""
    ET.SubElement(case, tag, message=message, type=kind).text = f"{message}\n\n{text}" if text != message else text


def _count(element: ET.Element, cases: Iterable[ET.Element]) -> None:
    listed = list(cases)
    element.set("tests", str(len(listed)))
    element.set("failures", str(_having(listed, "failure")))
    element.set("errors", str(_having(listed, "error")))
    if element.tag == "testsuite":
        element.set("skipped", str(_having(listed, "skipped")))
    element.set("time", f"{sum(float(case.get('time', '0')) for case in listed):.3f}")


def _having(cases: list[ET.Element], tag: str) -> int:
    return sum(case.find(tag) is not None for case in cases)
