"""The command `report`, the options that all commands share, and writing what they ask for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from tests.reports.samples import EACH, FINDING, campaign, case, results

from cchatspec.cli import cli
from cchatspec.reports.outputs import ReportOptions, check_outputs, write_reports
from cchatspec.reports.results import write_results

FORMS = ("html", "junit", "allure", "markdown", "sarif", "badge")


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the results of a run and of a campaign."""
    monkeypatch.chdir(tmp_path)
    write_results(results(*EACH), Path("run.json"))
    write_results(campaign(FINDING), Path("fuzz.json"))
    return tmp_path


def report(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["report", *arguments])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("files", [["run.json"], ["fuzz.json"], ["run.json", "fuzz.json", "run.json"]], ids=len)
def test_every_form_is_written_from_any_number_of_results(saved: Path, form: str, files: list[str]) -> None:
    done = report(*files, f"--{form}", "out")

    assert (done.exit_code, (saved / "out").exists(), done.stdout, done.stderr) == (0, True, "", "Written to out.\n")


def test_all_forms_at_once(saved: Path) -> None:
    done = report("run.json", *(word for form in FORMS for word in (f"--{form}", f"out.{form}")))

    assert (done.exit_code, sorted(path.name for path in saved.glob("out.*"))) == (
        0,
        sorted(f"out.{form}" for form in FORMS),
    )


def test_without_an_option_the_results_are_shown(saved: Path) -> None:
    assert "FAIL  FRAME-LAYOUT  MUST" in report("run.json").stdout


def test_several_results_are_shown_one_after_the_other_and_then_together(saved: Path) -> None:
    text = report("run.json", "fuzz.json").stdout

    assert [text.count(said) for said in ("FAIL  FRAME-LAYOUT", "FOUND  crash", " all together ")] == [1, 1, 1]


def test_a_broken_target_is_no_error_of_the_report(saved: Path) -> None:
    assert report("run.json").exit_code == 0


def test_every_file_that_is_none_is_said_in_a_line_of_its_own(saved: Path) -> None:
    (saved / "half.json").write_bytes((saved / "run.json").read_bytes()[:100])
    done = report("half.json", "run.json", "missing.json")

    assert (done.exit_code, done.stderr.splitlines()) == (
        2,
        [
            "half.json is cut off after 100 bytes; make or copy it again",
            "cannot read missing.json: No such file or directory",
        ],
    )


def test_what_cannot_be_written_is_said(saved: Path) -> None:
    done = report("run.json", "--junit", "missing/r.xml")

    assert (done.exit_code, done.stderr) == (2, "cannot write missing/r.xml: No such file or directory\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--junit", "x", "--badge", "x"], "--badge and --junit name the same file, x"),
        (["--markdown", "run.json"], "--markdown and a RESULT name the same file, run.json"),
    ],
)
def test_a_file_is_never_written_twice_nor_over_what_it_is_made_from(
    saved: Path, arguments: list[str], said: str
) -> None:
    done = report("run.json", *arguments)

    assert (done.exit_code, said in done.stderr) == (2, True)


def test_run_writes_what_report_makes_of_its_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = [form for form in FORMS if form != "allure"]
    options = [word for form in files for word in (f"--{form}", f"run.{form}")]
    command = [sys.executable, "-m", "cchatspec.cli", "run", "--select", "REG-OK", *options]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    report("results.json", *(word for form in files for word in (f"--{form}", f"report.{form}")))

    assert (ran.returncode, "written too: run.html, run.junit" in " ".join(ran.stdout.split())) == (0, True)
    assert [form for form in files if Path(f"run.{form}").read_bytes() != Path(f"report.{form}").read_bytes()] == []


def test_run_refuses_one_file_for_two_things_before_it_runs() -> None:
    done = CliRunner().invoke(cli, ["run", "--json", "x.json", "--sarif", "x.json"])

    assert (done.exit_code, "--sarif and --json name the same file" in done.stderr) == (2, True)


@pytest.mark.parametrize("strict", [False, True])
def test_strict_makes_a_failure_of_a_warning(saved: Path, strict: bool) -> None:
    write_results(results(case("REG-OK", "warn", level="SHOULD")), saved / "warn.json")
    report("warn.json", "--junit", "r.xml", *(["--strict"] if strict else []))

    assert ("<failure" in (saved / "r.xml").read_text(encoding="utf-8")) is strict


def test_what_is_no_regular_file_is_written_to(saved: Path) -> None:
    command = [sys.executable, "-m", "cchatspec.cli", "report", "run.json", "--markdown", "/dev/stdout"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.startswith("### ")


@pytest.mark.parametrize(
    "options", [ReportOptions(junit=Path("no/x")), ReportOptions(allure=Path("run.json/x"))], ids=["file", "folder"]
)
def test_that_an_output_cannot_be_written_is_found_out_beforehand(saved: Path, options: ReportOptions) -> None:
    with pytest.raises(OSError, match=r"No such file|Not a directory"):
        check_outputs(options)


def test_a_folder_is_no_file_to_write_to(saved: Path) -> None:
    done = report("run.json", "--badge", str(saved))

    assert (done.exit_code, done.stderr) == (2, f"cannot write {saved}: it is a folder\n")


def test_finding_out_leaves_nothing_behind(saved: Path) -> None:
    check_outputs(ReportOptions(junit=Path("r.xml"), badge=Path("b.svg")))

    assert sorted(path.name for path in saved.iterdir()) == ["fuzz.json", "run.json"]


def test_nothing_is_written_if_nothing_was_asked_for(saved: Path) -> None:
    assert (write_reports([results(*EACH)], ReportOptions()), bool(ReportOptions())) == ([], False)


def test_the_commands_share_their_options() -> None:
    def of(name: str) -> set[str]:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        return {str(option.name) for option in command.params}

    assert [set(FORMS) - of(name) for name in ("run", "report")] == [set(), set()]
