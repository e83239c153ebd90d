"""What the server was started with: its bug, its readings of the open points and its limits.

The command line is read by hand, since the server is started hundreds of times and argparse costs as much as all the rest.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NoReturn

import bugs

USAGE = """\
usage: server.py PORT [--bug NAME]… [--point ID=READING]… [--rate N/min|off] [--burst N] [--store FILE] [--counts FILE]
       server.py --list

  PORT                 listen on 127.0.0.1; 0 takes a free port
  --bug NAME           plant this bug; --list prints all of them as JSON
  --point ID=READING   choose a reading of an open point; the first is taken if none is given
  --rate N/min         requests that a connection may send in the long run (default 60000/min; `off` lifts the limit)
  --burst N            requests that it may send at once (default 3000)
  --store FILE         keep users and queued messages in FILE
  --counts FILE        write what was counted to FILE, as JSON, at each SIGUSR1
"""

#: The readings of each open point; the first is taken if none is given.
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

point: dict[str, str] = {name: readings[0] for name, readings in POINTS.items()}


class Limits:
    """How much the server takes."""

    port = 0
    rate = 1000.0
    burst = 3000.0
    name = 255
    body = 65_535
    payload = 65_793
    users = 65_535
    connections = 100_000
    queued_bytes = 16 << 20
    unsent_bytes = 64 << 20
    half_frame_s = 10.0


limits = Limits()
files = {"store": "", "counts": ""}


def read_arguments(words: list[str]) -> None:
    """Read the command line; ends the process with status 2 and one line if it makes no sense."""
    rest = iter(words)
    for word in rest:
        if word == "--bug":
            _read_bug(_value(rest, word))
        elif word == "--point":
            _read_point(_value(rest, word))
        elif word == "--rate":
            _read_rate(_value(rest, word))
        elif word == "--burst":
            limits.burst = float(_number(_value(rest, word)))
        elif word in ("--store", "--counts"):
            files[word[2:]] = _value(rest, word)
        elif word in ("--help", "--list"):
            _tell(word)
        else:
            limits.port = _number(word)
    _narrow()


def _value(rest: Iterator[str], word: str) -> str:
    value = next(rest, None)
    return value if value is not None else _refuse(f"{word} needs a value")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else _refuse(f"expected a number, found '{text}'")


def _read_bug(name: str) -> None:
    if name not in bugs.NAMES:
        _refuse(f"there is no bug '{name}'; --list prints all")
    bugs.plant(name)


def _read_point(text: str) -> None:
    name, _, reading = text.partition("=")
    if reading not in POINTS.get(name, ()):
        _refuse(f"no open point has the reading '{text}'")
    point[name] = reading


def _read_rate(text: str) -> None:
    limits.rate = 0.0 if text == "off" else _number(text.removesuffix("/min")) / 60


def _narrow() -> None:
    """Set the limits that a reading of an open point asks for."""
    if point["name-length"] == "limited":
        limits.name = 31
    if point["body-limit"] == "limited":
        limits.body = 2048
    if point["rate-limit"] == "limited":
        limits.rate, limits.burst = 2.0, 100.0
    if point["connection-limit"] == "limited":
        limits.connections = 128
    if point["user-limit"] == "limited":
        limits.users = 1000


def _tell(word: str) -> NoReturn:
    if word == "--list":
        import json

        sys.stdout.write(json.dumps(bugs.listing(), indent=1) + "\n")
    else:
        sys.stdout.write(USAGE)
    raise SystemExit(0)


def _refuse(words: str) -> NoReturn:
    sys.stderr.write(f"server.py: {words}\n")
    raise SystemExit(2)
