"""The comparison of many runs."""

from __future__ import annotations

from stability import differing


def test_runs_that_agree_show_nothing() -> None:
    assert differing([{"REG-OK/new-user": "pass"}] * 3) == {}


def test_a_case_on_which_runs_disagree_is_shown_with_its_verdicts() -> None:
    runs = [{"REG-OK/new-user": "pass"}, {"REG-OK/new-user": "fail"}, {"REG-OK/new-user": "pass"}]

    assert differing(runs) == {"REG-OK/new-user": {"pass": 2, "fail": 1}}


def test_a_case_that_a_run_lacks_is_shown() -> None:
    assert differing([{"REG-OK/new-user": "pass"}, {}]) == {"REG-OK/new-user": {"pass": 1, "missing": 1}}
