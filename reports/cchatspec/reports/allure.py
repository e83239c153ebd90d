"""Results for the Allure report tool: one file for each case, and one for each attachment, in a folder.

Written from the results and not while pytest runs: what Allure's own plugin sees there is whether an assertion held, and not
whether the clause is a MUST, what barred the case from its question, or what the baseline knows.

    pass            passed
    fail            failed
    warn            broken, tag warn
    inconclusive    unknown, tag undecided, and blocked-by:CLAUSE
    skip            skipped
    known failure   its own status, tag known; Allure takes it for accepted
    a broken run    broken, in the suite "run"

Families are suites and clauses sub-suites; the target is the parent suite and a parameter, so that several targets fit into one
report. A case keeps its history as long as its id and the target's name stay.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path

from allure_commons.logger import AllureFileLogger
from allure_commons.model2 import Attachment, Label, Link, Parameter, Status, StatusDetails, TestResult, TestStepResult
from allure_commons.types import AttachmentType, LabelType, LinkType, Severity

from cchatspec.reports.digest import FAMILY_TEXTS, Entry, Report, entries, problems, target_name
from cchatspec.reports.markdown import code, escaped, fenced
from cchatspec.reports.results import LevelName, Part, Results, Verdict, WireLine
from cchatspec.reports.text import ARROWS, cut, dump_text, plain, wire_text, words_of
from cchatspec.spec.document import protocol_path

_STATUSES: dict[Verdict, str] = {
    "pass": Status.PASSED,
    "fail": Status.FAILED,
    "warn": Status.BROKEN,
    "inconclusive": Status.UNKNOWN,
    "skip": Status.SKIPPED,
}
_SEVERITIES: dict[LevelName, Severity] = {
    "MUST": Severity.CRITICAL,
    "SHOULD": Severity.NORMAL,
    "OPEN": Severity.TRIVIAL,
}
_TAGS: dict[Verdict, str] = {"warn": "warn", "inconclusive": "undecided"}
_PARTS: dict[Part | None, str] = {
    "registration": "registration",
    "login": "login",
    "stimulus": "stimulus",
    "fence": "fence: what came before its reply is all that came",
}
_NAMESPACE = uuid.UUID("6f2c1f0e-6f0f-4f0e-9a55-6cc4a7f9c0de")
_MAX_NAME = 200
_MAX_STEPS = 200
_TEXT = AttachmentType.TEXT


def write_allure(reports: Sequence[Report], folder: Path) -> None:
    """Write all reports into a folder, which is made if it is missing; the same report gives the same files.

    Raises:
        OSError: they cannot be written.
    """
    logger = AllureFileLogger(str(folder))
    for report in reports:
        clauses = {clause.id: clause for clause in report.clauses} if isinstance(report, Results) else {}
        for entry in entries(report):
            words = words_of(entry.clause or "", clauses.get(entry.clause or ""))
            logger.report_result(_Case(report, entry, logger).result(words))
        for problem in problems(report):
            logger.report_result(_problem_result(report, problem))


class _Case:
    """One entry on its way to a file, with the attachments that are written meanwhile."""

    def __init__(self, report: Report, entry: Entry, logger: AllureFileLogger) -> None:
        self.entry = entry
        self.report = report
        self.start = started_ms(report)
        self.uuid = uuid.uuid5(_NAMESPACE, f"{target_name(report)}\n{report.started}\n{entry.key}")
        self._logger = logger

    def result(self, words: tuple[str, str]) -> TestResult:
        """The test case in Allure's words."""
        entry = self.entry
        result = _blank(self.report, entry.key, entry.title, self.uuid)
        result.status = _STATUSES[entry.verdict]
        result.statusDetails = self._details()
        result.description = _description(entry, words)
        result.labels += list(_labels(entry))
        result.links = [_link(entry.clause)] if entry.clause else []
        result.stop = self.start + round(entry.duration_s * 1000)
        result.titlePath = [target_name(self.report), _suite(entry), entry.clause or entry.family]
        result.steps = self._steps()
        result.attachments = self._attachments()
        return result

    def _details(self) -> StatusDetails | None:
        entry = self.entry
        if entry.verdict == "pass" and not entry.flaky:
            return None
        barred = f"blocked by {entry.blocked_by}: " if entry.blocked_by else ""
        known = entry.known is not None
        return StatusDetails(
            message=f"{barred}{entry.reason or entry.title}", trace=entry.text, known=known, flaky=entry.flaky
        )

    def _steps(self) -> list[TestStepResult]:
        shown = self.entry.wire[:_MAX_STEPS]
        steps = [self._group(part, list(lines)) for part, lines in groupby(shown, key=lambda line: line.part)]
        if more := len(self.entry.wire) - len(shown):
            steps.append(self._step(f"and {more} more lines in the wire log", 0, 0))
        if self.entry.expected is not None:
            end = max((line.ms for line in self.entry.wire), default=0)
            last = self._step(f"right: {self.entry.expected}; came: {self.entry.came}", end, end)
            last.status = _STATUSES[self.entry.verdict]
            steps.append(last)
        return steps

    def _group(self, part: Part | None, lines: list[WireLine]) -> TestStepResult:
        """The lines of one part of the conversation, as a step with a step for each line."""
        inner = [self._line_step(line) for line in lines]
        if len(inner) == 1:
            return inner[0]
        group = self._step(_PARTS.get(part, "conversation"), lines[0].ms, lines[-1].ms)
        group.steps = inner
        return group

    def _line_step(self, line: WireLine) -> TestStepResult:
        verb = {"sent": "send", "received": "receive", "event": "event"}[line.direction]
        step = self._step(f"#{line.connection} {ARROWS[line.direction]} {verb} {plain(line.text)}", line.ms, line.ms)
        sizes = (
            [Parameter("bytes", str(line.size)), Parameter("hex", cut(plain(line.hex), _MAX_NAME))] if line.size else []
        )
        step.parameters = sizes
        return step

    def _step(self, name: str, start_ms: float, stop_ms: float) -> TestStepResult:
        start, stop = self.start + round(start_ms), self.start + round(stop_ms)
        return TestStepResult(name=cut(plain(name), _MAX_NAME), status=Status.PASSED, start=start, stop=stop)

    def _attachments(self) -> list[Attachment]:
        entry = self.entry
        texts = {
            "hexdump of what was sent": dump_text(entry.sent) if entry.sent else "",
            "wire log": wire_text(entry.wire),
        }
        return [self._attach(name, text) for name, text in texts.items() if text]

    def _attach(self, name: str, text: str) -> Attachment:
        file = f"{uuid.uuid5(self.uuid, name)}-attachment.{_TEXT.extension}"
        self._logger.report_attached_data(text, file)
        return Attachment(name=name, source=file, type=_TEXT.mime_type)


