"""The commands `fuzz` and `replay` as a user meets them: their options and what they refuse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.conformance.conftest import CCHATSPEC

from cchatspec.cli import cli
from cchatspec.fuzz.campaign import Options
from cchatspec.reports.campaign import Campaign
from cchatspec.reports.results import TargetInfo, Tool

NOBODY = "127.0.0.1:1"


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """What a campaign was asked to do."""
    asked: list[Options] = []

    def run(options: Options) -> tuple[Campaign, int]:
        asked.append(options)
        tool, target = Tool("cchatspec", "0"), TargetInfo("x", "x")
        return Campaign(
            tool=tool,
            target=target,
            started="",
            duration_s=1.0,
            seed=0,
            executions=1,
            executions_per_s=1.0,
            findings=[],
        ), 0

    monkeypatch.setattr("cchatspec.fuzz.campaign.run_campaign", run)
    return asked


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("10m", 600), ("1h", 3600), ("90", 90), ("1.5s", 1.5), ("2 m", 120)]
)
def test_times_are_read_as_people_write_them(wanted: list[Options], text: str, seconds: float) -> None:
    call("fuzz", NOBODY, "--max-time", text)

    assert [options.max_time for options in wanted] == [seconds]


@pytest.mark.parametrize("text", ["", "soon", "-1s", "0", "5d", "1m30s", "s"])
def test_what_is_no_time_is_refused(wanted: list[Options], text: str) -> None:
    refused = call("fuzz", NOBODY, "--max-time", text)

    assert (refused.exit_code, wanted) == (2, [])
    assert "expected a time such as 60s, 10m or 1h" in refused.output


def test_a_campaign_lasts_a_minute_if_nothing_is_said(wanted: list[Options]) -> None:
    call("fuzz", NOBODY)

    assert [options.max_time for options in wanted] == [60.0]


def test_a_campaign_with_a_number_of_executions_takes_the_time_it_needs(wanted: list[Options]) -> None:
    call("fuzz", NOBODY, "--max-executions", "5")

    assert [(options.max_time, options.max_executions) for options in wanted] == [(None, 5)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fuzz", NOBODY, "--launch", "x {port}"], "give HOST:PORT or --launch, not both"),
        (["fuzz", "--pid", "1"], "--pid goes with HOST:PORT"),
        (["replay", ".", NOBODY, "--launch", "x {port}"], "give HOST:PORT or --launch, not both"),
        (["replay", "nowhere.json"], "cannot read nowhere.json: No such file or directory"),
        (["replay", "."], ". holds no finding"),
    ],
)
def test_wrong_usage_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = call(*arguments)

    assert refused.exit_code == 2
    assert words in refused.output


def test_a_target_that_nobody_listens_at_is_said(tmp_path: Path) -> None:
    refused = call("fuzz", NOBODY, "--out", str(tmp_path / "out"))

    assert refused.exit_code == 2
    assert "cannot connect to 127.0.0.1:1" in refused.output


def test_a_start_of_the_command_loads_no_fuzzer() -> None:
    code = "import cchatspec.cli, sys; print([name for name in sys.modules if name.startswith('cchatspec.fuzz.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "['cchatspec.fuzz.commands']"


def test_both_commands_explain_themselves() -> None:
    shown = [
        subprocess.run([*CCHATSPEC, name, "--help"], capture_output=True, text=True) for name in ("fuzz", "replay")
    ]

    assert [done.returncode for done in shown] == [0, 0]
    assert all("Exit status: 0" in done.stdout for done in shown)
