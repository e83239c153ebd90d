"""Runs the suite against every seeded fault, and against the server without one, and writes the kill matrix.

    python kill.py [FAULT]… [--workers N] [--own] [--missing] [--right-only | --faults-only]

A fault is killed if the suite fails or warns at the clause that the fault breaks; what is found at other clauses is a by-product
and does not count. The server without a fault must get no fail and no warn, whatever it reads the open points as. The matrix is
`matrix.json` beside this file, and `docs/kill-matrix.md` is made from it. Exit status: 0 all is as it should be, 1 something
survives or is falsely accused, 130 interrupted (what is known by then is kept).
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults import FAULTS, KNOWN_SURVIVORS
from matrix import read_matrix, write_matrix
from options import POINTS

_SERVER = Path(__file__).with_name("server.py")
_SUITE = [sys.executable, "-P", "-m", "cchatspec.cli", "run"]

#: How long one run may take, and how long it may take to end when it is told to, in seconds.
_RUN_LIMIT_S = 600.0
_END_LIMIT_S = 20.0

#: Combinations of readings that are drawn by these seeds.
_SEEDS = range(12)


@dataclass(frozen=True, slots=True)
class Job:
    """One run of the suite: against a fault, or against the right server under some readings (`fault` is empty)."""

    label: str
    server: tuple[str, ...]
    suite: tuple[str, ...] = ()
    fault: str = ""


@dataclass
class Runs:
    """The runs that are under way, and whether the user has had enough."""

    stopped: bool = False
    processes: set[subprocess.Popen[str]] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, job: Job) -> dict[str, Any]:
        """What a run of the suite found, by verdict.

        Raises:
            RuntimeError: it gave no results.
        """
        with tempfile.TemporaryDirectory(prefix="kill-") as folder:
            written = Path(folder) / "results.json"
            launch = shlex.join([sys.executable, str(_SERVER), "{port}", "--store", "{tmp}/store", *job.server])
            command = [*_SUITE, "--launch", launch, "--json", str(written), *job.suite]
            output = self._call(command, folder)
            if not written.exists():
                raise RuntimeError(output.strip()[-400:] or "the suite gave no results")
            return _found(json.loads(written.read_text(encoding="utf-8")))

    def _call(self, command: list[str], folder: str) -> str:
        with self.lock:
            if self.stopped:
                raise RuntimeError("interrupted")
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            self.processes.add(process)
        try:
            return process.communicate(timeout=_RUN_LIMIT_S)[0]
        except subprocess.TimeoutExpired:
            _end(process)
            raise RuntimeError(f"the run took more than {_RUN_LIMIT_S:.0f} s") from None
        finally:
            with self.lock:
                self.processes.discard(process)

    def stop(self) -> None:
        """End what is under way, so that each run ends its own server."""
        with self.lock:
            self.stopped = True
            for process in self.processes:
                process.send_signal(signal.SIGINT)


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=_END_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _found(results: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        verdict: sorted(clause["id"] for clause in results["clauses"] if clause["verdict"] == verdict)
        for verdict in ("fail", "warn")
    }
    for verdict in ("fail", "warn", "inconclusive"):
        found[f"{verdict}-cases"] = [case["id"] for case in results["cases"] if case["verdict"] == verdict]
    if results.get("broken"):
        found["broken"] = results["broken"]
    return found


# What is run


def fault_jobs(names: list[str], *, own: bool) -> Iterator[Job]:
    """A run for each fault, without the cases that only observe; `own` runs the cases of its own clause alone.

    Those that the suite needs options for may take minutes, and start first.
    """
    for name in sorted(names, key=lambda name: not FAULTS[name].suite):
        fault = FAULTS[name]
        selected = ("--select", fault.clause) if own else ("--skip", "OPEN")
        yield Job(name, ("--fault", name, *fault.server), fault.suite or selected, name)


def right_jobs() -> Iterator[Job]:
    """A run for each reading of each open point, for each way to close, and for combinations drawn by seeds."""
    yield Job("no fault", ())
    yield Job("close=rst", ("--close", "rst"))
    for point, readings in POINTS.items():
        for reading in readings[1:]:
            yield Job(f"{point}={reading}", ("--point", f"{point}={reading}"))
    for seed in _SEEDS:
        yield Job(f"combination {seed}", combination(seed))


def combination(seed: int) -> tuple[str, ...]:
    """A reading for each open point, and a way to close, drawn by a seed."""
    draw = random.Random(seed)
    words = [word for point, readings in POINTS.items() for word in ("--point", f"{point}={draw.choice(readings)}")]
    return (*words, "--close", draw.choice(["fin", "rst"]))


# What came of it


def judge(job: Job, found: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Whether a run came out as it should, and what the matrix keeps of it."""
    accused = [*found["fail"], *found["warn"]]
    if not job.fault:
        cases = [*found["fail-cases"], *found["warn-cases"]]
        return not accused, {"server": list(job.server), "accused": cases, "undecided": found["inconclusive-cases"]}
    clause = FAULTS[job.fault].clause
    own = [case for case in [*found["fail-cases"], *found["warn-cases"]] if case.startswith(f"{clause}/")]
    kept = {"clause": clause, "killed": clause in accused, "fail": found["fail"], "warn": found["warn"], "by": own[:3]}
    return clause in accused, kept