def started_ms(report: Report) -> int:
    """When the run began, in milliseconds since 1970."""
    return round(datetime.fromisoformat(report.started).timestamp() * 1000)


def _blank(report: Report, key: str, title: str, identity: uuid.UUID) -> TestResult:
    """What all results of a report have in common."""
    target = target_name(report)
    result = TestResult(uuid=str(identity), name=cut(title, _MAX_NAME), fullName=key, stage="finished")
    result.file_pattern = f"{identity}-result.json"
    result.testCaseId = _digest(key)
    result.historyId = _digest(f"{key}\n{target}")
    result.parameters = [Parameter("target", target)]
    result.start = result.stop = started_ms(report)
    result.labels = [
        Label(LabelType.PARENT_SUITE, target),
        Label(LabelType.FRAMEWORK, "cchatspec"),
        Label("toolVersion", plain(report.tool.version)),
        Label("layer", report.kind),
    ]
    return result


def _digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()  # the form that Allure's own tools use


def _suite(entry: Entry) -> str:
    described = FAMILY_TEXTS.get(entry.family)
    return f"{entry.family}: {described}" if described else entry.family


def _labels(entry: Entry) -> Iterator[Label]:
    yield Label(LabelType.SUITE, _suite(entry))
    if entry.clause:
        yield Label(LabelType.SUB_SUITE, entry.clause)
        yield Label(LabelType.STORY, entry.clause)
    yield Label(LabelType.FEATURE, entry.family)
    yield Label(LabelType.SEVERITY, _SEVERITIES[entry.level].value)
    yield from (Label(LabelType.TAG, tag) for tag in _tags(entry))


def _tags(entry: Entry) -> Iterable[str]:
    yield entry.level
    if entry.verdict in _TAGS:
        yield _TAGS[entry.verdict]
    if entry.known is not None:
        yield "known"
    if entry.flaky:
        yield "flaky"
    if entry.blocked_by:
        yield f"blocked-by:{entry.blocked_by}"


def _link(clause: str) -> Link:
    """The clause in the document that is shipped with the suite."""
    return Link(type=LinkType.LINK, name=clause, url=f"{protocol_path().as_uri()}#{clause.lower()}")


def _description(entry: Entry, words: tuple[str, str]) -> str:
    """In Markdown: the clause's own words, and how to see the case again."""
    sentence, why = (plain(text) for text in words)
    paragraphs = [
        f"**{escaped(entry.clause)}** ({entry.level}): {escaped(sentence)}" if entry.clause else "",
        f"It matters: {escaped(why)}" if why else "",
        f"Known: {code(entry.known)}" if entry.known is not None else "",
        fenced(entry.replay) if entry.replay else "",
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _problem_result(report: Report, problem: str) -> TestResult:
    """What is wrong with a run as a whole, as a case of its own."""
    key = f"run/{problem.partition(':')[0]}"
    identity = uuid.uuid5(_NAMESPACE, f"{target_name(report)}\n{report.started}\n{problem}")
    result = _blank(report, key, problem, identity)
    result.status = Status.BROKEN
    result.statusDetails = StatusDetails(message=problem, trace=problem)
    result.labels += [Label(LabelType.SUITE, "run"), Label(LabelType.SEVERITY, Severity.BLOCKER.value)]
    return result
