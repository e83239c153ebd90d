"""How long the HTML report of many results takes, and how large it is: for 1, 20 and 100 results of 400 cases.

    python bench/report.py

Each result is of its own run: names, keys and challenges differ, so that nothing is rendered once for all. One case in ten shows
a fault, with sixteen lines on the wire, and one in twenty is not decided. Times are those of the processor, since rendering waits
for nothing, and the best of three. Exit status 1 if a limit is not kept.
"""

from __future__ import annotations

import gc
import json
import platform
import random
import sys
from itertools import cycle, islice
from pathlib import Path
from time import process_time

from cchatspec.reports.html import render
from cchatspec.reports.results import (
    CaseResult,
    LevelName,
    OpenPointResult,
    Results,
    Stimulus,
    TargetInfo,
    Tool,
    Verdict,
    WireLine,
    judge_clauses,
    summarise,
)
from cchatspec.spec import CLAUSES, OPEN_POINTS, LoginResponse, LoginUser, PublicKeyResponse, RegisterUser, build
from cchatspec.spec.capture import decode
from cchatspec.spec.show import piece_text

CASES = 400
COUNTS = (1, 20, 100)
REPEATS = 3
#: What has to be kept with 20 results.
LIMIT_S, LIMIT_BYTES = 3.0, 5_000_000
RESULTS = Path(__file__).parent / "results" / "report.json"


def wire(chance: random.Random, name: bytes) -> list[WireLine]:
    """Two registrations and logins, the question, and what came."""
    lines: list[WireLine] = []

    def add(connection: int, direction: str, data: bytes, text: str, part: str | None = None) -> None:
        at = round(len(lines) * 0.4 + chance.random(), 2)
        lines.append(WireLine(at, connection, direction, text, len(data), data.hex(), part))  # type: ignore[arg-type]

    for connection in (1, 2):
        who = name + b"%d" % connection
        add(connection, "event", b"", f"connect ({who.decode()})")
        add(
            connection, "sent", build(RegisterUser(who, chance.randbytes(32))), f"REGISTER_USER {who!r}", "registration"
        )
        add(connection, "received", b"\0\0\0\1\x81\1", "REGISTER_RESPONSE success=1", "registration")
        for _ in range(2):
            add(connection, "sent", build(LoginUser(who, chance.randbytes(64))), f"LOGIN_USER {who!r}", "login")
            reply = build(LoginResponse(1, chance.randbytes(32)))
            add(connection, "received", reply, "LOGIN_RESPONSE success=1 (success)", "login")
    add(1, "sent", build(LoginUser(name, chance.randbytes(64))), f"LOGIN_USER username={name!r}", "stimulus")
    add(1, "received", build(PublicKeyResponse(1, chance.randbytes(32))), "PUBLIC_KEY_RESPONSE found=1 (found)")
    return lines


def case(chance: random.Random, number: int, clause: str) -> CaseResult:
    level: LevelName = "MUST" if CLAUSES[clause].level.value == "MUST" else "SHOULD"
    broken: Verdict = "fail" if level == "MUST" else "warn"
    verdict: Verdict = broken if number % 10 == 3 else "inconclusive" if number % 20 == 7 else "pass"
    id_ = f"{clause}/case-number-{number}"
    replay = f"cchatspec run 127.0.0.1:4000 --select {id_}"
    title = f"What the server does in case {number} is right"
    if verdict == "pass":
        return CaseResult(id_, title, [clause], level, verdict, None, None, 0.004, replay)
    if verdict == "inconclusive":
        reason = "the server does not take a login"
        return CaseResult(id_, title, [clause], level, verdict, reason, "LOGIN-PROOF", 0.004, replay)
    log = wire(chance, b"user%06d" % chance.randrange(10**6))
    asked = log[-2]
    dump = [line for piece in decode(bytes.fromhex(asked.hex)) for line in piece_text(1, piece).splitlines()]
    sent = Stimulus(1, asked.text, asked.size, asked.hex, dump)
    right, came = "LOGIN_RESPONSE success=0 (failure)", log[-1].text
    return CaseResult(id_, title, [clause], level, verdict, came, None, 0.004, replay, right, came, log, sent)


def results(number: int) -> Results:
    chance = random.Random(number)
    clauses = [clause for clause in CLAUSES if not CLAUSES[clause].untestable]
    cases = [case(chance, at, clause) for at, clause in enumerate(islice(cycle(clauses), CASES))]
    levels: dict[str, LevelName] = {one.clauses[0]: one.level for one in cases}
    readings = {point: chance.choice(OPEN_POINTS[point].readings).value for point in OPEN_POINTS}
    return Results(
        tool=Tool("cchatspec", "0"),
        target=TargetInfo(f"server-{number}.example:4000", f"127.0.0.1:{4000 + number}"),
        started="2026-01-01T00:00:00Z",
        duration_s=4.2,
        summary=summarise(cases),
        open_points={point: OpenPointResult(reading) for point, reading in readings.items()},
        cases=cases,
        clauses=judge_clauses(cases, levels),
    )


def measured(count: int) -> dict[str, float]:
    """The best of some times, and the size of the page."""
    reports = [results(number) for number in range(count)]
    times = []
    for _ in range(REPEATS):
        gc.collect()
        start = process_time()
        page = render(reports)
        times.append(process_time() - start)
    return {"results": count, "seconds": round(min(times), 3), "bytes": len(page.encode())}


def main() -> int:
    render([results(0)])
    rows = [measured(count) for count in COUNTS]
    print("results  seconds      MB  seconds a result")
    for row in rows:
        each = row["seconds"] / row["results"]
        print(f"{row['results']:7.0f}  {row['seconds']:7.2f}  {row['bytes'] / 1e6:6.2f}  {each:16.3f}")
    RESULTS.write_text(
        json.dumps({"python": platform.python_version(), "rows": rows}, indent=2) + "\n", encoding="utf-8"
    )
    kept = all(row["seconds"] < LIMIT_S and row["bytes"] < LIMIT_BYTES for row in rows if row["results"] <= 20)
    print(f"20 results in {LIMIT_S} s and {LIMIT_BYTES / 1e6:.0f} MB: {'kept' if kept else 'NOT kept'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