def _undecided(job: Job, problem: str) -> dict[str, Any]:
    """What the matrix keeps of a run that gave no results."""
    if job.fault:
        return {
            "clause": FAULTS[job.fault].clause,
            "killed": False,
            "fail": [],
            "warn": [],
            "by": [],
            "problem": problem,
        }
    return {"server": list(job.server), "accused": [], "undecided": [], "problem": problem}


def run_all(jobs: list[Job], workers: int, keep: Callable[[Job, dict[str, Any]], None]) -> tuple[list[str], bool]:
    """Run jobs side by side; gives back what did not come out as it should, and whether the user ended it."""
    runs, wrong = Runs(), []
    with ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(runs.run, job): job for job in jobs}
        try:
            for number, future in enumerate(as_completed(futures), 1):
                job = futures[future]
                try:
                    is_right, kept = judge(job, future.result())
                except RuntimeError as problem:
                    is_right, kept = False, _undecided(job, str(problem))
                if not is_right and job.label not in KNOWN_SURVIVORS:
                    wrong.append(job.label)
                keep(job, kept)
                _tell(number, len(jobs), job, is_right, kept)
        except KeyboardInterrupt:
            runs.stop()
            pool.shutdown(wait=True, cancel_futures=True)
            return wrong, True
    return wrong, False


def _tell(number: int, total: int, job: Job, is_right: bool, kept: dict[str, Any]) -> None:
    word = ("killed  " if is_right else "SURVIVES") if job.fault else ("right   " if is_right else "ACCUSED ")
    more = kept.get("problem") or " ".join(kept.get("by") or kept.get("accused") or kept.get("fail") or [])
    print(f"[{number}/{total}] {word} {job.label}: {more}", file=sys.stderr, flush=True)


def _is_settled(matrix: dict[str, Any], job: Job) -> bool:
    """Whether the matrix has a run already, and it came out as it should."""
    kept = matrix["faults" if job.fault else "right"].get(job.label)
    return kept is not None and "problem" not in kept and bool(kept["killed"] if job.fault else not kept["accused"])


def main() -> int:
    """Read the command line, run, and write the matrix."""
    parser = argparse.ArgumentParser(description="Run the suite against seeded faults.")
    parser.add_argument("faults", nargs="*", metavar="FAULT", help="these alone (default: all)")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--own", action="store_true", help="run each fault's own clause alone, and write nothing")
    parser.add_argument("--right-only", action="store_true", help="run the server without a fault alone")
    parser.add_argument("--faults-only", action="store_true", help="run the faults alone")
    parser.add_argument("--missing", action="store_true", help="run what the matrix has not got or has got as wrong")
    given = parser.parse_args()
    if unknown := [name for name in given.faults if name not in FAULTS]:
        parser.error(f"there is no fault '{unknown[0]}'")
    jobs = [] if given.right_only else list(fault_jobs(given.faults or list(FAULTS), own=given.own))
    if given.right_only or not (given.faults_only or given.faults or given.own):
        jobs += right_jobs()
    if given.missing:
        matrix = read_matrix()
        jobs = [job for job in jobs if not _is_settled(matrix, job)]

    def keep(job: Job, kept: dict[str, Any]) -> None:
        if not given.own:
            matrix = read_matrix()  # another run may have written to it meanwhile
            matrix["faults" if job.fault else "right"][job.label] = kept
            write_matrix(matrix)

    wrong, interrupted = run_all(jobs, given.workers, keep)
    print(
        "\n".join(["", "Not as it should be:", *wrong] if wrong else ["", "All is as it should be."]), file=sys.stderr
    )
    return 130 if interrupted else int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
