"""What a case costs: the suite against a bare loop that connects, registers, logs in, asks once and closes.

    python bench/suite.py [--rounds N]

Both run against the same reference server, in turn, in one process; each round gives one ratio, and the median counts. The
suite's time is its wall time from collection to results. Cases that are slow by their nature (floods, crowds, restarts) are left
out.
Aim: a case costs at most twice as much as one turn of the loop.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from time import perf_counter

from cchatspec.conformance.catalogue import all_cases
from cchatspec.conformance.harness.peer import Peer
from cchatspec.conformance.harness.target import Target, open_target
from cchatspec.conformance.harness.wirelog import WireLog
from cchatspec.conformance.suite import run_suite
from cchatspec.spec import GetPublicKey, PublicKeyResponse

LEFT_OUT = ("RATE", "ROBUST", "OPEN", "PROFILE")
TURNS = 200
RESULTS = Path(__file__).parent / "results" / "suite.json"


def bare_turn(target: Target) -> None:
    """Connect, register, log in, ask for one's own key, close; each reply is checked."""
    peer = Peer(target, target.new_account("bare"), WireLog())
    peer.register()
    peer.login()
    assert peer.request(GetPublicKey(peer.name)) == PublicKeyResponse(1, peer.account.public_key)
    peer.close()


def time_bare(target: Target) -> float:
    """Seconds for each turn of the bare loop."""
    begun = perf_counter()
    for _ in range(TURNS):
        bare_turn(target)
    return (perf_counter() - begun) / TURNS


def time_suite(target: Target, chosen: set[str]) -> float:
    """Seconds for each case, all passing."""
    begun = perf_counter()
    results = run_suite(target, chosen, "bench", "", lambda _case, _result: None)
    seconds = perf_counter() - begun
    assert results.summary.passed == len(results.cases), results.summary
    return seconds / len(results.cases)


def main() -> None:
    """Run the rounds, print the table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    chosen = {case.id for case in all_cases() if case.family not in LEFT_OUT and "RESTART" not in case.clauses[0]}
    target = open_target(None, None)
    assert target.launcher is not None
    try:
        pairs = [(time_bare(target), time_suite(target, chosen)) for _ in range(rounds)]
    finally:
        target.launcher.stop()
    bare, case = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(suite / loop for loop, suite in pairs)
    print(f"{len(chosen)} cases, {rounds} rounds")
    print(f"one turn of the bare loop  {bare * 1000:6.2f} ms")
    print(f"one case of the suite      {case * 1000:6.2f} ms")
    print(f"ratio, median of pairs     {ratio:6.2f}   (aim: at most 2)")
    RESULTS.parent.mkdir(exist_ok=True)
    figures = {"cases": len(chosen), "rounds": rounds, "bare_ms": bare * 1000, "case_ms": case * 1000, "ratio": ratio}
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
