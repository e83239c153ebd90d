"""What a reader of the results must know about the run as a whole, above all where it says less than it seems to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from cchatspec.conformance.harness.foundations import FOUNDATIONS
from cchatspec.reports.results import CaseResult

#: The share of cases from which on a note is due, if they all stopped at the same step or do not apply.
_MANY = 0.5

#: From how many families of clauses on a right target gives more than one kind of answer.
_SEVERAL = 3
_NO_LOGIN = ("REG-OK", "LOGIN-CHALLENGE", "LOGIN-PROOF")


def notes_on(cases: Sequence[CaseResult], answers: Mapping[str, int], restarts: int) -> list[str]:
    """The notes on a run; `answers` counts the frames that came, by kind."""
    return [*_deaths(restarts), *_limits(cases), *_barred(cases), *_one_answer(cases, answers), *_flaky(cases)]


def _deaths(restarts: int) -> Iterator[str]:
    if restarts:
        yield f"The target died and was started again {restarts} time{'s' * (restarts > 1)}."


def _limits(cases: Sequence[CaseResult]) -> Iterator[str]:
    if any(case.blocked_by == "RATE-LIMIT" for case in cases):
        yield "Some cases ran into the target's rate limit. Raise it to have them decided."


def _barred(cases: Sequence[CaseResult]) -> Iterator[str]:
    """Where so many cases never reached their question that the run says little."""
    blocked = Counter(case.blocked_by for case in cases if case.verdict == "inconclusive" and case.blocked_by)
    no_login = sum(blocked.pop(clause, 0) for clause in _NO_LOGIN)
    skipped = sum(case.verdict == "skip" for case in cases)
    barred = [(no_login, "never got past login"), *((count, _barrier(clause)) for clause, count in blocked.items())]
    for count, what in [*barred, (skipped, "do not apply to this target")]:
        if cases and count >= _MANY * len(cases):
            yield f"{100 * count // len(cases)} % of the cases ({count} of {len(cases)}) {what}."


def _barrier(clause: str | None) -> str:
    lack = f": {FOUNDATIONS[clause].lack}" if clause in FOUNDATIONS else ""
    return f"were stopped by {clause}{lack}"


def _one_answer(cases: Sequence[CaseResult], answers: Mapping[str, int]) -> Iterator[str]:
    """Where the target said the same to everything, so that even what passed may have passed for nothing."""
    families = {case.clauses[0].partition("-")[0] for case in cases}
    if len(families) < _SEVERAL:
        return
    if not answers:
        yield "The target answered nothing."
    elif len(answers) == 1:
        yield f"The target answered nothing but {next(iter(answers))}."


def _flaky(cases: Sequence[CaseResult]) -> Iterator[str]:
    flaky = sum(case.flaky for case in cases)
    if flaky:
        yield f"{flaky} case{'s' * (flaky > 1)} gave different verdicts in different runs."
