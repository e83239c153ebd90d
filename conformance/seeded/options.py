"""What the server was started with: its faults, its readings of the open points, and its limits."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field

from faults import FAULTS

#: The readings of each open point that a server can choose; the first is taken if none is given.
POINTS: dict[str, tuple[str, ...]] = {
    "unknown-recipient": ("error", "ack"),
    "queued-delivery": ("poll", "login", "both"),
    "unknown-login": ("first", "proof", "error"),
    "bad-name": ("response", "error"),
    "second-session": ("newest", "both", "refused"),
    "own-status-update": ("silent", "told"),
    "logout": ("close", "error"),
    "after-malformed": ("lives", "closes"),
    "oversize": ("error", "close", "skip"),
    "empty-body": ("relayed", "refused"),
    "name-alphabet": ("extended", "portable", "any"),
    "name-length": ("full", "limited"),
    "name-case": ("distinct", "folded"),
    "body-limit": ("full", "limited"),
    "rate-limit": ("unseen", "limited"),
    "after-rate-limit": ("lives", "closes"),
    "invisible": ("pushed", "queued"),
    "login-again": ("challenged", "refused"),
    "register-again": ("registers", "refused"),
    "second-ask": ("proof", "ask"),
    "empty-poll": ("silent", "error"),
    "connection-limit": ("unseen", "limited"),
    "user-limit": ("unseen", "limited"),
}


@dataclass
class Limits:
    """How much the server takes; each belongs to an open point."""

    name: int = 255
    body: int = 65_535
    payload: int = 65_793
    frames_a_minute: int = 30_000
    frames_at_once: int = 2_000
    connections: int = 15_000
    users: int = 1_000_000
    partial_s: float = 10.0
    unsent_bytes: int = 8 << 20


@dataclass
class Chosen:
    """All that was chosen for this process."""

    port: int = 0
    faults: frozenset[str] = frozenset()
    points: dict[str, str] = field(default_factory=lambda: {point: readings[0] for point, readings in POINTS.items()})
    limits: Limits = field(default_factory=Limits)
    reset: bool = False
    store: str = ""


CHOSEN = Chosen()


def fault(name: str) -> bool:
    """Whether this fault was seeded."""
    return name in CHOSEN.faults


def reads(point: str, reading: str) -> bool:
    """Whether this is the chosen reading of an open point."""
    return CHOSEN.points[point] == reading


def read_options(arguments: list[str] | None = None) -> None:
    """Read the command line into `CHOSEN`."""
    parser = argparse.ArgumentParser(description="A C-Chat server, right or with faults.")
    parser.add_argument("port", type=int)
    parser.add_argument("--fault", action="append", default=[], metavar="NAME", choices=FAULTS)
    parser.add_argument("--point", action="append", default=[], metavar="ID=READING", type=_reading)
    parser.add_argument("--close", choices=("fin", "rst"), default="fin", help="how it ends connections")
    parser.add_argument("--store", default="", metavar="FILE", help="keep users and queues in FILE")
    parser.add_argument("--partial", type=float, default=10.0, metavar="S", help="seconds that half a frame may stand")
    parser.add_argument(
        "--connections", type=int, metavar="N", help="connections at once, if not what the reading says"
    )
    parser.add_argument("--users", type=int, metavar="N", help="users at most, if not what the reading says")
    given = parser.parse_args(arguments)
    CHOSEN.port, CHOSEN.store, CHOSEN.reset = given.port, given.store, given.close == "rst"
    CHOSEN.faults = frozenset(given.fault)
    CHOSEN.points.update(given.point)
    CHOSEN.limits.partial_s = given.partial
    _set_limits(CHOSEN.limits)
    CHOSEN.limits.connections = given.connections or CHOSEN.limits.connections
    CHOSEN.limits.users = given.users or CHOSEN.limits.users


def _reading(text: str) -> tuple[str, str]:
    point, _, reading = text.partition("=")
    if reading not in POINTS.get(point, ()):
        raise argparse.ArgumentTypeError(f"no open point has the reading '{text}'")
    return point, reading


def _set_limits(limits: Limits) -> None:
    """Set the limits that a reading of an open point asks for."""
    if reads("name-length", "limited"):
        limits.name = 31
    if reads("body-limit", "limited"):
        limits.body = 2048
    if reads("rate-limit", "limited"):
        limits.frames_a_minute = limits.frames_at_once = 100
    if reads("connection-limit", "limited"):
        limits.connections = 120
    if reads("user-limit", "limited"):
        limits.users = 1_000
