"""Several runs side by side."""

from __future__ import annotations

from tests.reports.samples import EACH, case, results

from cchatspec.reports.html.compare import changes, matrix, points, traces
from cchatspec.reports.html.conformance import RunView, run_view
from cchatspec.reports.results import OpenPointResult, Results
from cchatspec.spec import CLAUSES

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def views(*runs: Results) -> list[RunView]:
    return [run_view(run, number, alone=len(runs) == 1) for number, run in enumerate(runs, 1)]


def chose(reading: str | None, declared: str | None = None) -> Results:
    run = results(case("REG-OK", "pass"))
    fields = {name: getattr(run, name) for name in run.__struct_fields__}
    return Results(**fields | {"open_points": {"queued-delivery": OpenPointResult(reading, declared)}})


def test_the_matrix_has_a_row_for_each_clause_that_was_judged() -> None:
    rows = [row for _, _, rows in matrix(views(results(*EACH), results(*EACH))) for row in rows]

    assert sorted(row.clause for row in rows) == sorted(case.clauses[0] for case in EACH)


def test_a_clause_that_one_run_lacks_is_not_run_there() -> None:
    ((_, _, (row,)),) = matrix(views(results(case("REG-OK", "pass")), results()))

    assert [cell.verdict for cell in row.cells] == ["pass", "unrun"]


def test_a_broken_cell_leads_to_its_failures() -> None:
    ((_, _, (row,)),) = matrix(views(results(case("REG-OK", "pass")), results(case("REG-OK", "fail"))))

    assert [cell.anchor for cell in row.cells] == [None, "2:REG-OK"]


def test_runs_of_one_target_are_compared_by_time() -> None:
    newer, older = results(case("REG-OK", "pass"), started=LATE), results(case("REG-OK", "fail"), started=EARLY)
    (change,) = changes(views(newer, older))

    assert (change.worse, change.better, change.cases[0].before, change.cases[0].after) == (0, 1, "fail", "pass")


def test_what_is_broken_anew_is_worse() -> None:
    (change,) = changes(views(results(case("REG-OK", "pass")), results(case("REG-OK", "fail"))))

    assert (change.worse, change.clauses[0].anchor) == (1, "2:REG-OK")


def test_runs_of_different_targets_are_not_called_changes() -> None:
    assert changes(views(results(*EACH), results(*EACH, target="other:1"))) == []


def test_new_and_missing_cases_are_counted() -> None:
    (change,) = changes(views(results(case("REG-OK", "pass")), results(case("REG-KEY", "pass"))))

    assert (change.gone, change.added, change.cases) == (1, 1, ())


def test_an_open_point_tells_who_reads_it_how() -> None:
    (row,) = points(views(chose("poll"), chose("login"), chose(None)))
    mine = {choice.value: [run.number for run in choice.runs] for choice in row.choices}

    assert (mine, [run.number for run in row.unseen], row.split) == ({"poll": [1], "login": [2], "both": []}, [3], True)


def test_a_reading_that_no_document_names_is_shown() -> None:
    (row,) = points(views(chose("never")))

    assert row.choices[-1].value == "never"


def test_what_was_declared_but_not_seen_is_said() -> None:
    (row,) = points(views(chose("poll", "login")))

    assert [choice.value for choice in row.choices if choice.declared] == ["login"]


def test_every_clause_has_a_trace_and_what_is_untestable_says_why() -> None:
    listed = {clause.id: clause for _, _, clauses in traces(views(results(*EACH))) for clause in clauses}

    assert (set(listed), {name for name in listed if listed[name].untestable}) == (
        set(CLAUSES),
        {name for name in CLAUSES if CLAUSES[name].untestable},
    )


def test_a_trace_leads_from_the_clause_to_the_case_and_its_verdict() -> None:
    listed = {clause.id: clause for _, _, clauses in traces(views(results(*EACH))) for clause in clauses}
    (traced,) = listed["FRAME-LAYOUT"].cases

    assert (traced.id, traced.verdicts, traced.anchor) == ("FRAME-LAYOUT/x", "fail", "FRAME-LAYOUT/x")


def test_clauses_of_another_version_come_last() -> None:
    families = [family for family, _, _ in traces(views(results(case("NEWER-THING", "pass"))))]

    assert families[-1] == "NEWER"
