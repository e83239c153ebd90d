"""One view of both kinds of results, from which the short forms are made: a verdict in one line, and a list of entries.

A conformance run and a fuzzing campaign differ in what they hold; a reader in CI wants the same of both: is it good, how many
of what, and which failures. An entry is one row of such a list: a case, a finding, or a kind of finding that did not turn up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from cchatspec.reports.campaign import Campaign, Finding, FindingKind
from cchatspec.reports.results import CaseResult, LevelName, Results, Stimulus, Verdict, WireLine
from cchatspec.reports.text import case_text, finding_text, plain, replay_command
from cchatspec.spec import FAMILIES

Report = Results | Campaign

#: How a whole report ends: nothing wrong, something that does not fail it, broken, or nothing was shown.
Outcome = Literal["good", "warned", "bad", "unknown"]

OPEN_FAMILY = "OPEN"
FUZZ_FAMILY = "FUZZ"
FAMILY_TEXTS = {**FAMILIES, OPEN_FAMILY: "what the protocol leaves open", FUZZ_FAMILY: "what the fuzzer found"}
_KINDS: dict[FindingKind, str] = {
    "crash": "The target dies",
    "hang": "The target stops answering",
    "illegal-reply": "A reply that no clause allows",
    "state": "A reply that the session's state forbids",
    "leak": "Something reaches somebody whom it must not reach",
    "disconnect": "A connection ends that must live",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row; `text` is all that is known of it, uncut, and every text is printable.

    `key` is the same in every run for the same question, whatever the answer.
    """

    key: str
    title: str
    family: str
    clause: str | None
    level: LevelName
    verdict: Verdict
    reason: str
    text: str
    replay: str = ""
    known: str | None = None
    flaky: bool = False
    blocked_by: str | None = None
    duration_s: float = 0.0
    expected: str | None = None
    came: str | None = None
    wire: tuple[WireLine, ...] = ()
    sent: Stimulus | None = None
    reproducer: str | None = None

    @property
    def broken(self) -> bool:
        """Whether it shows something to be wrong that nobody knew."""
        return self.verdict in ("fail", "warn") and self.known is None


def entries(report: Report) -> list[Entry]:
    """Every case of a run, or every finding of a campaign and every kind of which there is none."""
    if isinstance(report, Campaign):
        return _campaign_entries(report)
    clauses = {clause.id: clause for clause in report.clauses}
    return [_case_entry(case, case_text(case, clauses.get(case.clauses[0]))) for case in report.cases]


def family_of(case: CaseResult) -> str:
    """The family by which a case is shown."""
    return OPEN_FAMILY if case.level == "OPEN" else case.clauses[0].partition("-")[0]


def by_family(listed: Iterable[Entry]) -> dict[str, list[Entry]]:
    """The entries by family, in the order of the document."""
    grouped: dict[str, list[Entry]] = {}
    for entry in listed:
        grouped.setdefault(entry.family, []).append(entry)
    order = list(FAMILY_TEXTS)
    return dict(sorted(grouped.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))


def _case_entry(case: CaseResult, text: str) -> Entry:
    reason = case.reason or (f"came: {case.came}" if case.came is not None else "")
    return Entry(
        key=plain(case.id),
        title=plain(case.title),
        family=plain(family_of(case)),
        clause=plain(case.clauses[0]),
        level=case.level,
        verdict=case.verdict,
        reason=plain(reason),
        text=text,
        replay=plain(case.replay),
        known=None if case.known is None else plain(case.known),
        flaky=case.flaky,
        blocked_by=None if case.blocked_by is None else plain(case.blocked_by),
        duration_s=max(0.0, case.duration_s),
        expected=None if case.expected is None else plain(case.expected),
        came=None if case.came is None else plain(case.came),
        wire=tuple(case.wire),
        sent=case.sent,
    )


def _campaign_entries(campaign: Campaign) -> list[Entry]:
    found = [_finding_entry(finding, campaign) for finding in campaign.findings]
    met = {finding.kind for finding in campaign.findings}
    return [*found, *(_clean_entry(kind, campaign) for kind in get_args(FindingKind) if kind not in met)]


def _finding_entry(finding: Finding, campaign: Campaign) -> Entry:
    return Entry(
        key=f"FUZZ/{finding.kind}/{plain(finding.id)}",
        title=f"{finding.kind}: {plain(finding.title)}",
        family=FUZZ_FAMILY,
        clause=None if finding.clause is None else plain(finding.clause),
        level="MUST",
        verdict="fail",
        reason=plain(finding.happens or finding.title),
        text=finding_text(finding, campaign),
        replay=plain(replay_command(finding, campaign)),
        duration_s=max(0.0, finding.found_s),
        came=plain(finding.outcome) or None,
        wire=tuple(finding.wire),
        sent=finding.sent,
        reproducer=finding.reproducer,
    )


