"""How fast a bug is found and reduced that needs five right frames in their order, and how many executions a reduction takes."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from cchatspec.conformance.harness.target import open_target
from cchatspec.fuzz import frames
from cchatspec.fuzz.acts import request
from cchatspec.fuzz.corpus import Corpus, load, shipped_folder
from cchatspec.fuzz.draft import Draft, Line
from cchatspec.fuzz.generate import Generator
from cchatspec.fuzz.hunt import Hunt, Quarry
from cchatspec.fuzz.minimise import minimise
from cchatspec.fuzz.runner import Runner
from cchatspec.fuzz.script import Body, Connect, Script, Send
from cchatspec.fuzz.trace import Trace, Violation

#: REGISTER_USER, LOGIN_USER, LOGIN_USER, SET_STATUS, SEND_MESSAGE.
KINDS = [1, 2, 2, 6, 4]
BUGS = ("depth-5", "depth-5-crash")
_LIMIT_S = 60.0
_FRAMES = 30


@dataclass(slots=True)
class Depth:
    """A result: a value for each seed, and how many of them meet what is asked for; `aim` is how many should."""

    name: str
    bug: str
    unit: str
    limit: float
    aim: int
    met: int = 0
    values: list[float] = field(default_factory=list)
    kinds: list[list[int]] = field(default_factory=list)


def kinds(script: Script) -> list[int]:
    """The types of the frames of a script."""
    return [frame.kind for step in script.steps if isinstance(step, Send) for frame in step.frames]


@contextmanager
def running(server: Path, core: int, bug: str, seed: int) -> Iterator[Runner]:
    """A runner on a server with this bug, on a core of its own."""
    command = ["taskset", "-c", str(core), sys.executable, str(server), "{port}", "--rate", "off", "--bug", bug]
    target = open_target(None, shlex.join(command).replace("'{port}'", "{port}"))
    runner = Runner(target, seed)
    try:
        yield runner
    finally:
        runner.close()
        assert target.launcher is not None
        target.launcher.close()


def finding(seeds: int, server: Path, core: int) -> Iterator[Depth]:
    """From the first script of a campaign until the finding is reduced; the replays that confirm it come after that."""
    for bug in BUGS:
        depth = Depth(f"{bug} found and reduced", bug, "s", 1.0, seeds * 19 // 20)
        for seed in range(1, seeds + 1):
            with running(server, core, bug, seed) as runner:
                start = perf_counter()
                hunt = _TimedHunt(runner, lambda: False, lambda trace: None)
                script = _found(runner, hunt, seed, start)
            spent = hunt.reduced_at - start if script else _LIMIT_S
            depth.values.append(spent)
            depth.kinds.append(kinds(script) if script else [])
            depth.met += spent <= depth.limit and depth.kinds[-1] == KINDS
        yield depth


class _TimedHunt(Hunt):
    """A hunt that knows when its reduction was done, since it replays what is reduced."""

    reduced_at = 0.0

    def replay(self, script: Script, before: Sequence[Script], violation: Violation, times: int) -> Quarry | None:
        self.reduced_at = perf_counter()
        return super().replay(script, before, violation, times)


def _found(runner: Runner, hunt: Hunt, seed: int, start: float) -> Script | None:
    generator, corpus = Generator(seed), Corpus(load(shipped_folder()))
    history: list[Script] = []
    while perf_counter() - start < _LIMIT_S:
        for trace in runner.run_all([generator.next(corpus) for _ in range(runner.width)]):
            for violation in trace.violations:
                if (quarry := hunt.pursue(trace, violation, history)) is not None:
                    return quarry.script
            corpus.take(trace)
            generator.learn(trace)
            history.append(trace.script)
    return None


def reducing(seeds: int, server: Path, core: int) -> Iterator[Depth]:
    """Executions that it takes to reduce thirty frames on three connections to the five that matter."""
    for bug in BUGS:
        depth = Depth(f"{bug} reduced from {_FRAMES} frames", bug, "executions", 150, seeds)
        for seed in range(1, seeds + 1):
            with running(server, core, bug, seed) as runner:
                spent, small = _reduced(runner, crowded(seed))
            depth.values.append(spent)
            depth.kinds.append(kinds(small))
            depth.met += spent <= depth.limit and depth.kinds[-1] == KINDS
        yield depth


def _reduced(runner: Runner, script: Script) -> tuple[int, Script]:
    asked = 0
    wanted = _first(runner.run(script))

    def shows(candidate: Script) -> bool:
        nonlocal asked
        asked += 1
        found = runner.run(candidate).violations
        return any((other.kind, other.outcome) == (wanted.kind, wanted.outcome) for other in found)

    small = minimise(script, shows)
    return asked, small


def _first(trace: Trace) -> Violation:
    if not trace.violations:
        raise SystemExit(f"a script with the bug in it shows nothing: {trace.refused}")
    return trace.violations[0]


def crowded(seed: int) -> Script:
    """The five frames in the midst of twenty-five others, on three connections."""
    dice = Generator(seed).dice
    draft = Draft(dice, 2)
    way = [
        frames.register("z"),
        frames.ask("z"),
        frames.prove("z"),
        frames.set_status(2),
        frames.send("a", Body(99, 700)),
    ]
    steps: list[Connect | Send] = [Connect(0), Connect(1), Connect(2)]
    lines = {1: Line(1), 2: Line(2)}
    spare = _FRAMES - len(way)
    while way or spare:
        if way and dice.below(spare + len(way)) < len(way):
            steps.append(Send(0, (way.pop(0),)))
        else:
            number = 1 + dice.below(2)
            steps.append(Send(number, (request(draft, lines[number]),)))
            spare -= 1
    return Script(registered=draft.registered or ("a",), steps=tuple(steps))
