"""Running the cases: pytest collects and calls them, and this plugin tells of each as it starts and ends.

What a verdict rests on stands in `judging`. After every case the target must still serve. What is broken but failed in no case of
its own is told at the end, and `recording` decides what of it is new.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from cchatspec.conformance import fixtures
from cchatspec.conformance.catalogue import (
    Case,
    QuietReporter,
    all_cases,
    case_of,
    in_order,
    pytest_alone,
    pytest_arguments,
)
from cchatspec.conformance.events import Ended, Event, Finished, Listener, Opened, Started, answers
from cchatspec.conformance.harness.outcomes import Blocked, RateLimited, TooSlow, unreadable
from cchatspec.conformance.harness.pace import advice_on_pace
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.harness.wirelog import WireLog
from cchatspec.conformance.judging import Attempt, Judgement, compared, failure, judge, met_no_room, result
from cchatspec.conformance.profile import Profile
from cchatspec.conformance.recording import Recorder
from cchatspec.reports.results import CaseResult, Results, changed
from cchatspec.spec import CLAUSES

#: Told of each case as it starts, and of each verdict.
Progress = Callable[[str, CaseResult | None], None]


class Suite(QuietReporter):
    """The pytest plugin of one run against one target."""

    def __init__(self, target: Target, chosen: set[str], replay: str, listener: Listener, profile: Profile) -> None:
        self.target = target
        self.broken: list[str] = []
        self.observed: dict[str, str] = {}
        self.stopped = False
        self._chosen = chosen
        self._replay = replay
        self._tell = listener
        self._profile = profile
        self._attempt: Attempt | None = None

    # Collection

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:  # noqa: D102
        super().pytest_configure(config)
        config.stash[fixtures.TARGET] = self.target
        config.stash[fixtures.OBSERVED] = self.observed
        config.stash[fixtures.PROFILE] = self._profile

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:  # noqa: D102
        functions = [item for item in items if isinstance(item, pytest.Function)]
        items[:] = [item for item in in_order(functions) if case_of(item).id in self._chosen]

    # One case

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Function) -> Generator[None, Any, Any]:  # noqa: D102
        self._attempt = attempt = Attempt(case_of(item))
        self.target.case, self.target.log = attempt.case.id, attempt.log
        self._tell(Started(attempt.case.id))
        with suppress(Blocked):  # it is gone then, which every case from here on says
            self.target.make_room()
        outcome = yield
        if self._finish(attempt):
            self.stopped = True
            item.session.shouldstop = "told to stop"
        return outcome

    def pytest_assertrepr_compare(self, left: object, right: object) -> None:
        """Keep both sides of the comparison that did not hold."""
        if self._attempt is not None:
            self._attempt.came, self._attempt.expected, self._attempt.compared = left, right, True

    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """Keep the first thing that stopped the case."""
        if self._attempt is not None and call.excinfo is not None and self._attempt.problem is None:
            self._attempt.problem, self._attempt.phase = call.excinfo.value, call.when

    def _finish(self, attempt: Attempt) -> bool:
        host, port = self.target.address
        # What is asked from here on is to judge the case, and no part of it.
        attempt.own_entries = len(attempt.log.entries)
        judgement = self._judge(attempt)
        if judgement.broken:
            self.broken.append(f"{attempt.case.id}: {judgement.reason}")
        counted = answers(attempt.log.entries)
        if attempt.own_entries and not self.target.still_serves(attempt.log):
            attempt.own_entries = None
            judgement = self._after_death(attempt, judgement)
        found = result(attempt, judgement, self._replay)
        entries = tuple(attempt.log.entries)
        return self._tell(Finished(found, attempt.began, host, port, counted, entries))

    def _judge(self, attempt: Attempt) -> Judgement:
        """The verdict, unless a deadline passed in which a right target could not have answered either."""
        judgement = judge(attempt)
        if judgement.verdict in ("pass", "skip") or judgement.broken:
            return judgement
        if judgement.verdict != "inconclusive" and attempt.log.met_limit:
            return judge(replace(attempt, problem=RateLimited()))
        if met_no_room(attempt) and self.target.is_full(attempt.log):
            return Judgement("inconclusive", f"the target registers no more than {self.target.user_limit} users")
        try:
            self.target.check_pace(attempt.log)
        except TooSlow as slow:
            return Judgement("inconclusive", str(slow))
        return judgement

    def _after_death(self, attempt: Attempt, judgement: Judgement) -> Judgement:
        """A crash never passes: the case after which the target was gone is ROBUST-ALIVE's finding, whatever it saw."""
        how = self.target.bury(attempt.case.id)
        if judgement.verdict in ("fail", "warn"):
            return Judgement(judgement.verdict, f"{judgement.reason}; and then {how}")
        return Judgement("inconclusive", f"after this case the target no longer served: {how}", "ROBUST-ALIVE")

    # The end

    def leftovers(self) -> list[CaseResult]:
        """What is broken and may have failed in no case of its own: foundations, and what was met on the way to other cases."""
        found = [
            self._broken_foundation(broken.clause, broken.came, broken.expected, broken.log)
            for broken in self.target.broken_foundations
            if not unreadable(broken.came)
        ]
        first = {deviation.clause: (met_in, deviation) for met_in, deviation in reversed(self.target.deviations)}
        found += [self._seen(clause, met_in, seen.reason, seen.data) for clause, (met_in, seen) in first.items()]
        if self.target.deaths:
            met_in, how = self.target.deaths[0]
            others = len(self.target.deaths) - 1
            more = f" (and after {others} other case{'s' * (others > 1)})" if others else ""
            found.append(self._seen("ROBUST-ALIVE", met_in, how + more, b""))
        return found

    def _broken_foundation(self, clause: str, came: object, expected: object, entries: Any) -> CaseResult:
        log = WireLog()
        log.entries.extend(entries)
        case = _root_case(clause)
        attempt = Attempt(case, log, came=came, expected=expected, compared=True)
        return result(attempt, Judgement(failure(case.level), compared(attempt)), self._replay)

    def _seen(self, clause: str, met_in: str, reason: str, data: bytes) -> CaseResult:
        """A result for what was seen on the way: its case is named after the one in which it was seen."""
        level = CLAUSES[clause].level.value
        case = Case(f"{clause}/seen-in-{met_in.replace('/', '-')}", f"seen in {met_in}", (clause,), level)  # type: ignore[arg-type]
        log = WireLog()
        if data:
            log.received(1, data)
        seen = result(Attempt(case, log), Judgement(failure(case.level), f"in {met_in}: {reason}"), self._replay)
        return changed(seen, replay=f"{self._replay} --select '{met_in}'")


