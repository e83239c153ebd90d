"""What is written for the Allure report tool; `nox -s allure` has the tool itself read it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.reports.samples import EACH, FINDING, campaign, case, results

from cchatspec.reports.allure import write_allure
from cchatspec.reports.digest import Report
from cchatspec.reports.results import Verdict, changed

#: The command of the Allure report tool, version 3, if it is there.
TOOL = os.environ.get("ALLURE_TOOL")
ALLURE_2 = {
    *("uuid", "historyId", "testCaseId", "fullName", "name", "titlePath", "status", "statusDetails", "stage"),
    *("description", "steps", "attachments", "parameters", "start", "stop", "labels", "links"),
}


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """All results in a folder, by their full names."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*-result.json")]
    return {result["fullName"]: result for result in found}


def wrote(folder: Path, *reports: Report) -> dict[str, dict[str, Any]]:
    write_allure(reports, folder)
    return read(folder)


def labels(result: dict[str, Any], name: str) -> list[str]:
    return [label["value"] for label in result["labels"] if label["name"] == name]


def flat(steps: list[dict[str, Any]]) -> list[str]:
    return [name for step in steps for name in (step["name"], *flat(step.get("steps", [])))]


@pytest.mark.parametrize(
    ("verdict", "status", "tags"),
    [
        ("pass", "passed", ["MUST"]),
        ("fail", "failed", ["MUST"]),
        ("warn", "broken", ["MUST", "warn"]),
        ("inconclusive", "unknown", ["MUST", "undecided", "blocked-by:LOGIN-PROOF"]),
        ("skip", "skipped", ["MUST"]),
    ],
)
def test_every_verdict_can_be_told_apart(verdict: Verdict, status: str, tags: list[str], tmp_path: Path) -> None:
    result = wrote(tmp_path, results(case("REG-OK", verdict)))["REG-OK/x"]

    assert (result["status"], labels(result, "tag")) == (status, tags)


def test_a_known_failure_is_marked_as_known(tmp_path: Path) -> None:
    result = wrote(tmp_path, results(changed(case("REG-OK", "fail"), known="ticket 7")))["REG-OK/x"]

    assert (result["status"], result["statusDetails"]["known"], "known" in labels(result, "tag")) == (
        "failed",
        True,
        True,
    )


def test_suites_are_families_and_severity_follows_the_level(tmp_path: Path) -> None:
    found = wrote(tmp_path, results(*EACH))
    shown = {
        name: (labels(one, "suite"), labels(one, "subSuite"), labels(one, "severity")) for name, one in found.items()
    }

    assert (shown["FRAME-LAYOUT/x"], shown["LOGIN-BURN/x"]) == (
        (["FRAME: the frame"], ["FRAME-LAYOUT"], ["critical"]),
        (["LOGIN: authentication"], ["LOGIN-BURN"], ["normal"]),
    )


def test_frames_are_steps_and_the_way_to_the_question_is_one_step(tmp_path: Path) -> None:
    steps = wrote(tmp_path, results(*EACH))["FRAME-LAYOUT/x"]["steps"]

    assert flat(steps) == [
        "#1 -- event connect (alice)",
        "registration",
        "#1 -> send REGISTER_USER username='alice'",
        "#1 <- receive REGISTER_RESPONSE success=1",
        "#1 -> send SET_STATUS status=9",
        "#1 <- receive ERROR 05",
        "right: ERROR 05; came: it is so",
    ]


def test_the_wire_log_and_the_hexdump_are_attached(tmp_path: Path) -> None:
    attachments = wrote(tmp_path, results(*EACH))["FRAME-LAYOUT/x"]["attachments"]
    texts = {one["name"]: (tmp_path / one["source"]).read_text(encoding="utf-8") for one in attachments}

    assert ("SET_STATUS" in texts["wire log"], "status: 9" in texts["hexdump of what was sent"]) == (True, True)


def test_a_clause_is_linked_to_the_document(tmp_path: Path) -> None:
    (link,) = wrote(tmp_path, results(*EACH))["FRAME-LAYOUT/x"]["links"]

    assert (link["name"], link["url"].endswith("PROTOCOL.md#frame-layout")) == ("FRAME-LAYOUT", True)


def test_a_case_keeps_its_history_from_run_to_run(tmp_path: Path) -> None:
    first = wrote(tmp_path / "1", results(*EACH))
    second = wrote(tmp_path / "2", results(case("FRAME-LAYOUT", "pass"), started="2026-05-01T00:00:00Z"))

    assert first["FRAME-LAYOUT/x"]["historyId"] == second["FRAME-LAYOUT/x"]["historyId"]


def test_targets_have_histories_of_their_own(tmp_path: Path) -> None:
    write_allure([results(*EACH), results(*EACH, target="other")], tmp_path)
    ids = [json.loads(path.read_text(encoding="utf-8"))["historyId"] for path in tmp_path.glob("*-result.json")]

    assert (len(ids), len(set(ids))) == (10, 10)


def test_writing_again_adds_nothing(tmp_path: Path) -> None:
    write_allure([results(*EACH)], tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    write_allure([results(*EACH)], tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_only_keys_of_the_format_are_written(tmp_path: Path) -> None:
    found = wrote(tmp_path, results(*EACH, complete=False), campaign(FINDING))

    assert {key for result in found.values() for key in result} - ALLURE_2 == set()


def test_a_run_that_was_cut_off_is_a_case_of_its_own(tmp_path: Path) -> None:
    assert wrote(tmp_path, results(*EACH, complete=False))["run/The run was not finished."]["status"] == "broken"


def test_a_finding_fails_and_the_kinds_that_were_not_found_pass(tmp_path: Path) -> None:
    found = wrote(tmp_path, campaign(FINDING))

    assert (found["FUZZ/crash/crash-1a2b3c"]["status"], found["FUZZ/leak"]["status"]) == ("failed", "passed")


@pytest.mark.skipif(TOOL is None, reason="needs the Allure report tool: nox -s allure")
def test_the_tool_makes_a_report_of_it_without_a_complaint(tmp_path: Path) -> None:
    write_allure([results(*EACH), campaign(FINDING)], tmp_path / "results")
    done = tool(tmp_path, "results", "report")

    counted = json.loads((tmp_path / "report" / "summary.json").read_text(encoding="utf-8"))["stats"]
    wanted = {"total": 11, "passed": 6, "failed": 2, "broken": 1, "unknown": 1, "skipped": 1}
    assert (done.returncode, done.stdout + done.stderr, counted) == (0, "", counted | wanted)


@pytest.mark.skipif(TOOL is None, reason="needs the Allure report tool: nox -s allure")
def test_the_tool_knows_a_case_from_the_last_run(tmp_path: Path) -> None:
    for number, verdict in enumerate(("pass", "fail"), 1):
        write_allure([results(case("REG-OK", verdict), started=f"2026-01-0{number}T00:00:00Z")], tmp_path / str(number))  # type: ignore[arg-type]
        tool(tmp_path, str(number), f"report{number}")

    (path,) = (tmp_path / "report2").rglob("data/test-results/*.json")
    (earlier,) = json.loads(path.read_text(encoding="utf-8"))["history"]
    assert earlier["status"] == "passed"


def tool(folder: Path, source: str, report: str) -> subprocess.CompletedProcess[str]:
    """Make a report of a folder; the history is kept beside it."""
    config = folder / "allurerc.json"
    config.write_text(json.dumps({"historyPath": str(folder / "history.jsonl")}), encoding="utf-8")
    command = [str(TOOL), "generate", "--config", str(config), "--output", str(folder / report), str(folder / source)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=120)
