"""Runs the fuzzer and boofuzz against every planted bug for the same time, and the fuzzer against the right server.

    python fuzz/planted/proving.py [--seconds S] [--right-seconds S] [--bug NAME…] [--missing] [--keep-boofuzz] [--only …]

What was seen goes to `proof.json` beside this file, one entry at a time, and to `docs/fuzz-bench.md`. The time to find is that of
the first finding, from the start of the campaign; its size is that of the script that it was reduced to, with all that is needed
to log in. Boofuzz reduces nothing, so its size is all that it sent on the connection that showed it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from time import monotonic
from typing import Any

from bugs import BUGS, Bug
from choices import POINTS
from proof_page import page

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROOF = HERE / "proof.json"
PAGE = ROOT / "docs" / "fuzz-bench.md"
SERVER = HERE / "server.py"
SPEED = ROOT / "bench" / "results" / "fuzz.json"
HUNT = ROOT / "bench" / "boofuzz_hunt.py"

#: What a program may take beyond its time, to start, to confirm and to end.
_GRACE_S = 60.0

#: How often it is looked whether a finding has been written.
_LOOK_S = 0.1

Entry = dict[str, Any]


def launch(*arguments: str) -> str:
    """The command that starts the server with these arguments."""
    return f"{shlex.join([sys.executable, str(SERVER)])} {{port}} {shlex.join(arguments)}"


def campaign(command: str, seconds: float, seed: int, *, first: bool) -> Entry:
    """The results of the fuzzer, after so many seconds or, if `first`, with the first finding."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.json"
        words = [
            "-P",
            "-m",
            "cchatspec.cli",
            "fuzz",
            "--launch",
            command,
            "--max-time",
            f"{seconds:g}s",
            "--seed",
            str(seed),
        ]
        words += ["--out", f"{folder}/out", "--json", str(results)]
        done = run([sys.executable, *words], seconds, Path(folder, "out", "findings") if first else None)
        if not results.exists():
            raise SystemExit(f"the fuzzer wrote no results (exit status {done.returncode}): {done.stderr[-2000:]}")
        read: Entry = json.loads(results.read_bytes())
        return read


