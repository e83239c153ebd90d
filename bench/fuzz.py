"""How fast the fuzzer is beside boofuzz, and how fast it finds and reduces a deep bug.

    python bench/fuzz.py [--pairs N] [--seconds S] [--seeds N] [--only NAME…] [--no-save] [--boofuzz PYTHON]

The server runs on one core and the fuzzer on the other. Cases are counted by the server, for both alike: what is a step
towards a session and what is a fence is no case. The two take turns in slices, each with a server of its own, and every ratio
is the median over the pairs of slices. boofuzz reads the reply to every request; on our side every reply is read and judged.

There are two boofuzzes. The plain one is what its users run, with the logs that it writes if nobody stops it; the aims are for
this one. The stripped one writes nothing at all, which none of its options brings about, while ours keeps the books that it
needs to replay a finding; it is here to show what is left if one looks at the bare sending alone.

`bench/boofuzz-requirements.txt` names what has to be installed for PYTHON, which is
this one if none is given.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from fuzz_depth import Depth, finding, reducing

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "fuzz.json"
SERVER = HERE.parent / "fuzz" / "planted" / "server.py"
SERVER_CORE, FUZZER_CORE = 0, 1
_START_LIMIT_S = 30.0
_WARM_UP_S = 0.5

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One way of fuzzing: what the two programs are told, what is counted, and the least ratio that is aimed at."""

    name: str
    ours: str
    theirs: str
    count: str
    aim: float


BASELINES = ("plain", "stripped")
COMPARISONS = {
    "fresh": Comparison("a fresh connection for each frame", "fresh", "fresh", "connections_tested", 1.5),
    "pipelined": Comparison("frames on a connection that stays", "pipelined", "reused", "tested", 8.0),
    "session": Comparison("a registration, a login, and then a frame", "session", "graph", "sessions_tested", 2.0),
}


@dataclass(frozen=True, slots=True)
class Slice:
    """Cases a second in one slice, and cases for each second of processor time that the fuzzer used in it."""

    rate: float
    per_cpu: float


@dataclass(frozen=True, slots=True)
class Rate:
    """A result: cases a second of both, in pairs of slices; `ratio_cpu` is that of cases per second of processor time."""

    name: str
    baseline: str
    ratio: float
    aim: float | None
    ours: float
    boofuzz: float
    ratio_cpu: float
    pairs: list[tuple[Slice, Slice]]


class Server:
    """The counting server, on its core."""

    def __init__(self, counts: Path) -> None:
        self._counts = counts
        command = [sys.executable, str(SERVER), "0", "--rate", "off", "--counts", str(counts)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=_on(SERVER_CORE))
        assert self.process.stdout is not None
        self.port = self.process.stdout.readline().strip().rpartition(":")[2]

    def counts(self) -> Counts:
        """What it has counted by now."""
        self._counts.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR1)
        until = monotonic() + _START_LIMIT_S
        while not self._counts.exists():
            if monotonic() > until or self.process.poll() is not None:
                raise SystemExit("the counting server does not tell what it has counted")
            sleep(0.001)
        read: Counts = json.loads(self._counts.read_bytes())
        return read


def _on(core: int) -> Any:
    return lambda: os.sched_setaffinity(0, {core})


