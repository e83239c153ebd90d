"""What a case and a finding have to say, as plain text: the part of a report that is the same in every form.

Names, bodies and errors come from a target that may be hostile. Every line that leaves this module is printable: control
characters, marks of writing direction and halves of surrogate pairs are shown as escapes, so that they can neither move a
cursor nor break a document. It knows nothing of any form of report, which escape further what is special in them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator

from cchatspec.reports.campaign import Campaign, Finding
from cchatspec.reports.results import CaseResult, ClauseResult, Stimulus, WireLine
from cchatspec.spec import CLAUSES

#: What the target is called if the user named none.
REFERENCE = "the reference server"

ARROWS = {"sent": "->", "received": "<-", "event": "--"}
_LABEL = 9
_BRIEF = 400


def plain(text: str) -> str:
    """The text in one line, with control and formatting characters made visible."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def plain_lines(text: str) -> str:
    """The same, with the ends of lines kept."""
    return "\n".join(plain(line) for line in text.replace("\r\n", "\n").split("\n"))


def cut(text: str, limit: int) -> str:
    """The text, or what fits into so many characters and a sign that there is more."""
    return text if len(text) <= limit else f"{text[: limit - 2]} …"


def brief(text: str) -> str:
    """Text for a terminal: printable, and cut where nobody would read on; the JSON has all of it."""
    return plain(cut(text, _BRIEF))


def words_of(clause: str, judged: ClauseResult | None) -> tuple[str, str]:
    """A clause's sentence and why it matters, as they were when it was judged."""
    known = CLAUSES.get(clause)
    text = judged.text if judged and judged.text else known.text if known else ""
    why = judged.why if judged and judged.why else known.why if known else ""
    return text, why


def wire_line(line: WireLine) -> str:
    """One line of a wire log."""
    return f"{line.ms:8.1f} ms  #{line.connection} {ARROWS[line.direction]} {plain(line.text)}{fence_mark(line)}"


def fence_mark(line: WireLine) -> str:
    """What tells a fence from a request of the case, unless its text does."""
    return " (fence)" if line.part == "fence" and not line.text.endswith("(fence)") else ""


def wire_text(wire: Iterable[WireLine]) -> str:
    """A whole wire log."""
    return "\n".join(map(wire_line, wire))


def dump_text(sent: Stimulus) -> str:
    """The hexdump of what was sent, with the fields' offsets, names and values."""
    return "\n".join(map(plain, sent.dump))


def case_text(case: CaseResult, clause: ClauseResult | None) -> str:
    """All that is known of a case, uncut."""
    return "\n".join(_case_lines(case, clause))


def _case_lines(case: CaseResult, clause: ClauseResult | None) -> Iterator[str]:
    name = case.clauses[0] if case.clauses else case.id
    text, why = words_of(name, clause)
    yield from _labelled("clause", f"{name} ({case.level}): {text}" if text else f"{name} ({case.level})")
    if why:
        yield from _labelled("matters", why)
    yield from _labelled("case", f"{case.title} ({case.id})")
    if case.known is not None:
        yield from _labelled("known", case.known)
    if case.flaky:
        yield from _labelled("flaky", ", ".join(f"{verdict} in {count}" for verdict, count in case.runs.items()))
    if case.blocked_by:
        yield from _labelled("blocked", f"by {case.blocked_by}")
    if case.reason and case.came is None:
        yield from _labelled("reason", case.reason)
    yield from _sent_lines(case.sent)
    if case.expected is not None:
        yield from _labelled("right", case.expected)
    if case.came is not None:
        yield from _labelled("came", case.came)
    yield from _wire_lines(case.wire)
    yield from _labelled("again", case.replay)


def finding_text(finding: Finding, campaign: Campaign) -> str:
    """All that is known of a finding, uncut."""
    return "\n".join(_finding_lines(finding, campaign))


