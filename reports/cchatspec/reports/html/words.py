"""The words and marks of the page: verdicts, names, sentences, and text of others made harmless.

Colour is never the only sign: every verdict has a mark and a word. Text that came from a target is escaped by Jinja2; here its
control characters become visible, it is kept apart from the writing direction around it, and what is long is folded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup, escape

from cchatspec.reports.campaign import Campaign
from cchatspec.reports.results import Results
from cchatspec.reports.text import cut, plain

#: What is shown of a text at once, behind a click, and at all.
SHORT, LONG = 400, 16_000
_NAMES = 6
_ATTRIBUTE = 1200
_LABEL = 44
_NAME = 60
_NOT_SHOWN = re.compile(r"[^\x20-\x7e\n]")


@dataclass(frozen=True, slots=True)
class Mark:
    """How a verdict is shown: a sign, a word, and the name of its colour."""

    sign: str
    word: str
    css: str


#: The marks by verdict, from the gravest, with those of clauses without one.
MARKS: dict[str, Mark] = {
    "fail": Mark("✕", "fail", "fail"),
    "warn": Mark("▲", "warn", "warn"),
    "inconclusive": Mark("?", "undecided", "und"),
    "pass": Mark("✓", "pass", "pass"),
    "skip": Mark("\N{EN DASH}", "skip", "skip"),
    "unrun": Mark("·", "not run", "none"),
    "untestable": Mark("○", "untestable", "none"),
}

MEANINGS: dict[str, str] = {
    "fail": "a MUST is broken",
    "warn": "a SHOULD is broken: legal, but not robust or not secure",
    "inconclusive": "the case could not get as far as its question",
    "pass": "the target did what the clause says",
    "skip": "does not apply to this target",
    "unrun": "no case of it was in this run",
    "untestable": "no case can test it from outside",
}


def visible(text: str) -> Markup:
    """Text of others as HTML: escaped, with control characters visible, isolated from the text around it."""
    if not _NOT_SHOWN.search(text):
        return Markup("<bdi>") + text + Markup("</bdi>")
    return Markup("<bdi>") + Markup("").join(_piece(part) for part in _parts(text)) + Markup("</bdi>")


def _parts(text: str) -> list[tuple[bool, str]]:
    """The text in runs of what can be shown as it is, and of what cannot."""
    runs: list[tuple[bool, list[str]]] = []
    for char in text:
        kind = char.isprintable() or char == "\n"
        if not runs or runs[-1][0] != kind:
            runs.append((kind, []))
        runs[-1][1].append(char)
    return [(kind, "".join(chars)) for kind, chars in runs]


def _piece(part: tuple[bool, str]) -> Markup:
    kind, text = part
    if kind:
        return escape(text)
    return Markup('<span class="ctl">{}</span>').format(plain(text))


def clean(value: object) -> object:
    """What stands in the page without further ado, such as an attribute: text in one line, printable, and not endless."""
    if type(value) is not str or (len(value) <= _ATTRIBUTE and value.isprintable()):
        return value
    return plain(cut(value, _ATTRIBUTE))


def address(text: str) -> str:
    """The text as the address of an element that has it for its id."""
    return quote(plain(cut(text, _ATTRIBUTE)), safe="/:")


def shown(text: str, short: int = SHORT) -> Markup:
    """The same, where what is long is folded, and what is endless cut off with a word about it."""
    if len(text) <= short + SHORT // 4:
        return visible(text)
    rest = visible(text[short:LONG])
    left_out = len(text) - LONG
    note = f" … {left_out:,} more characters are in the results file" if left_out > 0 else ""
    return Markup('{}<details class="more"><summary>… {} more characters</summary>{}{}</details>').format(
        visible(text[:short]), f"{len(text) - short:,}", rest, note
    )


def short_name(name: str) -> str:
    """A name of the protocol's kind, cut where no such name goes on."""
    return plain(cut(name, _NAME))


def label(report: Results | Campaign) -> str:
    """A short name of a target: of a launch command the words that tell it from others."""
    words = re.sub(r"((?<!\S)-[-\w]+[ =])?\{port\}", "", report.target.name).split()
    if report.target.launch and len(words) > 1 and re.fullmatch(r"(.*/)?(python|node|ruby|java)[\d.]*", words[0]):
        words = words[1:]
    short = [word.rsplit("/", 1)[-1] or word if "/" in word else word for word in words]
    return plain(cut(" ".join(short), _LABEL)) or "unnamed"


def listed(names: Sequence[str], limit: int = _NAMES) -> str:
    """Names with commas, and how many more there are."""
    more = len(names) - limit
    return ", ".join(map(short_name, names[:limit])) + (f" and {more} more" if more > 0 else "")


def plural(number: int, word: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{number:,} {word}{'s' * (number != 1)}"


def verb(number: int, one: str = "is", many: str = "are") -> str:
    """The form of a verb that belongs to a number."""
    return one if number == 1 else many


def answer(results: Results) -> tuple[str, str]:
    """What a run says, in a sentence, and the verdict whose colour it has."""
    fail, warn = unknown_broken(results, "fail"), unknown_broken(results, "warn")
    count = results.summary
    if fail:
        return f"{plural(len(fail), 'MUST')} {verb(len(fail))} broken: {listed(fail)}.", "fail"
    if results.broken or not (count.passed or count.warn or count.fail):
        return "This run says nothing good about the target: nothing could be decided.", "inconclusive"
    if warn:
        return f"No MUST is broken; {plural(len(warn), 'SHOULD')} {verb(len(warn))} not met: {listed(warn)}.", "warn"
    return _unbroken(results)


def _unbroken(results: Results) -> tuple[str, str]:
    count = results.summary
    if count.inconclusive or not results.complete:
        return "No MUST is broken as far as could be decided.", "inconclusive"
    if count.known:
        return "Nothing is broken that the baseline does not know.", "pass"
    held = sum(clause.verdict == "pass" for clause in results.clauses)
    return (
        f"All is well: {plural(held, 'clause')} {verb(held, 'holds', 'hold')} in {plural(count.passed, 'case')}.",
        "pass",
    )


def unknown_broken(results: Results, verdict: str) -> list[str]:
    """The clauses with this verdict by a case that the baseline does not know."""
    news: dict[str, None] = {}
    for case in results.cases:
        if case.verdict == verdict and case.known is None:
            news |= dict.fromkeys(case.clauses)
    return [plain(clause.id) for clause in results.clauses if clause.verdict == verdict and clause.id in news]


def campaign_answer(campaign: Campaign) -> tuple[str, str]:
    """What a campaign says, in a sentence, and the verdict whose colour it has."""
    number = len(campaign.findings)
    executed = plural(campaign.executions, "execution")
    if number:
        kinds: dict[str, int] = {}
        for finding in campaign.findings:
            kinds[finding.kind] = kinds.get(finding.kind, 0) + 1
        named = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        return f"The fuzzer found {plural(number, 'fault')} in {executed}: {named}.", "fail"
    if campaign.hollow or campaign.broken or not campaign.executions:
        because = plain(campaign.hollow or next(iter(campaign.broken), "nothing was executed"))
        return f"This campaign proves nothing: {because}", "inconclusive"
    return f"The fuzzer found nothing in {executed}.", "pass"


def memo(make: Callable[[str], Markup]) -> Callable[[str], Markup]:
    """The same function, which remembers what it made for this page."""
    made: dict[str, Markup] = {}

    def remembered(text: str) -> Markup:
        if text not in made:
            made[text] = make(text)
        return made[text]

    return remembered
