"""Results as Markdown, for the summary of a job or a comment on a pull request: short, with the details folded.

Whatever comes from a target or a results file stands in code, or has its special characters escaped. Mentions, references
and links in it are broken up too, so that a server's error text cannot notify a person or load a picture. The whole fits
into one comment on GitHub, which has 65,536 characters at most; what does not fit is counted and left to the JSON.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, takewhile

from cchatspec.reports.campaign import Campaign
from cchatspec.reports.digest import (
    FAMILY_TEXTS,
    Entry,
    Outcome,
    Report,
    by_family,
    entries,
    headline,
    problems,
    target_name,
    waited_for,
)
from cchatspec.reports.results import Results, Verdict
from cchatspec.reports.text import cut, plain, words_of

#: GitHub's limit for a comment is 65,536 characters; that for a job summary is 1 MiB.
LIMIT = 60_000
_RESERVED = 100
_MAX_WORDS = 300
_MAX_DETAILS = 4_000
_MAX_OTHERS = 20
_MAX_SAID = 5
_SIGNS: dict[Outcome, str] = {"good": "✅", "warned": "⚠️", "bad": "❌", "unknown": "❔"}
_COLUMNS: dict[Verdict, str] = {
    "pass": "pass",
    "fail": "**fail**",
    "warn": "warn",
    "inconclusive": "undecided",
    "skip": "skip",
}
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>()#|~&$]|^[-+=]")
_NUMBERED = re.compile(r"^([0-9]{1,9})\.")
_BREAK = "&#8203;"  # a space of no width, which ends a mention, a reference or an address
_NOTIFYING = re.compile(r"@|#|(?<=:)(?=//)|(?<=www)(?=\.)", re.IGNORECASE)
_BACKTICKS = re.compile("`+")


def markdown(reports: Sequence[Report], *, strict: bool = False) -> str:
    """All reports, one after the other, each with an equal share of what room is left."""
    parts: list[str] = []
    room = LIMIT - _RESERVED
    for index, report in enumerate(reports):
        part = _report(report, room // (len(reports) - index), strict=strict)
        if len(part) >= room:
            parts.append(f"{len(reports) - index} more of {len(reports)} results do not fit here.\n")
            break
        parts.append(part)
        room -= len(part) + 1
    return "\n".join(parts)


def _report(report: Report, room: int, *, strict: bool) -> str:
    listed = entries(report)
    head = "\n".join([*_head(report, strict=strict), *_table(report, listed)])
    failures = [entry for entry in listed if entry.broken]
    return head + _failures(report, failures, room - len(head) - 200)


def _head(report: Report, *, strict: bool) -> list[str]:
    head = headline(report, strict=strict)
    what = "fuzzing" if isinstance(report, Campaign) else "conformance"
    lines = [f"### {_SIGNS[head.outcome]} C-Chat {what}: {code(cut(target_name(report), _MAX_WORDS))}", ""]
    lines += [f"**{escaped(cut(head.sentence, _MAX_WORDS))}**", ""]
    said = [*problems(report)[:_MAX_SAID], *map(plain, report.notes[:_MAX_SAID]), *_facts(report)]
    return [*lines, *(f"- {escaped(cut(text, _MAX_WORDS))}" for text in said), ""]


def _facts(report: Report) -> list[str]:
    """What one must know of the report to read the rest."""
    if isinstance(report, Campaign):
        states = len({triple.state for triple in report.triples})
        refused = [f"{times:,} times {plain(words)}" for words, times in Counter(report.refused).most_common(_MAX_SAID)]
        return [
            f"{report.executions_per_s:,.0f} executions a second; {report.answered:,} of {report.requests:,} requests answered",
            f"seen: {states} states, {len(report.triples)} triples of state, request and reply",
            *([f"refused: {', '.join(refused)}"] if refused else []),
        ]
    if waiting := waited_for(report):
        clause, number = waiting
        wait = "cases wait" if number > 1 else "case waits"
        return [f"{number} undecided {wait} for {plain(clause)}; mend that first"]
    return []


def _table(report: Report, listed: list[Entry]) -> list[str]:
    if isinstance(report, Campaign):
        return []
    used = [verdict for verdict in _COLUMNS if any(entry.verdict == verdict for entry in listed)]
    rows = ["| family | " + " | ".join(_COLUMNS[verdict] for verdict in used) + " |", "|---|" + "--:|" * len(used)]
    bar = "\\|"  # which a table takes for a part of the code
    for family, members in by_family(listed).items():
        counts = (str(sum(entry.verdict == verdict for entry in members) or "·") for verdict in used)
        name = f"{code(cut(family, 40)).replace('|', bar)} {FAMILY_TEXTS.get(family, '')}".strip()
        rows.append(f"| {name} | {' | '.join(counts)} |")
    return [*rows, ""]


def _failures(report: Report, failures: list[Entry], room: int) -> str:
    """As many failures as fit, in full as long as that is possible, and then the number of those that are left out."""
    groups = _grouped(failures)
    full = [_block(report, group) for group in groups]
    lines = [_line(group) for group in groups]
    shown = len(list(takewhile(lambda size: size <= room - _reserve(lines), accumulate(map(len, full)))))
    left = room - sum(map(len, full[:shown]))
    brief = len(list(takewhile(lambda size: size <= left, accumulate(map(len, lines[shown:])))))
    missing = sum(map(len, groups[shown + brief :]))
    rest = f"\n…and {missing} more, which are in the JSON.\n" if missing else ""
    return "".join(["\n", *full[:shown], *lines[shown : shown + brief], rest])


def _grouped(failures: list[Entry]) -> list[list[Entry]]:
    """Failures by clause, what breaks a MUST first; each finding of the fuzzer stands alone."""
    groups: dict[tuple[bool, str], list[Entry]] = {}
    for entry in failures:
        name = entry.key if entry.reproducer is not None else entry.clause or entry.key
        groups.setdefault((entry.verdict != "fail", name), []).append(entry)
    return [groups[key] for key in sorted(groups, key=lambda key: key[0])]


def _reserve(lines: list[str]) -> int:
    """The room that is kept for failures in one line each."""
    return min(sum(map(len, lines)), LIMIT // 4)


def _line(group: list[Entry]) -> str:
    entry = group[0]
    more = f" and {len(group) - 1} more" if len(group) > 1 else ""
    return f"- **{_mark(entry)}** {code(cut(entry.key, _MAX_WORDS))}{more}: {escaped(cut(entry.title, _MAX_WORDS))}\n"


def _mark(entry: Entry) -> str:
    return "FAIL" if entry.verdict == "fail" else "WARN"


def _block(report: Report, group: list[Entry]) -> str:
    """One clause: its sentence, its first case in full, and the names of the others."""
    entry = group[0]
    judged = {clause.id: clause for clause in report.clauses} if isinstance(report, Results) else {}
    sentence, _ = words_of(entry.clause, judged.get(entry.clause)) if entry.clause else ("", "")
    said = [f"> {escaped(cut(plain(sentence), _MAX_WORDS))}", ""] if sentence else []
    compared = [("right", entry.expected), ("came", entry.came)] if entry.expected is not None else []
    facts = [(label, text) for label, text in compared or [("reason", entry.reason)] if text]
    lines = [f"- {label}: {code(cut(text, _MAX_WORDS))}" for label, text in [*facts, ("again", cut(entry.replay, 600))]]
    others = [code(cut(other.key, _MAX_WORDS)) for other in group[1 : _MAX_OTHERS + 1]]
    more = [f" and {len(group) - 1 - len(others)} more"] if len(group) - 1 > len(others) else []
    also = ["", f"Also broken by {', '.join(others)}{''.join(more)}."] if others else []
    body = ["", *said, *lines, "", fenced(cut(entry.text, _MAX_DETAILS)), *also, "", "</details>", ""]
    number = f" ({len(group)} cases)" if len(group) > 1 else ""
    name = _html(cut(entry.clause or entry.family, _MAX_WORDS))
    title = f"<b>{_mark(entry)}</b> <code>{name}</code>{number}: <code>{_html(cut(entry.title, _MAX_WORDS))}</code>"
    return "\n".join([f"<details><summary>{title}</summary>", *body])


def escaped(text: str) -> str:
    """Text at the start of a paragraph or within one, with nothing in it that Markdown or GitHub would act on."""
    broken = _NOTIFYING.sub(lambda found: f"{found.group()}\0", text)
    harmless = _SPECIAL.sub(lambda found: f"&#{ord(found.group())};", broken).replace("\0", _BREAK)
    return _NUMBERED.sub(r"\1&#46;", harmless)


def _html(text: str) -> str:
    return re.sub(r"[&<>\"'`*_\[\]\\~]", lambda found: f"&#{ord(found.group())};", text)


def code(text: str) -> str:
    """Text in one line as code."""
    ticks = "`" * (_longest_run(text) + 1)
    space = " " if text[:1] in "` " or text[-1:] in "` " else ""
    return f"{ticks}{space}{text or ' '}{space}{ticks}"


def fenced(text: str) -> str:
    """Lines of text as code."""
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}text\n{text}\n{ticks}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)
