"""The page that shows `proof.json`: `docs/fuzz-bench.md`."""

from __future__ import annotations

from statistics import median
from typing import Any

from bugs import Bug

Entry = dict[str, Any]

_HEAD = """\
# What the fuzzer finds

`fuzz/planted/server.py` is a C-Chat server that was written from the protocol alone, to prove the fuzzer with. It can have one
of {count} planted bugs, of the kinds that people really write. `nox -s fuzz-bench` runs `cchatspec fuzz` and boofuzz 0.4.2
against each of them, each for {seconds:g} seconds at most, and writes this page.

boofuzz is told the whole protocol, with a login by callback, gives each request an equal share of the time, keeps no log, and
looks after each case whether the process lives, and after every 25, or when nothing came, whether a fresh connection is
answered. It can see crashes and hangs; it has no means to tell a wrong answer from a right one. Bytes are those of the smallest
script that shows the bug, with registration and login, or for boofuzz all that it sent on the connection.

"""

_RIGHT = """
## The right server

Without a bug nothing may be found, whatever a server chooses where the protocol leaves a choice.

| reading | seconds | executions | findings |
|---|---|---|---|
"""


_SPEED = """
## How fast it is

`bench/fuzz.py` counts cases at the server, which runs on one core while the fuzzer runs on the other; what is a step towards a
session and what is a fence is no case. boofuzz reads the reply to every request; `cchatspec fuzz` reads and judges every reply.
Both take turns, and a ratio is the median over the pairs of turns. *Plain* is boofuzz as it is installed, with its logs;
*stripped* has them all taken out by force, while the fuzzer keeps what it needs to replay a finding.

| cases a second | ratio | aim | cchatspec | boofuzz |
|---|---|---|---|---|
"""

_DEPTH = """
The deep bugs need REGISTER_USER, LOGIN_USER, LOGIN_USER, SET_STATUS and a SEND_MESSAGE of 300 bytes, on one connection.
*In time* are the seeds with which the script was reduced to exactly these five frames within the limit.

| seeds | in time | limit | median | worst |
|---|---|---|---|---|
"""


def page(proof: Entry, bugs: tuple[Bug, ...], speed: Entry) -> str:
    """The page as Markdown; `speed` is what `bench/fuzz.py` has kept."""
    seen = proof["bugs"]
    told = [_HEAD.format(count=len(bugs), seconds=proof.get("seconds", 0)), _summary(seen)]
    told += [
        "| bug | kind | found as | after s | bytes | boofuzz: after s | bytes |\n",
        "|---|---|---|---|---|---|---|\n",
    ]
    told += [_row(bug, seen[bug.name]) for bug in bugs if bug.name in seen]
    told += ["\n## The bugs\n\n"]
    told += [f"- **{bug.name}** ({bug.kind}): {bug.text}\n" for bug in bugs]
    if proof["right"]:
        told += [_RIGHT, *(_right_row(label, entry) for label, entry in proof["right"].items())]
    told += _speed(speed)
    told += [f"\nMeasured on {proof['machine']}, Python {proof['python']}, two cores that other programs used too.\n"]
    return "".join(told)


def _speed(speed: Entry) -> list[str]:
    rates = [entry for entry in speed.values() if "boofuzz" in entry]
    depths = [entry for entry in speed.values() if "values" in entry]
    told = [_SPEED] if rates else []
    for each in rates:
        cells = [
            f"{each['name']}, {each['baseline']} boofuzz",
            f"{each['ratio']:.2f}",
            f"≥ {each['aim']:g}" if each["aim"] else "",
            f"{each['ours']:,.0f}",
            f"{each['boofuzz']:,.0f}",
        ]
        told.append(f"| {' | '.join(cells)} |\n")
    told += [_DEPTH] if depths else []
    for each in depths:
        values, unit = each["values"], each["unit"]
        cells = [each["name"], f"{each['met']} of {len(values)} (aim {each['aim']})", f"{each['limit']:g} {unit}"]
        told.append(f"| {' | '.join([*cells, f'{median(values):.3g} {unit}', f'{max(values):.3g} {unit}'])} |\n")
    return told


def _summary(seen: Entry) -> str:
    ours = [entry["fuzzer"] for entry in seen.values() if entry["fuzzer"]["found_s"] is not None]
    theirs = [entry["boofuzz"] for entry in seen.values() if entry["boofuzz"]["found_s"] is not None]
    told = f"Of {len(seen)} bugs the fuzzer found {len(ours)}, and boofuzz {len(theirs)}."
    if ours:
        told += f" Half of what the fuzzer found took it less than {median(entry['found_s'] for entry in ours):.1f} s"
        told += f" and {median(entry['bytes'] for entry in ours):.0f} bytes."
    return told + "\n\n"


def _row(bug: Bug, entry: Entry) -> str:
    ours, theirs = entry["fuzzer"], entry["boofuzz"]
    mine = ["-", "-", "-"] if ours["found_s"] is None else [ours["kind"], f"{ours['found_s']:.2f}", str(ours["bytes"])]
    other = ["-", "-"] if theirs["found_s"] is None else [f"{theirs['found_s']:.2f}", str(theirs["bytes"])]
    return f"| {' | '.join([bug.name, bug.kind, *mine, *other])} |\n"


def _right_row(label: str, entry: Entry) -> str:
    findings = "; ".join(entry["findings"]) or "none"
    if entry["hollow"]:
        findings += f" ({entry['hollow']})"
    return f"| {label} | {entry['seconds']:g} | {entry['executions']} | {findings} |\n"
