"""Running the suite day to day: selections from files, baselines, workers, repeats, and runs that do not come to their end."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from tests.conformance.conftest import CCHATSPEC, Judge, launched

from cchatspec.conformance import crew
from cchatspec.conformance.catalogue import all_cases
from cchatspec.conformance.crew import run_jobs, shares
from cchatspec.conformance.events import Ended, Event, Started
from cchatspec.conformance.worker import Job
from cchatspec.reports.results import schema_path

FAULTY = launched("plain_server.py", "replaced-key", "any-status")


def known(path: Path, text: str) -> str:
    path.write_text(f'schema = "cchatspec-baseline/1"\n[[known]]\n{text}\n')
    return str(path)


# Selections


def test_a_file_of_globs_selects_what_fits_one(judge: Judge, tmp_path: Path) -> None:
    (tmp_path / "globs").write_text("# what we look at\nREG-OK/new-user  # one\n\nkey-found/own\n")
    verdict = judge("--select", f"@{tmp_path / 'globs'}")

    assert verdict.ids("pass") == ["REG-OK/new-user", "KEY-FOUND/own"]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "No such file"),
        (b"# nothing\n", "has no glob in it"),
        (b"REG-OX\n", "did you mean"),
        (b"\xff", "is no text"),
    ],
    ids=["missing", "empty", "wrong", "binary"],
)
def test_a_file_of_globs_that_is_wrong_exits_with_2(
    judge: Judge, tmp_path: Path, content: bytes | None, word: str
) -> None:
    if content is not None:
        (tmp_path / "globs").write_bytes(content)
    verdict = judge("--select", f"@{tmp_path / 'globs'}")

    assert (verdict.status, word in verdict.output) == (2, True)


def test_a_case_that_needs_an_option_says_which(judge: Judge) -> None:
    verdict = judge("--select", "*/thousands-of-resets")

    assert (verdict.status, "--soak" in verdict.output) == (2, True)


# Lists


def listed(*arguments: str) -> str:
    return subprocess.run([*CCHATSPEC, "list", *arguments], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("arguments", [(), ("--coverage",)], ids=["cases", "coverage"])
def test_lists_fit_eighty_columns(arguments: tuple[str, ...]) -> None:
    lines = listed(*arguments).splitlines()

    assert [line for line in lines if len(line) > 80 or line != line.rstrip()] == []


def test_a_list_is_selected_like_a_run() -> None:
    assert [case["id"] for case in json.loads(listed("--json", "--select", "LIST-COUNT", "--select", "REG-EMPTY"))] == [
        case.id for case in all_cases() if {"LIST-COUNT", "REG-EMPTY"} & set(case.clauses)
    ]


def test_the_coverage_says_why_a_clause_has_no_case() -> None:
    rows = json.loads(listed("--coverage", "--json"))

    assert [row["id"] for row in rows if not row["cases"] and not row["untestable"]] == []


# Baselines


def test_known_failures_do_not_fail_the_run(judge: Judge, tmp_path: Path) -> None:
    path = known(tmp_path / "b.toml", 'clause = "REG-DUP*"\nreason = "ticket 7"\nexpires = 2999-01-01')
    verdict = judge(*FAULTY, "--select", "REG-DUPLICATE", "--baseline", path)

    assert (verdict.status, "ticket 7" in verdict.output) == (0, True)
    assert verdict.results["summary"]["known"] == len(verdict.ids("fail")) > 0


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ('case = "REG-OK/new-user"\nreason = "x"', "passes again"),
        ('clause = "REG-DUPLICATE"\nreason = "x"\nexpires = 2020-01-01', "expired on 2020-01-01"),
        ('case = "REG-OK/new-usr"\nreason = "x"', "did you mean REG-OK/new-user"),
    ],
    ids=["passes", "expired", "nothing"],
)
def test_an_entry_that_is_not_true_fails_the_run(judge: Judge, tmp_path: Path, entry: str, word: str) -> None:
    verdict = judge("--select", "REG-OK", "--baseline", known(tmp_path / "b.toml", entry))

    assert (verdict.status, word in " ".join(verdict.output.split())) == (1, True)


def test_an_entry_that_was_not_run_is_left_alone(judge: Judge, tmp_path: Path) -> None:
    path = known(tmp_path / "b.toml", 'clause = "SEND-BODY"\nreason = "x"')
    verdict = judge("--select", "REG-OK", "--baseline", path)

    assert (verdict.status, verdict.results["baseline"]) == (0, [])


def test_a_baseline_that_is_written_makes_the_next_run_succeed(judge: Judge, tmp_path: Path) -> None:
    path = str(tmp_path / "b.toml")
    first = judge(*FAULTY, "--select", "STATUS", "--write-baseline", path)
    second = judge(*FAULTY, "--select", "STATUS", "--baseline", path)

    assert (first.status, second.status, second.ids("fail")) == (1, 0, first.ids("fail"))


def test_a_file_that_is_no_baseline_exits_with_2(judge: Judge, tmp_path: Path) -> None:
    verdict = judge("--baseline", known(tmp_path / "b.toml", 'case = "X"'))

    assert (verdict.status, "entry 1: expected a glob and a reason" in verdict.output) == (2, True)


# Stopping, repeating, timing


def test_failing_fast_stops_at_the_first_failure(judge: Judge) -> None:
    verdict = judge(*FAULTY, "--select", "REG-DUPLICATE", "--select", "STATUS", "--fail-fast")

    assert (verdict.status, verdict.results["complete"], len(verdict.ids("fail"))) == (1, False, 1)


def test_a_verdict_that_differs_between_repeats_is_flaky(judge: Judge) -> None:
    server = launched("plain_server.py", "wavers")
    verdict = judge(*server, "--select", "STATUS-VALUE/undefined-3", "--repeat", "4")
    case = next(case for case in verdict.results["cases"] if case["id"] == "STATUS-VALUE/undefined-3")

    assert (case["verdict"], case["runs"], "flaky" in verdict.output) == ("fail", {"pass": 2, "fail": 2}, True)


def test_the_slowest_cases_are_shown_on_request(judge: Judge) -> None:
    verdict = judge("--select", "REG-PORTABLE", "--durations")

    assert sum(" s  REG-" in line for line in verdict.output.splitlines()) == 10


# What a run looks like where nobody watches


@pytest.mark.parametrize("arguments", [("--select", "REG-OK"), (*FAULTY, "--select", "REG-DUPLICATE")])
def test_a_piped_run_has_no_colour_and_no_trailing_space(judge: Judge, arguments: tuple[str, ...]) -> None:
    output = judge(*arguments).output

    assert ("\x1b" in output, [line for line in output.splitlines() if line != line.rstrip()]) == (False, [])


def test_a_failure_shows_what_was_sent_with_the_place_of_each_field(judge: Judge) -> None:
    output = judge(*FAULTY, "--select", "REG-DUPLICATE/same-key").output
    wanted = ["  00000004  01                       message_type: 1 (REGISTER_USER)", "#1 -- registered", "It matters:"]

    assert [words for words in wanted if words not in output] == []


def test_a_failure_keeps_what_was_sent_and_why_it_matters_in_the_json(judge: Judge) -> None:
    results = judge(*FAULTY, "--select", "REG-DUPLICATE/same-key").results
    jsonschema.validate(results, json.loads(schema_path().read_text(encoding="utf-8")))

    assert (results["cases"][0]["sent"]["text"][:13], bool(results["clauses"][0]["why"])) == ("REGISTER_USER", True)


# Workers


def told(verdict: dict[str, Any]) -> dict[str, str]:
    return {case["id"]: case["verdict"] for case in verdict["cases"]}


def test_workers_give_the_verdicts_of_a_run_alone(judge: Judge) -> None:
    selection = ["--select", "REG-DUPLICATE", "--select", "STATUS-VALUE", "--select", "LIST"]

    assert told(judge(*FAULTY, *selection, "--workers", "3").results) == told(judge(*FAULTY, *selection).results)


def test_a_broken_foundation_is_one_failure_for_all_workers(judge: Judge) -> None:
    verdict = judge(*launched("plain_server.py", "never-accepts"), "--select", "SEND", "--workers", "2")

    assert (verdict.status, verdict.ids("fail")) == (1, ["LOGIN-PROOF/right-signature"])


def test_workers_that_cannot_start_their_target_exit_with_2(judge: Judge) -> None:
    verdict = judge("--launch", f"{sys.executable} -c 0 {{port}}", "--workers", "2")

    assert (verdict.status, "ended at once" in verdict.output) == (2, True)


@pytest.mark.parametrize("count", [1, 2, 3, 500])
def test_every_case_is_dealt_to_one_worker(count: int) -> None:
    dealt = [case for share in shares(all_cases(), count) for case in share]

    assert sorted(dealt) == sorted(case.id for case in all_cases())


def test_open_points_and_the_profile_are_dealt_to_one_worker() -> None:
    together = {case.id for case in all_cases() if case.level == "OPEN" or case.only_with == "profile"}

    assert [len(together & set(share)) for share in shares(all_cases(), 3)] == [len(together), 0, 0]


def test_a_worker_that_dies_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'import os; os.write(1, b\'{"type": "started", "case": "REG-OK/x"}\\n\'); os.kill(os.getpid(), 9)'
    monkeypatch.setattr(crew, "_COMMAND", [sys.executable, "-c", script])
    events: list[Event] = []

    def listen(event: Event) -> bool:
        events.append(event)
        return False

    run_jobs([Job(None, None, ["REG-OK/x"], "")], listen)

    assert events == [
        Started("REG-OK/x"),
        Ended([], {}, ["worker 1 died at REG-OK/x (signal SIGKILL)"], complete=False, restarts=0),
    ]


# Runs that do not come to their end


@contextmanager
def hanging(folder: Path, *arguments: str, accepts: int) -> Iterator[subprocess.Popen[str]]:
    """A run that waits for answers from a server that is silent, once that has accepted some connections."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        command = [*CCHATSPEC, "run", f"127.0.0.1:{silent.getsockname()[1]}", *arguments]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        kept = [silent.accept()[0] for _ in range(accepts)]
        yield process
        for sock in kept:
            sock.close()


