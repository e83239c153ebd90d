"""What a case costs: the suite against a bare loop that connects, registers, logs in, asks once and closes.

    python bench/suite.py [--rounds N]

Both run against the same reference server, in turn, in one process; each round gives one ratio, and the median counts. The
suite's time is that from collection to results. Cases that are slow by their nature (floods, crowds, restarts) are left out. Wall
time says what a user waits; processor time, of this process alone, is what is left of it on a machine that others use too.
Aim: a case costs at most twice as much as one turn of the loop.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from os import getloadavg
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

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


class Cost(NamedTuple):
    """What something took, in seconds."""

    wall: float
    cpu: float


def cost(work: Callable[[], int]) -> Cost:
    """What each of the things took that the work says it has done."""
    wall, cpu = perf_counter(), process_time()
    done = work()
    return Cost((perf_counter() - wall) / done, (process_time() - cpu) / done)


def bare_loop(target: Target) -> int:
    """So many turns of the bare loop."""
    for _ in range(TURNS):
        bare_turn(target)
    return TURNS


def whole_suite(target: Target, chosen: set[str]) -> int:
    """So many cases, all passing but those that do not apply."""
    fresh = Target(target.host, target.port, target.launcher)
    results = run_suite(fresh, chosen, "bench", "", lambda _case, _result: None)
    assert results.summary.passed + results.summary.skip == len(results.cases), results.summary
    return len(results.cases)


def main() -> None:
    """Run the rounds, print the table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    usual = [case for case in all_cases() if not case.only_with and case.family not in LEFT_OUT]
    chosen = {case.id for case in usual if "restart" not in case.title}
    target = open_target(None, None)
    assert target.launcher is not None
    try:
        pairs = [(cost(lambda: bare_loop(target)), cost(lambda: whole_suite(target, chosen))) for _ in range(rounds)]
    finally:
        target.launcher.close()
    figures: dict[str, float] = {"cases": len(chosen), "rounds": rounds, "load": getloadavg()[0]}
    print(f"{len(chosen)} cases, {rounds} rounds")
    for kind in Cost._fields:
        bare, case = (median(getattr(found, kind) for found in column) for column in zip(*pairs, strict=True))
        ratio = median(getattr(suite, kind) / getattr(loop, kind) for loop, suite in pairs)
        figures |= {f"bare_{kind}_ms": bare * 1000, f"case_{kind}_ms": case * 1000, f"{kind}_ratio": ratio}
        print(
            f"{kind:5} one turn of the bare loop {bare * 1000:6.2f} ms, one case {case * 1000:6.2f} ms, ratio {ratio:5.2f}"
        )
    print(f"aim: a ratio of at most 2 (load of the machine {figures['load']:.1f})")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
