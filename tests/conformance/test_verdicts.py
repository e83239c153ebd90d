"""The judge against servers of which the truth is known, none of them written in terms of our codec."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conformance.conftest import CCHATSPEC, HERE, Judge, launched

from cchatspec.conformance.harness.launch import accepts

THREE_FAULTS = ("replaced-key", "short-body", "any-status")

#: Cases about names that a server need not take, and that those here do not.
BEYOND_ASCII = [
    "SEND-SENDER/letters-beyond-ascii",
    "STATUS-TELL/status-of-letters-beyond-ascii",
    "LIST-ALL/list-of-letters-beyond-ascii",
]
LONG = [
    f"{case}-{size}"
    for case, sizes in {
        "KEY-EXACT/more-than-a-long-name": (32, 63, 64, 128),
        "SEND-SENDER/long-name": (64, 128, 255),
        "QUEUE-DELIVER/queued-by-a-long-name": (128, 255),
        "STATUS-TELL/status-of-a-long-name": (128, 255),
        "LIST-ALL/list-of-a-long-name": (128, 255),
    }.items()
    for size in sizes
]

NULL_SERVERS = ["closes", "silent", "echoes", "random", "always-error"]


def test_the_reference_server_passes_everything(judge: Judge) -> None:
    verdict = judge()

    assert (verdict.status, verdict.ids("fail", "warn", "inconclusive", "skip")) == (0, BEYOND_ASCII)


def test_the_suite_has_more_than_eighty_cases(judge: Judge) -> None:
    verdict = judge()

    assert verdict.results["summary"]["pass"] >= 80


def test_a_right_server_that_chose_other_readings_passes_everything(judge: Judge) -> None:
    verdict = judge(*launched("plain_server.py"))

    assert (verdict.status, sorted(verdict.ids("fail", "warn", "inconclusive", "skip"))) == (
        0,
        sorted([*BEYOND_ASCII, *LONG, "OPEN/after-rate-limit"]),
    )


def test_what_a_server_chose_is_observed(judge: Judge) -> None:
    verdict = judge(*launched("plain_server.py"))

    assert [
        verdict.results["open_points"][point]["observed"]
        for point in ("unknown-recipient", "unknown-login", "second-session", "logout", "oversize", "bad-name")
    ] == ["ack", "proof", "both", "error", "close", "error"]


def test_three_faults_are_named_by_their_three_clauses_and_no_others(judge: Judge) -> None:
    verdict = judge(*launched("plain_server.py", *THREE_FAULTS))

    assert (verdict.status, verdict.clauses("fail"), verdict.clauses("warn"), verdict.blockers()) == (
        1,
        {"REG-DUPLICATE", "SEND-BODY", "STATUS-VALUE"},
        set(),
        {"REG-DUPLICATE", "SEND-BODY"},
    )


def test_three_faults_are_found_at_an_address_too(judge: Judge) -> None:
    with running("plain_server.py", *THREE_FAULTS) as address:
        verdict = judge(address)

    assert (verdict.status, verdict.clauses("fail")) == (1, {"REG-DUPLICATE", "SEND-BODY", "STATUS-VALUE"})


def test_a_login_that_never_succeeds_is_one_failure_and_blocks_the_rest(judge: Judge) -> None:
    verdict = judge(*launched("plain_server.py", "never-accepts"))

    assert (verdict.ids("fail", "warn"), verdict.blockers()) == (["LOGIN-PROOF/right-signature"], {"LOGIN-PROOF"})


@pytest.mark.parametrize(
    ("slip", "case"),
    [
        ("two-byte-success", "FRAME-LAYOUT/register-response-success"),
        ("one-byte-login", "FRAME-LAYOUT/login-response-success"),
    ],
)
def test_a_slip_in_a_layout_is_failed_once_and_read_leniently(judge: Judge, slip: str, case: str) -> None:
    verdict = judge(*launched("plain_server.py", slip))

    assert verdict.ids("fail", "warn", "inconclusive") == [case]


def test_a_server_where_nobody_logs_in_where_they_registered_is_failed_once_and_judged(judge: Judge) -> None:
    verdict = judge(*launched("plain_server.py", "login-apart"))

    assert (verdict.clauses("fail"), len(verdict.ids("inconclusive")) < 10) == ({"LOGIN-CHALLENGE"}, True)


def test_a_server_that_dies_is_started_again_and_failed_for_dying(judge: Judge) -> None:
    verdict = judge(*launched("plain_server.py", "dies"))

    assert (verdict.status, verdict.clauses("fail"), verdict.clauses("warn"), verdict.blockers()) == (
        1,
        {"ROBUST-ALIVE"},
        {"FRAME-UNKNOWN"},
        {"ROBUST-ALIVE"},
    )


def test_a_server_that_dies_at_an_address_blocks_what_comes_after(judge: Judge) -> None:
    with running("plain_server.py", "dies") as address:
        verdict = judge(address)

    assert (verdict.status, "ROBUST-ALIVE" in verdict.clauses("fail"), verdict.blockers()) == (
        1,
        True,
        {"ROBUST-ALIVE"},
    )


def test_a_limit_of_a_hundred_frames_a_connection_hinders_nothing(judge: Judge) -> None:
    verdict = judge(*launched("plain_server.py", "rate"))

    assert verdict.ids("fail", "warn", "inconclusive") == []


def test_closing_after_malformed_payloads_is_a_choice(judge: Judge) -> None:
    verdict = judge(*launched("plain_server.py", "closes-after-malformed"))

    assert (verdict.clauses("fail"), verdict.clauses("warn")) == (set(), {"FRAME-UNKNOWN"})


def test_a_server_that_never_tells_a_status_is_one_failure(judge: Judge) -> None:
    verdict = judge(*launched("plain_server.py", "never-tells"))

    assert (verdict.ids("fail", "warn"), verdict.blockers()) == (["STATUS-TELL/away"], {"STATUS-TELL"})


@pytest.mark.parametrize("kind", NULL_SERVERS)
def test_a_null_server_passes_nothing(judge: Judge, kind: str) -> None:
    verdict = judge(*launched("null_server.py", kind))

    assert (verdict.status, verdict.ids("pass"), "Traceback" in verdict.output) == (1, [], False)


@pytest.mark.parametrize("kind", [*NULL_SERVERS, "always-success"])
def test_a_null_server_is_broken_in_a_clause_that_is_named(judge: Judge, kind: str) -> None:
    verdict = judge(*launched("null_server.py", kind))

    assert (bool(verdict.clauses("fail")), "Broken: " in verdict.output) == (True, True)


def test_a_dead_port_is_said_in_one_line(judge: Judge) -> None:
    verdict = judge(f"127.0.0.1:{free_port()}")

    assert (verdict.status, len(verdict.output.splitlines()), "cannot connect" in verdict.output) == (2, 1, True)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nonsense"], "expected HOST:PORT"),
        (["127.0.0.1:99999"], "expected HOST:PORT"),
        (["--launch", "true"], "{port}"),
        (["--launch", "/no/such/command {port}"], "cannot start"),
        (["--launch", f"{sys.executable} -c 0 {{port}}"], "ended at once"),
        (["--select", "LOGIN-BRUN"], "did you mean"),
        (["--select", "REG-OK", "--skip", "REG-*"], "no case is left"),
        (["127.0.0.1:1", "--launch", "x {port}"], "not both"),
        (["--json", "/no/such/folder/results.json"], "cannot write"),
        (["--launch", "an 'open quote {port}"], "cannot read"),
    ],
)
def test_wrong_usage_is_said_and_exits_with_2(judge: Judge, arguments: list[str], word: str) -> None:
    verdict = judge(*arguments)

    assert (verdict.status, word in verdict.output, "Traceback" in verdict.output) == (2, True, False)


def test_a_selection_runs_what_fits_alone(judge: Judge) -> None:
    verdict = judge("--select", "login-burn/*", "--skip", "*/old-challenge-*")

    assert verdict.ids("pass") == ["LOGIN-BURN/old-challenge", "LOGIN-BURN/asked-twice"]


def test_a_broken_foundation_is_failed_even_if_its_case_is_not_selected(judge: Judge) -> None:
    verdict = judge(*launched("plain_server.py", "never-accepts"), "--select", "SEND")

    assert (verdict.status, verdict.ids("fail")) == (1, ["LOGIN-PROOF/right-signature"])


def test_a_warning_alone_fails_only_a_strict_run(judge: Judge) -> None:
    arguments = [*launched("plain_server.py", "closes-after-malformed"), "--select", "FRAME-UNKNOWN"]

    assert [judge(*arguments).status, judge(*arguments, "--strict").status] == [0, 1]


def test_a_failure_shows_clause_and_bytes_and_how_to_see_it_again(judge: Judge) -> None:
    verdict = judge(*launched("plain_server.py", "any-status"), "--select", "STATUS-VALUE/undefined-255")

    shown = " ".join(verdict.output.split())
    wanted = [
        "ERROR 05 and changes nothing",
        "SET_STATUS.status at offset 0",
        "right ERROR 05",
        "--select STATUS-VALUE/undefined-255",
    ]

    assert [words for words in wanted if words not in shown] == []


def test_the_replay_line_shows_the_failure_again(judge: Judge) -> None:
    first = judge(*launched("plain_server.py", "any-status"), "--select", "STATUS-VALUE/undefined-3")
    line = next(case["replay"] for case in first.results["cases"] if case["verdict"] == "fail")
    again = subprocess.run(
        line.replace("cchatspec", f"{sys.executable} -P -m cchatspec.cli", 1) + " --json /dev/null",
        shell=True,
        capture_output=True,
        check=False,
    )

    assert again.returncode == 1


def test_an_interrupted_run_keeps_what_it_knows(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        command = [*CCHATSPEC, "run", f"127.0.0.1:{silent.getsockname()[1]}"]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        kept = [silent.accept() for _ in ("is it there?", "the first case")]
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
        results = json.loads((tmp_path / "results.json").read_text())
        for sock, _ in kept:
            sock.close()

    assert (len(kept), process.returncode, "not finished" in output, "Traceback" in output, results["complete"]) == (
        2,
        1,
        True,
        False,
        False,
    )


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(script: str, *arguments: str) -> Iterator[str]:
    """One of the servers in this folder, at an address."""
    port = free_port()
    process = subprocess.Popen([sys.executable, str(HERE / script), str(port), *arguments], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 10
        while not accepts("127.0.0.1", port) and time.monotonic() < until:
            os.sched_yield()
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
