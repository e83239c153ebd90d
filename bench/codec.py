"""How fast the generated codec is, against Construct's schemas and against a codec written by hand.

    python bench/codec.py [--rounds N] [--no-save]

The three take turns in slices of a few milliseconds within one run, the order rotating, so that whatever else the machine does
hits all of them alike. Every figure is the median over the rounds of the ratio within a round. Construct is measured as it
comes: the generated schemas with plain containers, without the classes, paths and offsets that `interpretive` adds to it.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from timeit import Timer
from typing import Any

import handwritten

from cchatspec import spec
from cchatspec.spec.generated.schemas import HEADER, SCHEMAS

RESULTS = Path(__file__).parent / "results" / "codec.json"
SLICE_S = 0.002
CODECS = ("generated", "handwritten", "construct")

#: What the project aims at.
AIMS = {
    "parse, small, times Construct": 30.0,
    "build, small, times Construct": 45.0,
    "parse, 100 users, times Construct": 25.0,
    "build, 100 users, times Construct": 25.0,
    "parse, small, of handwritten": 0.95,
    "build, small, of handwritten": 0.95,
    "parse, 100 users, of handwritten": 0.95,
    "build, 100 users, of handwritten": 0.95,
}

KEY = bytes(range(32))
SMALL: tuple[spec.Message, ...] = (
    spec.RegisterUser(b"alice_01", KEY),
    spec.LoginUser(b"alice_01", KEY * 2),
    spec.GetPublicKey(b"alice_01"),
    spec.SendMessage(b"alice_01", b"m" * 64),
    spec.GetMessages(),
    spec.SetStatus(2),
    spec.ListUsers(),
    spec.Logout(),
    spec.RegisterResponse(1),
    spec.LoginResponse(1, KEY),
    spec.PublicKeyResponse(1, KEY),
    spec.MessageAck(70_000, 2),
    spec.IncomingMessage(70_000, b"alice_01", 1_700_000_000, b"m" * 64),
    spec.UserListResponse((spec.User(b"alice_01", 1), spec.User(b"bob", 0))),
    spec.StatusUpdate(b"alice_01", 1),
    spec.Error(5, b"Invalid message format"),
)
HUNDRED = spec.UserListResponse(tuple(spec.User(b"user_%03d" % number, number % 3) for number in range(100)))


@dataclass(frozen=True, slots=True)
class Figures:
    """One operation on one message: nanoseconds of each codec, and how many times faster the generated one is."""

    name: str
    operation: str
    nanoseconds: dict[str, float]
    ratios: dict[str, float]


def plain(value: Any) -> Any:
    """A message as the containers that Construct builds from."""
    if isinstance(value, tuple):
        return [plain(entry) for entry in value]
    if not hasattr(value, "__struct_fields__"):
        return value
    return {name: plain(getattr(value, name)) for name in value.__struct_fields__}


def statements(message: spec.Message, operation: str) -> dict[str, Timer]:
    """The timed statement of each codec, without a function call around it."""
    payload = spec.build(message)[spec.HEADER_SIZE :]
    names = {"message": message, "payload": payload, "code": message.type, "values": plain(message)}
    schema = {"schema": SCHEMAS[message.type], "header": HEADER}
    if operation == "parse":
        text, by_construct = "parse(code, payload)", "schema.parse(payload)"
    else:
        text = "build(message)"
        by_construct = (
            "body = schema.build(values); header.build({'message_length': len(body), 'message_type': code}) + body"
        )
    return {
        "generated": Timer(text, globals=names | {"parse": spec.parse, "build": spec.build}),
        "handwritten": Timer(text, globals=names | {"parse": handwritten.parse, "build": handwritten.build}),
        "construct": Timer(by_construct, globals=names | schema),
    }


def measure(message: spec.Message, name: str, operation: str, rounds: int) -> Figures:
    """The figures of one operation on one message."""
    timers = statements(message, operation)
    loops = {codec: calibrated(timer) for codec, timer in timers.items()}
    taken: dict[str, list[float]] = {codec: [] for codec in CODECS}
    for turn in range(rounds):
        for place in range(len(CODECS)):
            codec = CODECS[(turn + place) % len(CODECS)]
            taken[codec].append(timers[codec].timeit(loops[codec]) / loops[codec])
    ratios = {
        codec: statistics.median(other / own for own, other in zip(taken["generated"], taken[codec], strict=True))
        for codec in CODECS[1:]
    }
    return Figures(name, operation, {codec: statistics.median(taken[codec]) * 1e9 for codec in CODECS}, ratios)


def calibrated(timer: Timer) -> int:
    """How many times the statement runs in a slice."""
    loops, taken = 1, timer.timeit(1)
    while taken < SLICE_S / 4:
        loops *= 4
        taken = timer.timeit(loops)
    return max(int(loops * SLICE_S / taken), 1)


def geometric_mean(values: list[float]) -> float:
    """The mean that is right for ratios."""
    return prod(values) ** (1 / len(values))


def summary(figures: list[Figures]) -> dict[str, float]:
    """The figures that the aims are about."""
    found = {}
    for codec, words in (("construct", "times Construct"), ("handwritten", "of handwritten")):
        for operation in ("parse", "build"):
            mine = [f for f in figures if f.operation == operation]
            small = [f.ratios[codec] for f in mine if f.name != "100 users"]
            found[f"{operation}, small, {words}"] = geometric_mean(small)
            found[f"{operation}, 100 users, {words}"] = next(f.ratios[codec] for f in mine if f.name == "100 users")
    return {name: found[name] for name in AIMS}


def show(figures: list[Figures], found: dict[str, float], say: Callable[[str], None] = print) -> None:
    """Print a table of all figures and the comparison with the aims."""
    say(f"{'':<22} {'':<6} {'generated':>10} {'handwritten':>12} {'Construct':>10} {'x hand':>8} {'x Construct':>12}")
    for f in figures:
        own, hand, construct = (f"{f.nanoseconds[codec]:,.0f} ns" for codec in CODECS)
        ratios = f"{f.ratios['handwritten']:>8.2f} {f.ratios['construct']:>12.1f}"
        say(f"{f.name:<22} {f.operation:<6} {own:>10} {hand:>12} {construct:>10} {ratios}")
    say("")
    for name, value in found.items():
        say(f"{name:<38} {value:>7.2f}  aim {AIMS[name]:>5.2f}  {'met' if value >= AIMS[name] else 'MISSED'}")


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--no-save", action="store_true")
    options = parser.parse_args()
    messages = [(spec.MessageType(message.type).name, message) for message in SMALL] + [("100 users", HUNDRED)]
    figures = [measure(m, name, op, options.rounds) for op in ("parse", "build") for name, m in messages]
    found = summary(figures)
    show(figures, found)
    if not options.no_save:
        save(figures, found, options.rounds)


def save(figures: list[Figures], found: dict[str, float], rounds: int) -> None:
    """Write the figures and what they were measured with."""
    rows = [
        {
            "message": f.name,
            "operation": f.operation,
            "nanoseconds": {codec: round(value, 1) for codec, value in f.nanoseconds.items()},
            "times": {codec: round(value, 2) for codec, value in f.ratios.items()},
        }
        for f in figures
    ]
    summed = {name: {"found": round(value, 2), "aim": AIMS[name]} for name, value in found.items()}
    python = f"{platform.python_implementation()} {platform.python_version()}"
    document = {"python": python, "machine": platform.machine(), "rounds": rounds, "summary": summed, "rows": rows}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
