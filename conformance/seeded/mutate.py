"""Runs the suite against mutants of two right servers: the seeded one without a fault, and the reference.

    python mutate.py [seeded | reference | FILE]… [--count N] [--seed N] [--budget S] [--workers N] [--out FILE]

Mutants are drawn by the seed. One is killed if the suite fails or warns, or can't start it. What survives either changes nothing
on the wire, or the suite lacks a case: each is to be looked at. `--out` keeps all of it as JSON. Exit status: 0; 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic

from mutants import Mutant, mutants

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]
_SUITE = [sys.executable, "-P", "-m", "cchatspec.cli", "run", "--skip", "OPEN", "--fail-fast"]
_RUN_LIMIT_S = 180.0

#: What stands beside the seeded server and is no part of it, and what of the reference server decides what is on the wire.
_TOOLS = ("faults", "kill", "matrix", "mutants", "mutate", "options", "stability")
_CORE = ("core", "identity", "limits", "peer", "presence", "queues", "records", "service", "states")

#: The sources that decide what is on the wire, by the name of the server.
_SOURCES = {
    "seeded": sorted(set(_HERE.glob("*.py")) - {_HERE / f"{name}.py" for name in _TOOLS}),
    "reference": [_ROOT / "reference/cchatspec/reference" / f"{name}.py" for name in _CORE],
}


@dataclass(frozen=True, slots=True)
class Fate:
    """What came of a mutant: `killed`, `survives`, or `undecided` if the suite gave no verdict; and the clauses that found it."""

    file: str
    line: int
    before: str
    after: str
    fate: str
    by: list[str]


def drawn(files: list[Path], count: int, seed: int) -> Iterator[tuple[Path, Mutant]]:
    """So many mutants of these files, drawn by a seed."""
    every = [(path, mutant) for path in files for mutant in mutants(path.read_text(encoding="utf-8"))]
    random.Random(seed).shuffle(every)
    return iter(every[:count])


def judge(path: Path, mutant: Mutant) -> Fate:
    """Run the suite against one mutant."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        written = Path(folder) / "results.json"
        command = [*_SUITE, "--json", str(written), "--launch", _launch(path, mutant, Path(folder))]
        output = _call(command, folder)
        by, decided = _found(written)
    fate = "killed" if by else "survives" if decided else "killed" if "launched target" in output else "undecided"
    return Fate(path.name, mutant.line, mutant.before, mutant.after, fate, by)


def _launch(path: Path, mutant: Mutant, folder: Path) -> str:
    """The command that starts a copy of the server in which one file is the mutant."""
    copied = folder / "copy"
    if path.parent == _HERE:
        shutil.copytree(_HERE, copied, ignore=shutil.ignore_patterns("__pycache__", "*.json"))
        (copied / path.name).write_text(mutant.source, encoding="utf-8")
        return shlex.join([sys.executable, str(copied / "server.py"), "{port}", "--store", "{tmp}/store"])
    shutil.copytree(_ROOT / "reference", copied, ignore=shutil.ignore_patterns("__pycache__"))
    (copied / path.relative_to(_ROOT / "reference")).write_text(mutant.source, encoding="utf-8")
    serve = [sys.executable, "-P", "-m", "cchatspec.cli", "serve", "--port", "{port}", "--store", "{tmp}/store"]
    return shlex.join(["env", f"PYTHONPATH={copied}", *serve])


def _call(command: list[str], folder: str) -> str:
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        return process.communicate(timeout=_RUN_LIMIT_S)[0]
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        return process.communicate()[0]


def _found(written: Path) -> tuple[list[str], bool]:
    """The cases that found something, and whether the suite came to its end."""
    if not written.exists():
        return [], False
    results = json.loads(written.read_text(encoding="utf-8"))
    by = [case["id"] for case in results["cases"] if case["verdict"] in ("fail", "warn")]
    return by, bool(results["complete"] and not results["broken"])


def main() -> int:
    """Draw, run, and tell."""
    parser = argparse.ArgumentParser(description="Run the suite against mutants of right servers.")
    parser.add_argument("what", nargs="*", default=["seeded", "reference"])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", type=float, default=1200.0, metavar="S", help="start no run after so many seconds")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    files = [path for what in given.what for path in _SOURCES.get(what, [Path(what).resolve()])]
    until = monotonic() + given.budget
    fates: list[Fate] = []

    def run(path: Path, mutant: Mutant) -> Fate | None:
        return judge(path, mutant) if monotonic() < until else None

    with ThreadPoolExecutor(given.workers) as pool:
        futures = [pool.submit(run, path, mutant) for path, mutant in drawn(files, given.count, given.seed)]
        for future in as_completed(futures):
            if (fate := future.result()) is None:
                continue
            fates.append(fate)
            by = " ".join(fate.by[:2])
            print(f"{fate.fate:9} {fate.file}:{fate.line}: {fate.before}  ->  {fate.after}  {by}", flush=True)
            if given.out:
                given.out.write_text(json.dumps([asdict(fate) for fate in fates], indent=1) + "\n", encoding="utf-8")
    counts = Counter(fate.fate for fate in fates)
    print(", ".join(f"{count} {fate}" for fate, count in counts.most_common()) or "no mutant was run")
    return 0


if __name__ == "__main__":
    sys.exit(main())