def _finding_lines(finding: Finding, campaign: Campaign) -> Iterator[str]:
    yield from _labelled("finding", f"{finding.kind}: {finding.title}")
    if finding.clause:
        text, why = words_of(finding.clause, None)
        yield from _labelled("clause", f"{finding.clause}: {text}" if text else finding.clause)
        if why:
            yield from _labelled("matters", why)
    if finding.happens:
        yield from _labelled("happens", finding.happens)
    yield from _labelled("where", where(finding))
    yield from _labelled("shown", shown(finding))
    yield from _labelled("bytes", f"{finding.minimised_bytes:,} in the minimised script")
    yield from _sent_lines(finding.sent)
    yield from _wire_lines(finding.wire)
    if finding.output:
        yield from _labelled("printed", "")
        yield from (f"  {line}" for line in plain_lines(finding.output).splitlines())
    yield from _labelled("script", f"{finding.reproducer}, seen from the folder of the results")
    yield from _labelled("again", replay_command(finding, campaign))


#: How a line begins, or what it holds, with which programs of many kinds say that they go down.
_LAST_WORDS = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|MemorySanitizer|runtime error:|^panic:|^fatal error|panicked at"
    r"|^Traceback|Assertion|assertion|Exception in thread|Unhandled|Uncaught|terminate called|stack smashing|core dumped",
)


def telling_lines(output: str, most: int) -> list[str]:
    """So many lines of what a program printed: from where it says that it goes down, or else the last."""
    lines = output.splitlines()
    start = next((number for number, line in enumerate(lines) if _LAST_WORDS.search(line)), len(lines))
    return lines[max(min(start, len(lines) - most), 0) :][:most]


def where(finding: Finding) -> str:
    """By what the finding is told apart from others."""
    parts = [
        f"in state {finding.state}" if finding.state else "",
        f"after {finding.request}" if finding.request else "",
        f"with field {finding.field} changed" if finding.field else "",
        f"came {finding.outcome}" if finding.outcome else "",
    ]
    return ", ".join(part for part in parts if part) or "anywhere"


def shown(finding: Finding) -> str:
    """How surely it shows again."""
    met = f"met {finding.times:,} time{'s' * (finding.times != 1)}, first after {finding.found_s:.1f} s"
    return f"in {finding.shown} of {finding.replays} replays; {met}"


def target_words(campaign: Campaign) -> str:
    """The words of a command line that name the target; none for the reference server, which is started if none is named."""
    target = campaign.target
    if target.launch:
        return f"--launch {shlex.quote(target.launch)}"
    return target.address if target.name != REFERENCE else ""


def command_line(*words: str) -> str:
    """The words that are not empty, as one line."""
    return " ".join(word for word in words if word)


def replay_command(finding: Finding, campaign: Campaign) -> str:
    """The command that shows the finding again, called from the folder in which the results lie."""
    return command_line("cchatspec replay", shlex.quote(finding.reproducer), target_words(campaign))


def shell_lines(command: str, width: int) -> list[str]:
    """A command in lines of at most so many characters that a shell takes for one command, as far as its words allow.

    Lines are continued by a backslash. Within the quotes of a long launch command a line just ends, since white space parts
    words there too; what is quoted once more within is left as it is.
    """
    lines: list[str] = []
    for word, quoted in _shell_words(plain(command)):
        if lines and len(lines[-1]) + len(word) + 3 <= width:
            lines[-1] += f" {word}"
        elif lines and not quoted:
            lines[-1] += " \\"
            lines.append(f"  {word}")
        else:
            lines.append(word)
    return lines


def _shell_words(command: str) -> Iterator[tuple[str, bool]]:
    """The pieces between which a line may end, and whether the white space before each stands in quotes."""
    nested = '"' in command or "\\" in command
    word, word_quoted, quote = "", False, ""
    for char in command:
        if char == " " and not (quote and nested):
            yield word, word_quoted
            word, word_quoted = "", bool(quote)
            continue
        word += char
        if char in "'\"" and quote in ("", char):
            quote = "" if quote else char
    yield word, word_quoted


def _sent_lines(sent: Stimulus | None) -> Iterator[str]:
    if sent is not None:
        yield from _labelled("sent", f"#{sent.connection} {sent.text}")
        yield from map(plain, sent.dump)


def _wire_lines(wire: list[WireLine]) -> Iterator[str]:
    if wire:
        yield from _labelled("wire", "")
        yield from map(wire_line, wire)


def _labelled(label: str, text: str) -> Iterator[str]:
    yield f"{label:<{_LABEL}}{plain(text)}".rstrip()
