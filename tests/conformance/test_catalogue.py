"""The cases as a whole: ids, selection, and that none is written badly."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

import cchatspec.conformance.cases
from cchatspec.conformance.catalogue import Case, SelectionError, all_cases, cases_of, select
from cchatspec.conformance.harness.foundations import FOUNDATIONS
from cchatspec.spec import CLAUSES, FAMILIES, OPEN_POINTS

CASE_MODULES = sorted(Path(cchatspec.conformance.cases.__path__[0]).glob("*.py"))
JUDGING_MODULES = [path for path in CASE_MODULES if path.stem not in ("__init__", "open_points")]

SOME = [
    Case("LOGIN-BURN/old-challenge", "…", ("LOGIN-BURN",), "SHOULD"),
    Case("LOGIN-PROOF/right", "…", ("LOGIN-PROOF",), "MUST"),
    Case("REG-OK/new", "…", ("REG-OK",), "MUST"),
]


def test_ids_are_unique() -> None:
    counted = Counter(case.id for case in all_cases())

    assert [name for name, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("module", CASE_MODULES, ids=lambda path: path.stem)
def test_no_case_sleeps_or_catches(module: Path) -> None:
    tree = ast.parse(module.read_text())
    tests = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    bad = [test.name for test in tests for node in ast.walk(test) if isinstance(node, ast.Try | ast.While | ast.If)]

    assert (bad, "sleep" in module.read_text()) == ([], False)


@pytest.mark.parametrize("module", JUDGING_MODULES, ids=lambda path: path.stem)
def test_every_case_asserts_one_comparison(module: Path) -> None:
    tree = ast.parse(module.read_text())
    tests = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    asserts = {test.name: [node for node in ast.walk(test) if isinstance(node, ast.Assert)] for test in tests}

    assert {
        name: len(found)
        for name, found in asserts.items()
        if len(found) != 1 or not isinstance(found[0].test, ast.Compare)
    } == {}


def test_every_clause_has_a_case_or_the_reason_why_not() -> None:
    assert [clause.id for clause in CLAUSES.values() if not clause.untestable and not cases_of(clause.id)] == []


def test_every_open_point_is_observed() -> None:
    assert [point for point in OPEN_POINTS if not cases_of(point)] == []


def test_every_foundation_has_the_one_case_that_reports_it() -> None:
    reporting = [case.clauses[0] for case in all_cases() if case.is_foundation]

    assert sorted(reporting) == sorted(FOUNDATIONS)


def test_foundations_run_right_after_the_sanity_case() -> None:
    first = [case.clauses[0] for case in all_cases()[1 : len(FOUNDATIONS) + 1]]

    assert first == list(FOUNDATIONS)


def test_every_family_of_a_case_is_known() -> None:
    assert {case.family for case in all_cases()} <= {*FAMILIES, "OPEN"}


@pytest.mark.parametrize(
    ("chosen", "left_out", "kept"),
    [
        ((), (), {"LOGIN-BURN/old-challenge", "LOGIN-PROOF/right", "REG-OK/new"}),
        (("login",), (), {"LOGIN-BURN/old-challenge", "LOGIN-PROOF/right"}),
        (("LOGIN-*",), (), {"LOGIN-BURN/old-challenge", "LOGIN-PROOF/right"}),
        (("must",), ("REG-OK",), {"LOGIN-PROOF/right"}),
        (("*/new", "LOGIN-BURN"), (), {"LOGIN-BURN/old-challenge", "REG-OK/new"}),
    ],
    ids=["all", "family", "glob", "level", "several"],
)
def test_selection(chosen: tuple[str, ...], left_out: tuple[str, ...], kept: set[str]) -> None:
    assert select(SOME, chosen, left_out) == kept


def test_a_selection_that_fits_nothing_names_what_is_near() -> None:
    with pytest.raises(SelectionError, match="LOGIN-BURN"):
        select(SOME, ("LOGIN-BRUN",), ())


def test_skipping_everything_is_an_error() -> None:
    with pytest.raises(SelectionError, match="no case is left"):
        select(SOME, (), ("*",))


def test_the_sanity_case_runs_first_and_last() -> None:
    assert (all_cases()[0].id, all_cases()[-1].id) == ("ROBUST-ALIVE/sanity-first", "ROBUST-ALIVE/sanity-last")
