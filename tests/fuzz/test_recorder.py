"""What a campaign's results say, whatever its sessions tell."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from cchatspec.fuzz.events import Done, Event, Fixed, Found, Missed, Opened, Progress
from cchatspec.fuzz.recorder import Recorder
from cchatspec.reports.campaign import Campaign, Finding, Triple
from cchatspec.reports.results import TargetInfo


def finding(name: str = "crash-in-x-123456") -> Finding:
    return Finding(
        id=name, kind="crash", title="it died", minimised_bytes=1, reproducer=f"findings/{name}/finding.json"
    )


def recorder(folder: Path, *told: tuple[int, Event], earlier: Campaign | None = None) -> Recorder:
    made = Recorder(TargetInfo("x", ""), 7, 2, folder / "results.json", folder, earlier)
    for worker, event in ((0, Opened("127.0.0.1:4000")), *told):
        made.take(worker, event)
    return made


GOOD = Progress(runs=100, executions=90, requests=500, answered=450, triples=[Triple("new", "A", "B", 3)])


def test_what_workers_have_done_is_added_up(tmp_path: Path) -> None:
    results = recorder(tmp_path, (0, GOOD), (1, GOOD), (1, GOOD)).end()

    assert (results.executions, results.requests, results.answered) == (180, 1000, 900)
    assert results.triples == [Triple("new", "A", "B", 6)]


def test_what_two_workers_find_is_one_finding_met_as_often_as_both_met_it(tmp_path: Path) -> None:
    times = msgspec.structs.replace(GOOD, times={finding().id: 4})
    results = recorder(tmp_path, (0, Found(finding())), (1, Found(finding())), (0, times), (1, times)).end()

    assert [(one.id, one.times) for one in results.findings] == [(finding().id, 8)]


def test_a_finding_is_on_disk_as_soon_as_it_is_told(tmp_path: Path) -> None:
    recorder(tmp_path, (0, GOOD), (0, Found(finding())))
    written = msgspec.json.decode((tmp_path / "results.json").read_bytes(), type=Campaign)

    assert ([one.id for one in written.findings], written.complete) == ([finding().id], False)


def test_the_path_of_a_reproducer_is_seen_from_the_results(tmp_path: Path) -> None:
    made = Recorder(TargetInfo("x", ""), 7, 1, tmp_path / "results.json", tmp_path / "deep" / "out")
    (tmp_path / "deep" / "out").mkdir(parents=True)
    for event in (Opened("x"), Found(finding())):
        made.take(0, event)

    assert made.end().findings[0].reproducer == f"deep/out/findings/{finding().id}/finding.json"


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ([GOOD, Done()], 0),
        ([GOOD, Found(finding()), Done()], 1),
        ([Progress(), Done()], 1),
        ([Progress(runs=100, refused={"connection refused": 100}), Done()], 1),
        ([Progress(runs=100, executions=100, requests=1000, answered=3), Done()], 1),
        ([GOOD, Done(complete=False, broken="KeyError: 'x'")], 3),
        ([GOOD, Found(finding(), is_new=False), Done()], 1),
        ([GOOD, Found(finding(), is_new=False), Fixed(finding().id), Done()], 0),
    ],
)
def test_the_exit_status_says_what_was_found(tmp_path: Path, told: list[Event], status: int) -> None:
    made = recorder(tmp_path, *((0, event) for event in told))
    made.end()

    assert made.status == status


def test_a_campaign_that_was_refused_says_by_what(tmp_path: Path) -> None:
    refused = Progress(runs=100, executions=5, refused={"ERROR 06": 95})

    assert recorder(tmp_path, (0, refused)).end().hollow == (
        "of 100 scripts, 5 were delivered and answered, most often by 'ERROR 06' (95 times)"
    )


def test_a_worker_that_dies_spoils_nothing_of_what_was_found(tmp_path: Path) -> None:
    died = Done(complete=False, broken="worker 2 died (signal SIGKILL)")
    results = recorder(tmp_path, (0, GOOD), (1, Found(finding())), (1, died), (0, Done())).end()

    assert (len(results.findings), results.complete, results.broken) == (1, False, [died.broken])


def test_a_campaign_goes_on_where_an_earlier_one_ended(tmp_path: Path) -> None:
    times = msgspec.structs.replace(GOOD, times={finding().id: 1})
    first = recorder(tmp_path, (0, Found(finding())), (0, times)).end()
    second = recorder(tmp_path, (0, Found(finding(), is_new=False)), (0, times), earlier=first).end()

    assert (second.executions, second.started, second.findings[0].times) == (180, first.started, 2)
    assert second.duration_s >= first.duration_s
    assert second.notes == [f"This goes on with the campaign in {tmp_path}; 1 known finding still shown."]


def test_what_no_longer_shows_is_told_and_not_counted(tmp_path: Path) -> None:
    results = recorder(tmp_path, (0, GOOD), (0, Fixed(finding().id))).end()

    assert results.notes == [f"{finding().id} no longer shows; its folder is kept."]


def test_what_showed_once_and_never_again_is_no_finding(tmp_path: Path) -> None:
    results = recorder(tmp_path, (0, GOOD), (0, Missed("hang: no reply")), (0, Missed("hang: no reply"))).end()

    assert (results.findings, results.notes) == ([], ["Met 2 times, but in no replay: hang: no reply"])
