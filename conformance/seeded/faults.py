"""The faults that can be seeded into the server, as `faults.toml` has them, and what some need to show."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Fault:
    """One seeded fault.

    Attributes:
        clause: the clause that it breaks, and that the suite has to name.
        slip: how people make this mistake.
        server: what the server is started with besides.
        suite: what the suite is run with besides.
    """

    clause: str
    slip: str
    server: tuple[str, ...] = ()
    suite: tuple[str, ...] = ()


#: What a fault needs of the server to show.
_SERVER_OPTIONS: dict[str, tuple[str, ...]] = {
    "old-session-gets-messages": ("--point", "second-session=both"),
    "listed-twice": ("--point", "second-session=both"),
    "challenge-of-all": ("--point", "second-ask=ask"),
    "challenge-by-name": ("--point", "second-ask=ask"),
    "challenge-stays": ("--point", "second-ask=ask"),
    "all-challenges-stay": ("--point", "second-ask=ask"),
    "names-are-normalised": ("--point", "name-alphabet=any"),
    "names-are-ascii": ("--point", "name-alphabet=any"),
}

#: What a fault needs of the run to show.
_SUITE_OPTIONS: dict[str, tuple[str, ...]] = {
    "not-as-declared": ("--profile", str(_HERE / "declared.toml")),
    # Of these, most requests in one segment go unanswered, and the whole suite would wait for a quarter of an hour.
    "one-read-one-frame": ("--select", "FRAME-SEGMENT"),
    "one-ack-a-read": ("--select", "SEND-ACK"),
    # Half a request that one case leaves behind spoils those of all others.
    "buffer-of-all": ("--select", "FRAME-SEGMENT"),
    "files-leak": ("--select", "ROBUST-CHURN"),
    "partial-stands-forever": ("--soak", "--select", "FRAME-PARTIAL"),
}

#: Faults that the suite does not catch by their own clause, each with the reason.
KNOWN_SURVIVORS: dict[str, str] = {}


def _read() -> dict[str, Fault]:
    by_clause = tomllib.loads((_HERE / "faults.toml").read_text(encoding="utf-8"))
    return {
        name: Fault(clause, slip, _SERVER_OPTIONS.get(name, ()), _SUITE_OPTIONS.get(name, ()))
        for clause, slips in by_clause.items()
        for name, slip in slips.items()
    }


#: Every fault by its name.
FAULTS = _read()
