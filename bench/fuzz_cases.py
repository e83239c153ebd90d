"""Lets our fuzzer send cases to a server until it is ended, each reply read and judged: one side of `bench/fuzz.py`.

    python bench/fuzz_cases.py PORT fresh|pipelined|session

What it sends comes from the fuzzer's own generator: `fresh` is one wrong frame on a fresh connection, `pipelined` its
batches, and `session` a registration, a login and one wrong frame, on a fresh connection.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from cchatspec.conformance.harness.target import open_target
from cchatspec.fuzz import frames
from cchatspec.fuzz.acts import request
from cchatspec.fuzz.dice import Dice
from cchatspec.fuzz.draft import Draft, Line
from cchatspec.fuzz.generate import Generator
from cchatspec.fuzz.runner import Runner
from cchatspec.fuzz.script import Connect, Frame, Script, Send
from cchatspec.fuzz.workers import collect_rarely
from cchatspec.fuzz.wrong import wrong


def wrong_frame(dice: Dice, state: str) -> Frame:
    """A frame that is wrong, and whose header is right."""
    line = Line(0, "in", "a") if state == "in" else Line(0)
    return wrong(dice, request(Draft(dice, 2), line), in_step=True)


def fresh(generator: Generator) -> Script:
    """One wrong frame on a fresh connection."""
    return Script(registered=("a",), steps=(Connect(0), Send(0, (wrong_frame(generator.dice, "new"),))))


def pipelined(generator: Generator) -> Script:
    """A batch of wrong frames."""
    return generator.batch()


def session(generator: Generator) -> Script:
    """A registration, a login and one wrong frame."""
    way = (frames.register("e"), frames.ask("e")), (frames.prove("e"), wrong_frame(generator.dice, "in"))
    return Script(registered=("a",), steps=(Connect(0), *(Send(0, step) for step in way)))


MODES: dict[str, Callable[[Generator], Script]] = {"fresh": fresh, "pipelined": pipelined, "session": session}


def main() -> None:
    """Send cases until the process is ended; a violation ends it too, since the server is right."""
    port, mode = sys.argv[1], sys.argv[2]
    collect_rarely()
    runner, generator = Runner(open_target(f"127.0.0.1:{port}", None), 1), Generator(1)
    while True:
        for trace in runner.run_all([MODES[mode](generator) for _ in range(runner.width)]):
            if trace.violations:
                raise SystemExit(f"the right server is accused: {trace.violations[0]}")


if __name__ == "__main__":
    main()