def _root_case(clause: str) -> Case:
    """The case that reports a foundation."""
    return next(case for case in all_cases() if clause in case.clauses and case.is_foundation)


def run_cases(
    target: Target, chosen: set[str], replay: str, listener: Listener, profile: Profile | None = None
) -> Ended:
    """Run the chosen cases once against a target; an interrupted run ends too.

    Args:
        target: what is judged.
        chosen: the ids of the cases.
        replay: the command line that runs this target again, without a selection.
        listener: told of all that happens; if it says so, no further case is run.
        profile: the readings that the target declares.
    """
    suite = Suite(target, chosen, replay, listener, profile or Profile())
    before = target.launcher.restarts if target.launcher else 0
    with pytest_alone():
        status = pytest.main(pytest_arguments(), plugins=[suite, fixtures])
    unfinished = suite.stopped or status == pytest.ExitCode.INTERRUPTED
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):
        suite.broken.append(f"pytest ended with {pytest.ExitCode(status).name}")
    ended = Ended(
        leftovers=[] if unfinished and not suite.stopped else suite.leftovers(),
        observed=suite.observed,
        broken=suite.broken,
        complete=not unfinished,
        restarts=target.launcher.restarts - before if target.launcher else 0,
        advice=[] if unfinished else advice_on_pace(target),
    )
    listener(ended)
    return ended


def opened(target: Target) -> Opened:
    """Where a target accepts connections."""
    return Opened(target.host, target.port, target.launcher.command if target.launcher else None)


def run_suite(target: Target, chosen: set[str], name: str, replay: str, progress: Progress) -> Results:
    """Run the chosen cases once, and give back the results.

    Args:
        target: what is judged.
        chosen: the ids of the cases.
        name: what the reports call the target.
        replay: the command line that runs this target again, without a selection.
        progress: told of each case as it starts and ends.
    """
    recorder = Recorder(name)

    def listen(event: Event) -> bool:
        match event:
            case Started(case=case):
                progress(case, None)
            case Finished(result=found):
                progress(found.id, found)
        return recorder.take(event)

    listen(opened(target))
    run_cases(target, chosen, replay, listen)
    return recorder.results()
