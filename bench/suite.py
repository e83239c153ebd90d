"""What a case costs: the suite against a bare loop that connects, registers, logs in, asks once and closes.

    python bench/suite.py [--rounds N]

All run against the same reference server, in turn, in one process; each round gives one ratio, and the median counts. The
suite's time is that from collection to results. Cases that are slow by their nature (floods, crowds, restarts) are left out. Wall
time says what a user waits; processor time, of this process alone, is what is left of it on a machine that others use too.
Aim: a case costs at most twice as much as one turn of the loop.

As most cases need several users, a second ratio tells the two parts of the cost apart: the same bare loop makes as many
connections, registrations, logins and other requests as the suite has made, and what a case costs beyond that is the harness.
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
from cchatspec.conformance.events import Event, Finished
from cchatspec.conformance.harness.peer import Peer
from cchatspec.conformance.harness.target import Target, open_target
from cchatspec.conformance.harness.wirelog import WireLog
from cchatspec.conformance.suite import run_cases
from cchatspec.spec import HEADER_SIZE, GetPublicKey, MessageType, PublicKeyResponse

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


class Work(NamedTuple):
    """How much of everything: connections, those of them that register, those that log in then, and requests besides."""

    connections: int
    registrations: int
    logins: int
    requests: int

    @classmethod
    def of(cls, cases: list[Finished]) -> Work:
        """What cases have done, as their wire logs tell; several requests in one write count as one."""
        entries = [entry for case in cases for entry in case.entries]
        connections = sum(entry.direction == "event" and entry.text.startswith("connect") for entry in entries)
        sent = [
            entry.data[HEADER_SIZE - 1]
            for entry in entries
            if entry.direction == "sent" and len(entry.data) >= HEADER_SIZE
        ]
        registrations = min(sent.count(MessageType.REGISTER_USER), connections)
        logins = min(sent.count(MessageType.LOGIN_USER) // 2, registrations)
        return cls(connections, registrations, logins, len(sent) - registrations - 2 * logins)


def same_work(target: Target, work: Work, cases: int) -> int:
    """As much work as so many cases made, with nothing around it, one connection after the other."""
    asked = 0
    for number in range(1, work.connections + 1):
        peer = Peer(target, target.new_account("bare"), WireLog())
        if number <= work.registrations:
            peer.register()
        if number <= work.logins:
            peer.login()
        for _ in range(min(number, work.logins) * work.requests // work.logins - asked):
            assert peer.request(GetPublicKey(peer.name)) == PublicKeyResponse(1, peer.account.public_key)
            asked += 1
        peer.close()
    return cases


def whole_suite(target: Target, chosen: set[str], ended: list[Finished]) -> int:
    """So many cases, all passing but those that do not apply; they are put into `ended`."""
    fresh = Target(target.host, target.port, target.launcher)

    def listen(event: Event) -> bool:
        if isinstance(event, Finished):
            ended.append(event)
        return False

    run_cases(fresh, chosen, "", listen)
    bad = [case.result.id for case in ended if case.result.verdict not in ("pass", "skip")]
    assert not bad, bad
    return len(ended)


class Round(NamedTuple):
    """One of each, in seconds a turn or a case."""

    loop: Cost
    case: Cost
    same: Cost


def measured(target: Target, chosen: set[str]) -> Round:
    """The loop, the suite, and the suite's work without the suite."""
    ended: list[Finished] = []
    loop = cost(lambda: bare_loop(target))
    case = cost(lambda: whole_suite(target, chosen, ended))
    work = Work.of(ended)
    return Round(loop, case, cost(lambda: same_work(target, work, len(ended))))


def summed_up(kind: str, rounds: list[Round]) -> dict[str, float]:
    """The medians for one kind of time."""
    loop, case, same = (median(getattr(found, kind) for found in column) for column in zip(*rounds, strict=True))
    ratio = median(getattr(found.case, kind) / getattr(found.loop, kind) for found in rounds)
    beyond = median(getattr(found.case, kind) / getattr(found.same, kind) for found in rounds)
    print(
        f"{kind:5} a turn of the bare loop {loop * 1000:.2f} ms, a case {case * 1000:.2f} ms: {ratio:.2f} x; "
        f"the case's work alone {same * 1000:.2f} ms: {beyond:.2f} x"
    )
    return {
        f"bare_{kind}_ms": loop * 1000,
        f"case_{kind}_ms": case * 1000,
        f"work_{kind}_ms": same * 1000,
        f"{kind}_ratio": ratio,
        f"{kind}_ratio_same_work": beyond,
    }


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
        found = [measured(target, chosen) for _ in range(rounds)]
    finally:
        target.launcher.close()
    figures: dict[str, float] = {"cases": len(chosen), "rounds": rounds, "load": getloadavg()[0]}
    print(f"{len(chosen)} cases, {rounds} rounds")
    for kind in Cost._fields:
        figures |= summed_up(kind, found)
    print(f"aim: a ratio of at most 2 (load of the machine {figures['load']:.1f})")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
