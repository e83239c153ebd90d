"""Campaigns as users run them, against servers that are right, wrong, silent or gone."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.conftest import CCHATSPEC

from cchatspec.conformance.harness.target import Target
from cchatspec.fuzz.campaign import seed_of
from cchatspec.fuzz.events import Event, Job, Progress
from cchatspec.fuzz.script import Script
from cchatspec.fuzz.session import Session
from cchatspec.fuzz.trace import Trace

SERVERS = Path(__file__).parents[1] / "conformance"


def server(script: str, *faults: str) -> str:
    return shlex.join([sys.executable, str(SERVERS / script), "{port}", *faults])


DEADLY = ["--launch", server("plain_server.py", "dies")]
RIGHT = ["--launch", server("plain_server.py")]


def words(out: Path, *arguments: str) -> list[str]:
    return [*CCHATSPEC, "fuzz", "--out", str(out), *arguments]


def fuzz(out: Path, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words(out, *arguments), capture_output=True, text=True, check=False, timeout=300, cwd=out.parent, **more
    )


def results(out: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((out / "results.json").read_text())
    return read


def found(out: Path) -> list[str]:
    return [finding["kind"] for finding in results(out)["findings"]]


def test_on_a_right_server_nothing_is_found(tmp_path: Path) -> None:
    done = fuzz(tmp_path / "out", *RIGHT, "--max-executions", "60", "--seed", "1")

    assert (done.returncode, found(tmp_path / "out")) == (0, [])
    assert results(tmp_path / "out")["executions"] >= 60


def test_a_crash_is_found_and_written_with_what_was_printed_last(tmp_path: Path) -> None:
    done = fuzz(tmp_path / "out", *DEADLY, "--max-findings", "1", "--seed", "1")
    (finding,) = results(tmp_path / "out")["findings"]

    assert (done.returncode, finding["kind"], finding["outcome"]) == (
        1,
        "crash",
        "the process ended with signal SIGABRT",
    )
    assert (tmp_path / "out" / finding["reproducer"]).is_file()
    assert "cchatspec replay" in done.stdout


def test_a_campaign_is_taken_up_and_says_what_is_known_and_what_is_fixed(tmp_path: Path) -> None:
    faults = tmp_path / "faults"
    script = f'exec {shlex.quote(sys.executable)} {SERVERS / "plain_server.py"} "$0" $(cat {faults})'
    launch = [
        "--launch",
        shlex.join(["sh", "-c", script]) + " {port}",
        "--max-findings",
        "1",
        "--max-executions",
        "200",
    ]
    faults.write_text("dies")
    fuzz(tmp_path / "out", *launch, "--seed", "1")
    first = results(tmp_path / "out")

    again = fuzz(tmp_path / "out", *launch, "--seed", "2", "--max-executions", "5")
    assert f"going on with the campaign there ({len(first['findings'])} finding" in again.stderr
    assert again.returncode == 1
    assert "1 known finding still shown" in results(tmp_path / "out")["notes"][0]

    faults.write_text("")
    fixed = fuzz(tmp_path / "out", *launch, "--seed", "3", "--max-executions", "5")
    assert (fixed.returncode, found(tmp_path / "out")) == (0, [])
    assert f"{first['findings'][0]['id']} no longer shows" in fixed.stdout.replace("\n", " ")


@pytest.mark.parametrize(("faults", "kinds"), [(["dies"], ["crash"]), ([], [])])
def test_what_was_not_confirmed_is_gone_on_with_by_the_next_campaign(
    tmp_path: Path, faults: list[str], kinds: list[str]
) -> None:
    out = tmp_path / "out"
    fuzz(out, *DEADLY, "--max-findings", "1", "--seed", "1")
    (file,) = (out / "findings").glob("*/finding.json")
    launch = server("plain_server.py", *faults)
    unconfirmed = shutil.copytree(file.parent, tmp_path / "later" / "unconfirmed" / file.parent.name)

    fuzz(tmp_path / "later", "--launch", launch, "--max-executions", "1", "--seed", "2")

    assert (found(tmp_path / "later"), unconfirmed.exists()) == (kinds, False)


def test_a_folder_belongs_to_one_target(tmp_path: Path) -> None:
    fuzz(tmp_path / "out", *RIGHT, "--max-executions", "3", "--seed", "1")
    done = fuzz(tmp_path / "out", *DEADLY)

    assert done.returncode == 2
    assert "holds a campaign against" in done.stderr


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").touch()
    done = fuzz(out, *RIGHT)

    assert (done.returncode, [path.name for path in out.iterdir()]) == (2, ["thesis.tex"])
    assert "holds something else than a campaign" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_interrupts_a_campaign_keeps_what_was_found(tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "out"
    running = subprocess.Popen(
        words(out, *DEADLY, "--max-time", "10m", "--seed", "1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    while not running.stderr.readline().startswith("cchatspec: found crash"):
        pass
    running.send_signal(number)
    running.communicate(timeout=120)

    assert running.returncode == 1
    assert "crash" in found(out) and results(out)["complete"] is False


def test_what_was_found_survives_a_kill(tmp_path: Path) -> None:
    out = tmp_path / "out"
    running = subprocess.Popen(words(out, *DEADLY, "--max-time", "10m", "--seed", "1"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip # noqa: E501
    assert running.stderr is not None
    while not running.stderr.readline().startswith("cchatspec: found crash"):
        pass
    running.kill()
    running.communicate(timeout=120)

    assert found(out)[0] == "crash"
    assert len(list((out / "findings").glob("*/replay.py"))) >= 1


def test_workers_share_one_campaign_and_find_a_thing_once(tmp_path: Path) -> None:
    done = fuzz(tmp_path / "out", *DEADLY, "--workers", "2", "--max-findings", "1", "--seed", "1")
    ids = [finding["id"] for finding in results(tmp_path / "out")["findings"]]

    assert (done.returncode, results(tmp_path / "out")["workers"]) == (1, 2)
    assert len(ids) == len(set(ids)) >= 1


def test_workers_fuzz_with_seeds_of_their_own_that_follow_from_the_campaigns() -> None:
    assert len({seed_of(7, worker) for worker in range(64)}) == 64
    assert seed_of(7, 0) == 7


@pytest.mark.parametrize("kind", ["closes", "silent", "echoes", "random", "always-error"])
def test_a_server_that_registers_nobody_cannot_be_fuzzed(tmp_path: Path, kind: str) -> None:
    done = fuzz(tmp_path / "out", "--launch", server("null_server.py", kind), "--max-time", "5s")

    assert done.returncode == 2
    assert "registers no user" in done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_target_that_cannot_be_started_is_said(tmp_path: Path, workers: str) -> None:
    done = fuzz(tmp_path / "out", "--launch", "false {port}", "--workers", workers)

    assert done.returncode == 2
    assert "the launched target ended at once (exit status 1)" in done.stderr


def test_an_unreadable_corpus_is_said_with_the_name_of_the_file(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "x.json").write_text("{}")
    done = fuzz(tmp_path / "out", *RIGHT, "--corpus", str(corpus))

    assert done.returncode == 2
    assert "x.json" in done.stderr


class Calm:
    """Stands for a runner whose target always does the same."""

    restarts = frames = answered = 0
    width = 7

    def __init__(self, target: object, seed: int) -> None:
        self.target, self.refused, self.executions = target, Counter[str](), 0

    def run_all(self, scripts: list[Script], _is_known: object) -> list[Trace]:
        self.executions += len(scripts)
        ran.extend(scripts)
        return [Trace(script, triples=[("new", str(len(script.steps)), "x")]) for script in scripts]


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


ran: list[Script] = []


@pytest.mark.parametrize("other", [5, 6])
def test_the_same_seed_and_behaviour_give_the_same_inputs_and_no_other_seed_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: int
) -> None:
    monkeypatch.setattr("cchatspec.fuzz.session.Runner", Calm)
    monkeypatch.setattr("cchatspec.fuzz.session.open_target", lambda *_: Target("127.0.0.1", 1))

    def inputs(seed: int) -> list[Script]:
        ran.clear()
        job = Job(address="127.0.0.1:1", executions=200, seed=seed, out=str(tmp_path), corpus=str(tmp_path / "none"))
        Session(job, lambda _: None, lambda: False).run()
        shutil.rmtree(tmp_path / "none")
        return list(ran)

    assert (inputs(5) == inputs(other)) == (other == 5)


def test_what_has_run_by_the_end_of_the_time_is_still_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, events = Clock(), list[Event]()

    class Late(Calm):
        def run_all(self, scripts: list[Script], is_known: object) -> list[Trace]:
            clock.now += 2.0
            return super().run_all(scripts, is_known)

    monkeypatch.setattr("cchatspec.fuzz.session.Runner", Late)
    monkeypatch.setattr("cchatspec.fuzz.session.monotonic", clock)
    monkeypatch.setattr("cchatspec.fuzz.session.open_target", lambda *_: Target("127.0.0.1", 1))
    job = Job(address="127.0.0.1:1", seconds=1.0, seed=5, out=str(tmp_path), corpus=str(tmp_path / "none"))
    Session(job, events.append, lambda: False).run()

    assert [event.runs for event in events if isinstance(event, Progress)][-1] == Late.width