def _clean_entry(kind: FindingKind, campaign: Campaign) -> Entry:
    """That there was no finding of a kind; a campaign that proves nothing says so, and passes nothing."""
    proof = f"none in {campaign.executions:,} executions"
    reason = campaign.hollow or ("" if campaign.executions else "nothing was executed")
    return Entry(
        key=f"FUZZ/{kind}",
        title=f"{_KINDS[kind]}: {proof}",
        family=FUZZ_FAMILY,
        clause=None,
        level="MUST",
        verdict="inconclusive" if reason else "pass",
        reason=plain(reason),
        text=plain(reason) or proof,
    )


@dataclass(frozen=True, slots=True)
class Headline:
    """The answer in one line, and in a few words for a badge."""

    outcome: Outcome
    sentence: str
    short: str


def headline(report: Report, *, strict: bool = False) -> Headline:
    """What a whole report says; with `strict`, a broken SHOULD and an undecided case are bad too."""
    if isinstance(report, Campaign):
        return _campaign_headline(report)
    short = f"{held(report)}/{judged(report)} clauses"
    outcome = _outcome(report, strict=strict)
    return Headline(outcome, f"{_SENTENCES[outcome]} {counted(report)}", short if judged(report) else "nothing decided")


_SENTENCES: dict[Outcome, str] = {
    "good": "Nothing that was tested is broken.",
    "warned": "No MUST is broken, but not all is well.",
    "bad": "The target does not conform.",
    "unknown": "This run shows nothing good about the target.",
}


def _outcome(results: Results, *, strict: bool) -> Outcome:
    count = results.summary
    news = {case.verdict for case in results.cases if case.broken and case.known is None}
    doubtful = bool(count.inconclusive or not results.complete or results.broken)
    if "fail" in news or results.baseline or (strict and ("warn" in news or doubtful)):
        return "bad"
    if results.broken or not (count.passed or count.warn or count.fail):
        return "unknown"
    return "warned" if "warn" in news or doubtful else "good"


def _campaign_headline(campaign: Campaign) -> Headline:
    number = len(campaign.findings)
    executed = f"{campaign.executions:,} executions in {campaign.duration_s:.0f} s."
    if number:
        found = f"{number} finding{'s' * (number != 1)}"
        return Headline("bad", f"The fuzzer has {found}. {executed}", found)
    if campaign.hollow or campaign.broken or not campaign.executions:
        because = plain(campaign.hollow or next(iter(campaign.broken), "nothing was executed"))
        return Headline("unknown", f"This campaign proves nothing: {because} {executed}", "proves nothing")
    outcome: Outcome = "good" if campaign.complete else "warned"
    return Headline(outcome, f"The fuzzer found nothing. {executed}", "no finding")


def counted(results: Results) -> str:
    """The clauses that hold, and the cases by verdict."""
    count = results.summary
    numbers = {
        "pass": count.passed,
        "fail": count.fail,
        "warn": count.warn,
        "undecided": count.inconclusive,
        "skip": count.skip,
    }
    cases = ", ".join(f"{number} {word}" for word, number in numbers.items() if number) or "none"
    known = f" ({count.known} known)" if count.known else ""
    return f"{held(results)} of {judged(results)} clauses hold; cases: {cases}{known}."


def held(results: Results) -> int:
    """How many clauses were tested and passed."""
    return sum(clause.verdict == "pass" and clause.level != "OPEN" for clause in results.clauses)


def judged(results: Results) -> int:
    """How many clauses were tested, those that could not be decided included; what does not apply is not counted."""
    return sum(clause.verdict != "skip" and clause.level != "OPEN" for clause in results.clauses)


def problems(report: Report) -> list[str]:
    """What is wrong with the report as a whole, apart from its entries."""
    said = [f"The suite itself broke: {plain(text)}" for text in report.broken]
    if isinstance(report, Campaign):
        said += [f"The campaign proves nothing: {plain(report.hollow)}"] if report.hollow else []
    else:
        said += [f"The baseline is wrong: {plain(text)}" for text in report.baseline]
        count = report.summary
        if not (count.passed or count.warn or count.fail):
            said.append("No case could be decided.")
    return said if report.complete else [*said, "The run was not finished."]


def waited_for(results: Results) -> tuple[str, int] | None:
    """The clause for which most undecided cases wait, and how many do; None if there is none, or if a MUST comes before it."""
    waiting = Counter(case.blocked_by for case in results.cases if case.verdict == "inconclusive" and case.blocked_by)
    verdicts = {clause.id: clause.verdict for clause in results.clauses}
    later = {"warn"} if "fail" in verdicts.values() else set()
    return next(
        ((clause, number) for clause, number in waiting.most_common() if clause and verdicts.get(clause) not in later),
        None,
    )


def target_name(report: Report) -> str:
    """What the user called the target, printable."""
    return plain(report.target.name)