def test_a_run_that_is_killed_leaves_a_valid_file_that_says_so(tmp_path: Path) -> None:
    with hanging(tmp_path, accepts=2) as process:
        process.kill()
        process.communicate(timeout=30)
    results = json.loads((tmp_path / "results.json").read_text())
    jsonschema.validate(results, json.loads(schema_path().read_text(encoding="utf-8")))

    assert results["complete"] is False


def test_an_interrupted_run_with_workers_keeps_what_it_knows(tmp_path: Path) -> None:
    with hanging(tmp_path, "--workers", "2", accepts=4) as process:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    results = json.loads((tmp_path / "results.json").read_text())

    assert (process.returncode, results["complete"], results["broken"], "Traceback" in output) == (1, False, [], False)


def test_workers_end_when_whoever_started_them_is_gone(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        job = Job(f"127.0.0.1:{silent.getsockname()[1]}", None, ["REG-OK/new-user"], "")
        with monitored(job) as worker:
            kept = [silent.accept()[0] for _ in ("is it there?", "the first case")]
            assert worker.stdin is not None
            worker.stdin.close()
            status = worker.wait(timeout=30)
        for sock in kept:
            sock.close()

    assert status == 0


@contextmanager
def monitored(job: Job) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-P", "-m", "cchatspec.conformance.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        process.stdin.flush()
        yield process
