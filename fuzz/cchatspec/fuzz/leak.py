"""Whether a target's memory, or the number of its open descriptors, grows with every attempt that leaves nothing behind.

Memory may grow for good reasons: users that are registered, messages that are queued, a cache that fills, an allocator that keeps
what it has. So growth in a campaign is only a suspicion. It is confirmed by repeating scripts that leave nothing behind, in
rounds of the same number, from a fresh start: a leak adds about the same in each of the later rounds, and in a second fresh start
again. What is only settling in adds less and less.

Runtimes that collect garbage hand out fresh memory evenly for hundreds of repetitions, or thousands, until they do. Where one is
at work, a leak has to go on for as long again and longer; memory that comes to a standstill meanwhile was no leak.

Descriptors are simpler: when a target has noticed the end of all connections, it has no more open than before.

`LeakWatch` gathers samples in a campaign; `confirm` decides, and finds out which family of scripts leaks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import linear_regression, median
from time import monotonic, sleep
from typing import Final, Protocol

from cchatspec.fuzz.families import FAMILIES
from cchatspec.fuzz.processes import PAGE, Garbage, garbage_of, open_files, resident_bytes
from cchatspec.fuzz.script import Script
from cchatspec.fuzz.trace import Trace, Violation

#: So much a target has to have grown, in bytes, before anybody gets suspicious.
SUSPICIOUS_BYTES: Final = 4 << 20

#: So many descriptors more than at first, at so many samples in a row, are suspicious.
_MANY_OPEN: Final = 24
_LAST: Final = 3

#: The growth has to be this even: the smallest of the later rounds at least so much of their median.
_EVEN: Final = 0.4

#: Less than this for each repetition is not called a leak, in bytes: what is freed late, or kept in pieces, looks like that.
SMALLEST_LEAK: Final = 200

_ROUNDS: Final = 6
_SETTLING: Final = 2

#: So many times fewer repetitions show that anything grows at all, and confirm what leaves much behind: so much each, in bytes.
_QUICKER: Final = 30
_FEWER: Final = 8
_MUCH: Final = 4096

#: Where garbage is collected, growth has to go on for so many rounds of so many repetitions; so many with hardly any growth,
#: compared with what was seen before, are a standstill. The later half is also taken in so many parts, which have to be even.
_LONG_ROUNDS: Final = {Garbage.NONE: 0, Garbage.CYCLES: 12, Garbage.ALL: 30}
_LONG_REPETITIONS: Final = 300
_STANDSTILL: Final = 3
_HARDLY: Final = 0.1
_PARTS: Final = 3

#: A target has so many seconds to notice that connections have ended.
_NOTICE_S: Final = 1.2
_LOOK_S: Final = 0.02

#: What leaves so many times more behind than what was told of leaks by itself.
_MORE: Final = 1.5


class Runs(Protocol):
    """What runs scripts: a `Runner`."""

    def run(self, script: Script) -> Trace:
        """Run a script."""

    def renew(self) -> None:
        """Start afresh."""


@dataclass(frozen=True, slots=True)
class Growth:
    """How much memory was added in each round of so many repetitions, in bytes."""

    repetitions: int
    rounds: tuple[int, ...]

    @property
    def each(self) -> float:
        """What one repetition leaves behind, in bytes, by the later rounds."""
        return median(self.rounds[_SETTLING:]) / self.repetitions

    @property
    def is_leak(self) -> bool:
        """Whether each of the later rounds added about the same."""
        return _is_leak(self.rounds[_SETTLING:], self.repetitions)


class LeakWatch:
    """Samples of a target's memory in the course of a campaign.

    Args:
        pid: whose memory is read; it may change when a target is started again, and then the samples begin anew.
        every: so many executions lie between two samples.
        memory: reads the resident memory of a process, in bytes.
        files: counts the descriptors that it has open.
    """

    def __init__(
        self,
        pid: int,
        *,
        every: int = 200,
        memory: Callable[[int], int | None] = resident_bytes,
        files: Callable[[int], int] = open_files,
    ) -> None:
        self.pid = pid
        self.every = every
        self._memory = memory
        self._files = files
        self.samples: list[tuple[int, int]] = []
        #: Descriptors that were open at each sample.
        self.opened: list[int] = []

    def look(self, executions: int, pid: int | None = None) -> None:
        """Take a sample, if it is time for one."""
        if pid is not None and pid != self.pid:
            self.pid = pid
            self.samples.clear()
            self.opened.clear()
        if self.samples and executions - self.samples[-1][0] < self.every:
            return
        size = self._memory(self.pid)
        if size is not None:
            self.samples.append((executions, size))
            self.opened.append(self._files(self.pid))

    @property
    def slope(self) -> float:
        """What one execution adds, in bytes, by the later half of the samples."""
        later = self.samples[len(self.samples) // 2 :]
        if len(later) < 3:
            return 0.0
        return linear_regression([x for x, _ in later], [y for _, y in later]).slope

    @property
    def is_suspicious(self) -> bool:
        """Whether memory has grown by much, and goes on growing, or more and more descriptors are open."""
        if self.opened and min(self.opened[-_LAST:]) >= self.opened[0] + _MANY_OPEN:
            return True
        later = self.samples[len(self.samples) // 2 :]
        if len(self.samples) < 8:
            return False
        grown = later[-1][1] - later[0][1]
        middle = later[len(later) // 2][1]
        goes_on = later[-1][1] - middle >= 0.3 * grown and middle - later[0][1] >= 0.3 * grown
        return grown >= SUSPICIOUS_BYTES / 2 and goes_on and self.slope > 0


def confirm(
    runner: Runs,
    pid: Callable[[], int | None],
    *,
    repetitions: int = 300,
    families: Mapping[str, Sequence[Script]] = FAMILIES,
    memory: Callable[[int], int | None] = resident_bytes,
    garbage: Callable[[int], Garbage] = garbage_of,
    files: Callable[[int], int] = open_files,
) -> Iterator[tuple[str, Script, Violation]]:
    """Repeat families of scripts that leave nothing behind, each from a fresh start, and tell which of them leak.

    First all families take turns, a few times each. Where nothing grows with the rounds, nothing leaks, and no more is asked;
    what grows by much shows by itself whose turn it is, and is repeated less often. A family whose scripts do what those of one
    before it do is told only if it leaves more behind.

    Args:
        runner: runs the scripts.
        pid: the process whose memory is read; asked again after each fresh start.
        repetitions: how often the scripts of a family are repeated in a round.
        families: the scripts, by what they do.
        memory: reads the resident memory of a process, in bytes.
        garbage: what a process frees only later.
        files: counts the descriptors that a process has open.

    Yields:
        The name of each family that leaks, its first script, and what to say about it; nothing where the target cannot be
        watched, such as after it has died.

    Raises:
        TargetError: the target cannot be started again.
    """
    trial = _Trial(runner, pid, memory, files)
    told = 0.0
    for name, times in _suspects(trial, families, repetitions):
        scripts = families[name]
        first = trial.turns({name: scripts}, times).get(name)
        left = 0 if told else trial.left_open()
        again = trial.turns({name: scripts}, times).get(name) if left or _is_suspect(first, told) else None
        if left and trial.left_open():
            told = inf
            yield name, scripts[0], _left(name, _ROUNDS * times, left)
        elif first is not None and again is not None and first.is_leak and again.is_leak:
            if not 0.5 <= again.each / first.each <= 2:
                continue
            process = pid()
            if process is None or trial.goes_on(process, scripts, again.each, _LONG_ROUNDS[garbage(process)]):
                told = max(told, first.each)
                yield name, scripts[0], _leak(name, first, again)


def _is_suspect(growth: Growth | None, told: float) -> bool:
    """Whether the growth is a leak, and more than what was told of."""
    return growth is not None and growth.is_leak and growth.each > _MORE * told


def _suspects(trial: _Trial, families: Mapping[str, Sequence[Script]], repetitions: int) -> list[tuple[str, int]]:
    """The families that may leak, each with the number of repetitions that show it."""
    if len(families) == 1:
        return [(name, repetitions) for name in families]
    few = max(repetitions // _QUICKER, 1)
    turns = trial.turns(families, few)
    if trial.left_open(among=len(families)):
        return [(name, few) for name in families]
    much = [name for name, growth in turns.items() if growth.is_leak and growth.each >= _MUCH]
    if much:
        return [(name, repetitions // _FEWER) for name in much]
    rounds = [sum(parts) for parts in zip(*[growth.rounds for growth in turns.values()], strict=True)]
    goes_on = 2 * sum(rounds[_SETTLING:]) >= PAGE * len(rounds[_SETTLING:]) > 0
    return [(name, repetitions) for name in families] if goes_on else []


class _Trial:
    """Repeats scripts from a fresh start, and measures what the target keeps."""

    def __init__(
        self,
        runner: Runs,
        pid: Callable[[], int | None],
        memory: Callable[[int], int | None],
        files: Callable[[int], int],
    ) -> None:
        self._runner = runner
        self._pid = pid
        self._memory = memory
        self._files = files
        self._opened = self._runs = 0

    def turns(self, families: Mapping[str, Sequence[Script]], repetitions: int) -> dict[str, Growth]:
        """How much memory each family adds, in rounds in which each is repeated a few times; nothing if nobody can tell."""
        self._runner.renew()
        process = self._pid()
        before = self._memory(process) if process is not None else None
        self._opened = self._files(process) if process is not None else 0
        self._runs = _ROUNDS * repetitions * len(families)
        rounds: dict[str, list[int]] = {name: [] for name in families}
        for _ in range(_ROUNDS):
            for name, scripts in families.items():
                for number in range(repetitions):
                    self._runner.run(scripts[number % len(scripts)])
                after = self._memory(process) if process is not None and self._pid() == process else None
                if before is None or after is None:
                    return {}
                rounds[name].append(after - before)
                before = after
        return {name: Growth(repetitions, tuple(added)) for name, added in rounds.items()}

    def left_open(self, among: int = 1) -> int:
        """How many descriptors stay open after the last turns; 0 if it is less than one for every other repetition.

        Args:
            among: so many families took turns, of which it may be one.
        """
        process, until = self._pid(), monotonic() + _NOTICE_S
        while process is not None and (left := self._files(process) - self._opened) >= max(self._runs // among // 2, 1):
            if monotonic() > until:
                return left
            sleep(_LOOK_S)
        return 0

    def goes_on(self, process: int, scripts: Sequence[Script], each: float, rounds: int) -> bool:
        """Whether memory goes on growing for so many rounds, never comes to a standstill, and grows evenly in the end."""
        if rounds == 0:
            return True
        hardly = _HARDLY * each * _STANDSTILL * _LONG_REPETITIONS
        sizes: list[int] = []
        for _ in range(rounds):
            for number in range(_LONG_REPETITIONS):
                self._runner.run(scripts[number % len(scripts)])
            size = self._memory(process)
            if size is None or (len(sizes) >= _STANDSTILL and size - sizes[-_STANDSTILL] < hardly):
                return False
            sizes.append(size)
        third = rounds // 2 // _PARTS
        later = [sizes[at] - sizes[at - third] for at in range(rounds - 1, rounds - 1 - _PARTS * third, -third)]
        return _is_leak(later, third * _LONG_REPETITIONS)


def _is_leak(rounds: Sequence[int], repetitions: int) -> bool:
    """Whether rounds of so many repetitions have each added about the same, and enough."""
    middle = median(rounds)
    return middle >= SMALLEST_LEAK * repetitions and min(rounds) >= _EVEN * middle


def _left(name: str, repetitions: int, left: int) -> Violation:
    text = f"{name}: after {repetitions} repetitions, which leave no connection open, {left} descriptors stay open."
    return Violation("leak", "new", name, "", "descriptors stay open", "ROBUST-CHURN", text, -1)


def _leak(name: str, first: Growth, again: Growth) -> Violation:
    later = first.rounds[_SETTLING:]
    text = (
        f"{name}: {len(later) * first.repetitions} repetitions added {sum(later) / 1024:.0f} KiB of resident memory, about "
        f"{first.each:.0f} bytes each, and {again.each:.0f} after another fresh start. They register nobody and queue nothing."
    )
    return Violation("leak", "new", name, "", "memory grows with each repetition", "ROBUST-CHURN", text, -1)
