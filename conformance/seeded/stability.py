"""Runs the suite many times over and compares the verdicts: alone and in workers, on an idle and on a busy machine.

    python stability.py [--runs N] [--workers N…] [--loads N…] [-- ARGUMENT…]

A load of two is two busy loops beside the run. What is behind `--` goes to `cchatspec run`; without it the reference server is
judged. Each case whose verdict differs between any two runs is shown with all of its verdicts. Exit status: 0 all runs agree, 1
they do not, or one gave no verdicts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SUITE = [sys.executable, "-P", "-m", "cchatspec.cli", "run"]
_BUSY = [sys.executable, "-c", "while True: pass"]


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """So many busy loops beside what is done meanwhile."""
    started = [subprocess.Popen(_BUSY) for _ in range(loops)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def verdicts(workers: int, arguments: list[str]) -> tuple[dict[str, str], float]:
    """The verdict on each case with its reason if it is none of the good ones, and the seconds that the run took.

    Raises:
        RuntimeError: the run gave none.
    """
    with tempfile.TemporaryDirectory(prefix="stability-") as folder:
        written = Path(folder) / "results.json"
        command = [*_SUITE, *arguments, "--workers", str(workers), "--json", str(written)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if not written.exists():
            raise RuntimeError((done.stdout + done.stderr).strip()[-400:])
        results = json.loads(written.read_text(encoding="utf-8"))
    if not results["complete"] or results["broken"]:
        raise RuntimeError(f"the suite broke: {results['broken']}")
    return {case["id"]: _verdict(case) for case in results["cases"]}, results["duration_s"]


def _verdict(case: dict[str, str]) -> str:
    return case["verdict"] if case["verdict"] in ("pass", "skip") else f"{case['verdict']} ({case['reason']})"


def differing(runs: list[dict[str, str]]) -> dict[str, Counter[str]]:
    """The cases on which runs disagree, with how often each verdict was given; a case that is missing counts too."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for case in sorted({case for run in runs for case in run}):
        counted[case].update(run.get(case, "missing") for run in runs)
    return {case: found for case, found in counted.items() if len(found) > 1}


def main() -> int:
    """Run, compare, and tell."""
    parser = argparse.ArgumentParser(description="Run the suite many times and compare the verdicts.")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--loads", type=int, nargs="+", default=[0, 2])
    parser.add_argument("arguments", nargs="*", help="for cchatspec run, behind --")
    given = parser.parse_args()
    runs: list[dict[str, str]] = []
    broken = 0
    for load in given.loads:
        for workers in given.workers:
            for number in range(1, given.runs + 1):
                where = f"{load} busy loops, {workers} workers, run {number}"
                try:
                    with busy(load):
                        found, seconds = verdicts(workers, given.arguments)
                except RuntimeError as problem:
                    broken += 1
                    print(f"{where}: {problem}", flush=True)
                    continue
                runs.append(found)
                counts = Counter(verdict.partition(" ")[0] for verdict in found.values())
                print(f"{where}: {dict(counts)} in {seconds:.1f} s", flush=True)
    differ = differing(runs)
    for case, counted in differ.items():
        print(f"{case}: {'; '.join(f'{count} times {verdict}' for verdict, count in counted.items())}")
    print(f"{len(runs)} runs, {len(differ)} cases on which they differ, {broken} runs without verdicts")
    return int(bool(differ or broken))


if __name__ == "__main__":
    sys.exit(main())