def run(words: list[str], seconds: float, enough: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program that ends by itself; it is interrupted when something is in the folder `enough`, or takes far too long."""
    start = monotonic()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(words, stdout=out, stderr=err, text=True)
        interrupted = False
        while process.poll() is None:
            spent = monotonic() - start
            if not interrupted and (spent > seconds + _GRACE_S or (enough and any(enough.glob("*/finding.json")))):
                interrupted = True
                process.send_signal(signal.SIGINT)
            if spent > seconds + 2 * _GRACE_S:
                process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_S)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(words, process.returncode, out.read(), err.read())


def prove_bug(bug: Bug, seconds: float, seed: int, boofuzz: str, known: Entry | None = None) -> Entry:
    """Both tools against one bug; what is `known` of boofuzz is not asked again, and what came too late does not count."""
    results = campaign(launch("--rate", "off", "--bug", bug.name), seconds, seed, first=True)
    in_time = [finding for finding in results["findings"] if finding["found_s"] <= seconds]
    found = min(in_time, key=lambda finding: finding["found_s"], default=None)
    ours = {"executions": results["executions"], "found_s": None}
    if found is not None:
        keys = ("found_s", "found_execution", "kind", "title", "shown", "replays")
        ours |= {key: found[key] for key in keys} | {"bytes": found["minimised_bytes"]}
    if known is not None:
        return {"expected": bug.kind, "fuzzer": ours, "boofuzz": known}
    done = run([boofuzz, str(HUNT), str(seconds), "--bug", bug.name], seconds)
    if done.returncode != 0:
        raise SystemExit(f"boofuzz did not run: {done.stderr[-2000:]}")
    return {"expected": bug.kind, "fuzzer": ours, "boofuzz": json.loads(done.stdout)}


def readings() -> dict[str, list[str]]:
    """The right servers: as it is, and with each other reading of each open point."""
    found: dict[str, list[str]] = {"as it is": []}
    for point, choices in POINTS.items():
        for reading in choices[1:]:
            words = ["--point", f"{point}={reading}"]
            if point == "after-rate-limit":
                words += ["--point", "rate-limit=limited"]
            found[f"{point}={reading}"] = words
    return found


def prove_right(words: list[str], seconds: float, seed: int) -> Entry:
    """The fuzzer against a right server."""
    results = campaign(launch(*words), seconds, seed, first=False)
    titles = [f"{finding['kind']}: {finding['title']}" for finding in results["findings"]]
    kept = {key: results[key] for key in ("executions", "answered", "hollow")}
    return kept | {"seconds": round(results["duration_s"], 1), "findings": titles}


def read_proof() -> Entry:
    """What has been seen so far."""
    if PROOF.exists():
        read: Entry = json.loads(PROOF.read_bytes())
        return read
    return {"bugs": {}, "right": {}}


def keep(proof: Entry) -> None:
    """Write what has been seen, in the order of the bugs and readings."""
    for part, names in (("bugs", [bug.name for bug in BUGS]), ("right", list(readings()))):
        proof[part] = {name: proof[part][name] for name in names if name in proof[part]}
    PROOF.write_text(json.dumps(proof, indent=1) + "\n", encoding="utf-8")
    write_page(proof)


def write_page(proof: Entry) -> None:
    """Write the page."""
    PAGE.write_text(page(proof, BUGS, read_speed()), encoding="utf-8")


def read_speed() -> Entry:
    """What `bench/fuzz.py` has measured."""
    read: Entry = json.loads(SPEED.read_bytes()) if SPEED.exists() else {}
    return read


def main(arguments: Iterable[str] | None = None) -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description="The fuzzer and boofuzz against the planted bugs.")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each tool and bug")
    parser.add_argument(
        "--right-seconds", type=float, default=600.0, help="for the right server under all readings together"
    )
    parser.add_argument("--bug", action="append", choices=[bug.name for bug in BUGS], help="only this bug")
    parser.add_argument("--missing", action="store_true", help="only what proof.json lacks")
    parser.add_argument("--keep-boofuzz", action="store_true", help="keep what proof.json says of boofuzz")
    parser.add_argument("--only", choices=("bugs", "right", "page"), help="`page` writes the page again")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--boofuzz", default=sys.executable, metavar="PYTHON", help="the Python in which boofuzz is installed"
    )
    given = parser.parse_args(None if arguments is None else list(arguments))
    if given.only == "page":
        write_page(read_proof())
        return
    proof = read_proof() | {"machine": platform.platform(), "python": platform.python_version()}
    if given.only != "right":
        proof["seconds"] = given.seconds
        for bug in BUGS:
            if (given.bug and bug.name not in given.bug) or (given.missing and bug.name in proof["bugs"]):
                continue
            known = proof["bugs"].get(bug.name, {}).get("boofuzz") if given.keep_boofuzz else None
            entry = proof["bugs"][bug.name] = prove_bug(bug, given.seconds, given.seed, given.boofuzz, known)
            print(f"{bug.name:24} fuzzer {_told(entry['fuzzer']):32} boofuzz {_told(entry['boofuzz'])}", flush=True)
            keep(proof)
    if given.only != "bugs":
        share = given.right_seconds / len(readings())
        for label, words in readings().items():
            if given.missing and label in proof["right"]:
                continue
            entry = proof["right"][label] = prove_right(words, share, given.seed)
            print(f"{label:28} {entry['executions']} executions, findings: {entry['findings'] or 'none'}", flush=True)
            keep(proof)


def _told(entry: Entry) -> str:
    if entry["found_s"] is None:
        return "-"
    return f"{entry['found_s']:.2f} s {entry['kind']} {entry['bytes']} bytes"


if __name__ == "__main__":
    main()