@contextmanager
def ending(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def _cpu_s(process: subprocess.Popen[str]) -> float:
    """The processor time that a process has used, in seconds."""
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(command: list[str], count: str, seconds: float, folder: Path) -> Slice:
    """Cases that the server counts while a fuzzer runs."""
    server = Server(folder / "counts.json")
    with ending(server.process), (folder / "errors.txt").open("w+") as errors:
        words = [word.replace("{port}", server.port) for word in command]
        fuzzer = subprocess.Popen(
            words, stdout=errors, stderr=errors, text=True, cwd=folder, preexec_fn=_on(FUZZER_CORE)
        )
        with ending(fuzzer):
            until = monotonic() + _START_LIMIT_S
            while server.counts()[count] == 0 and fuzzer.poll() is None and monotonic() < until:
                sleep(0.01)
            sleep(_WARM_UP_S)
            start, before, used = monotonic(), server.counts()[count], _cpu_s(fuzzer)
            sleep(seconds)
            cases, spent, used = server.counts()[count] - before, monotonic() - start, _cpu_s(fuzzer) - used
            if fuzzer.poll() is not None or not cases:
                errors.seek(0)
                raise SystemExit(f"{command[1]} sends nothing any more: {errors.read()[-1000:]}")
    return Slice(cases / spent, cases / max(used, 0.01))


def compared(comparison: Comparison, baseline: str, pairs: int, seconds: float, boofuzz: str) -> Rate:
    """Slices of both, in turns, the order changing."""
    ours = [sys.executable, str(HERE / "fuzz_cases.py"), "{port}", comparison.ours]
    theirs = [boofuzz, str(HERE / "boofuzz_cases.py"), "{port}", comparison.theirs, baseline]
    values: list[tuple[Slice, Slice]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(pairs):
            slices = [(0, ours), (1, theirs)]
            seen = {
                place: measured(command, comparison.count, seconds, Path(folder))
                for place, command in (slices if number % 2 else slices[::-1])
            }
            values.append((seen[0], seen[1]))
    median = statistics.median
    ratio = median(mine.rate / other.rate for mine, other in values)
    ratio_cpu = median(mine.per_cpu / other.per_cpu for mine, other in values)
    ours_s, theirs_s = median(mine.rate for mine, _ in values), median(other.rate for _, other in values)
    aim = comparison.aim if baseline == "plain" else None
    return Rate(comparison.name, baseline, ratio, aim, ours_s, theirs_s, ratio_cpu, values)


def told(rate: Rate) -> str:
    aim = "" if rate.aim is None else f"(aim {rate.aim:g})"
    missed = "" if rate.aim is None or rate.ratio >= rate.aim else "  MISSED"
    values = f"{rate.ours:>9,.0f}/s  {rate.baseline} boofuzz {rate.boofuzz:>7,.0f}/s  by processor time {rate.ratio_cpu:.2f} x"
    return f"{rate.name:45}{rate.ratio:>7.2f} x  {aim:9}  {values}{missed}"


def told_depth(depth: Depth) -> str:
    worst, middle = max(depth.values), statistics.median(depth.values)
    values = f"{middle:.2f} {depth.unit} at the median, {worst:.2f} at most"
    missed = "" if depth.met >= depth.aim else "  MISSED"
    return f"{depth.name:45}{depth.met} of {len(depth.values)} (aim {depth.aim})  {values}{missed}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the fuzzer.")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", nargs="*", choices=[*COMPARISONS, "depth", "reduction"])
    parser.add_argument("--no-save", action="store_true")
    parser.add_argument("--boofuzz", default=sys.executable, metavar="PYTHON")
    given = parser.parse_args()
    only = given.only or [*COMPARISONS, "depth", "reduction"]
    content: dict[str, Any] = json.loads(RESULTS.read_bytes()) if RESULTS.exists() else {}
    content["on"] = {"python": platform.python_version(), "system": platform.platform()}
    for name, baseline in product([name for name in COMPARISONS if name in only], BASELINES):
        rate = compared(COMPARISONS[name], baseline, given.pairs, given.seconds, given.boofuzz)
        print(told(rate), flush=True)
        content[f"{name}-{baseline}"] = asdict(rate) | {"seconds": given.seconds}
    os.sched_setaffinity(0, {FUZZER_CORE})
    for name, measure in (("depth", finding), ("reduction", reducing)):
        if name in only:
            for depth in measure(given.seeds, SERVER, SERVER_CORE):
                print(told_depth(depth), flush=True)
                content[depth.bug + "-" + name] = asdict(depth)
    if not given.no_save:
        RESULTS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
