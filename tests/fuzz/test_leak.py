from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from math import inf

import pytest
from tests.fuzz.simulated import Server, runner_for

from cchatspec.fuzz.families import FAMILIES
from cchatspec.fuzz.leak import SUSPICIOUS_BYTES, Growth, LeakWatch, confirm
from cchatspec.fuzz.processes import Garbage, garbage_of, resident_bytes
from cchatspec.fuzz.script import Script
from cchatspec.fuzz.trace import Trace


class Counting:
    """Runs nothing, and grows by so much with each script of some kinds."""

    def __init__(self, leaking: set[str], each: int = 5000) -> None:
        self.leaking = [script for name in leaking for script in FAMILIES[name]]
        self.each = each
        self.memory = 0
        self.starts = self.runs = 0

    def run(self, script: Script) -> Trace:
        self.memory += self.each * self.leaking.count(script)
        self.runs += 1
        return Trace(script)

    def renew(self) -> None:
        self.memory = 50_000_000
        self.starts += 1


def leaks(
    runner: Counting, memory: Callable[[int], int | None] | None = None, *, garbage: Garbage = Garbage.NONE
) -> list[str]:
    found = confirm(
        runner,
        lambda: 1,
        repetitions=60,
        memory=memory or (lambda _pid: runner.memory),
        garbage=lambda _pid: garbage,
    )
    return [name for name, _, _ in found]


def test_a_family_that_leaks_is_named() -> None:
    assert leaks(Counting({"failed logins"})) == ["failed logins"]


def test_a_leak_of_little_is_named_too() -> None:
    assert leaks(Counting({"failed logins"}, each=2500)) == ["failed logins"]


def test_what_does_not_grow_is_no_leak() -> None:
    assert leaks(Counting(set())) == []


def test_where_nothing_grows_little_is_asked() -> None:
    runner = Counting(set())
    leaks(runner)

    assert (runner.starts, runner.runs) == (1, 2 * 6 * len(FAMILIES))


def test_what_leaks_in_all_families_is_told_once() -> None:
    assert leaks(Counting(set(FAMILIES))) == ["connections"]


def test_what_leaks_more_than_each_connection_does_is_told_too() -> None:
    runner = Counting(set(FAMILIES))
    runner.leaking += 2 * list(FAMILIES["failed logins"])

    assert leaks(runner) == ["connections", "failed logins"]


def test_a_few_bytes_each_are_no_leak() -> None:
    assert leaks(Counting({"failed logins"}, each=20)) == []


def test_growth_that_does_not_come_again_is_no_leak() -> None:
    runner = Counting({"failed logins"})
    turns, first = 1, 1

    assert leaks(runner, lambda _pid: runner.memory if runner.starts <= turns + first else 7) == []


@pytest.mark.parametrize("garbage", Garbage)
def test_a_leak_goes_on_where_garbage_is_collected(garbage: Garbage) -> None:
    assert leaks(Counting({"failed logins"}), garbage=garbage) == ["failed logins"]


@pytest.mark.parametrize(("garbage", "repetitions"), [(Garbage.CYCLES, 900), (Garbage.ALL, 6000)])
def test_memory_that_stands_still_after_a_while_is_no_leak_where_garbage_is_collected(
    garbage: Garbage, repetitions: int
) -> None:
    runner = Counting({"failed logins"})
    heap = 50_000_000 + 5000 * repetitions

    assert leaks(runner, lambda _pid: min(runner.memory, heap), garbage=garbage) == []


def test_memory_that_grows_less_and_less_is_no_leak_where_garbage_is_collected() -> None:
    runner = Counting({"failed logins"})
    taken = 5000 * 900
    slower = 5  # half of the first growth goes on for five times as long

    def memory(_pid: int) -> int:
        grown = runner.memory - 50_000_000
        return grown if grown <= taken else taken + min((grown - taken) // slower, taken // 2)

    assert leaks(runner, memory, garbage=Garbage.CYCLES) == []


class Opening(Counting):
    """Opens a descriptor with each script of some kinds, and closes it when so many others were run."""

    def __init__(self, leaking: set[str], until: float = inf) -> None:
        super().__init__(leaking, each=0)
        self.opened: list[int] = []
        self.until = until

    def run(self, script: Script) -> Trace:
        self.opened += [self.runs] * self.leaking.count(script)
        return super().run(script)

    def renew(self) -> None:
        super().renew()
        self.opened.clear()

    def files(self, _pid: int) -> int:
        self.runs += 1  # as time goes by
        return 40 + sum(1 for at in self.opened if self.runs - at < self.until)


def left_open(runner: Opening) -> list[tuple[str, str]]:
    found = confirm(runner, lambda: 1, memory=lambda _pid: runner.memory, files=runner.files)
    return [(name, violation.outcome) for name, _, violation in found]


def test_descriptors_that_stay_open_are_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cchatspec.fuzz.leak._NOTICE_S", 0.0)

    assert left_open(Opening({"failed logins"})) == [("failed logins", "descriptors stay open")]


def test_descriptors_of_connections_whose_end_is_noticed_late_are_no_leak() -> None:
    assert left_open(Opening({"failed logins"}, until=100)) == []


def test_a_process_that_is_gone_is_not_judged() -> None:
    assert leaks(Counting({"failed logins"}), lambda _pid: None) == []


@pytest.mark.parametrize(
    ("rounds", "leak"),
    [
        ((9000, 8000, 5000, 5000, 5000, 5000), True),
        ((900_000, 5000, 5000, 4800, 5100, 5200), True),
        ((9000, 4000, 8000, 4000, 2000, 200), False),
        ((0, 0, 5000, 0, 0, 0), False),
        ((0, 0, 5000, 5000, 0, 5000), False),
        ((900, 800, 500, 500, 500, 500), False),
    ],
)
def test_a_leak_is_even(rounds: tuple[int, ...], leak: bool) -> None:
    assert Growth(10, rounds).is_leak is leak


def watch(sizes: list[int]) -> LeakWatch:
    left = iter(sizes)
    made = LeakWatch(1, every=10, memory=lambda _pid: next(left, None))
    for number in range(len(sizes)):
        made.look(10 * number)
    return made


def test_steady_growth_is_suspicious() -> None:
    assert watch([number * SUSPICIOUS_BYTES // 10 for number in range(20)]).is_suspicious


def test_growth_that_comes_to_an_end_is_not() -> None:
    assert not watch([min(number, 8) * SUSPICIOUS_BYTES for number in range(20)]).is_suspicious


def test_descriptors_that_are_not_closed_are_suspicious() -> None:
    left = iter(range(10, 40))
    made = LeakWatch(1, every=10, memory=lambda _pid: 1, files=lambda _pid: next(left))
    for number in range(30):
        made.look(10 * number)

    assert made.is_suspicious


def test_samples_begin_anew_with_a_new_process() -> None:
    made = watch([1, 2, 3])
    made.look(100, pid=os.getpid())

    assert made.samples == []


def test_memory_of_a_process_is_read() -> None:
    assert (resident_bytes(os.getpid()) or 0) > 1 << 20


def test_memory_of_nobody_is_none() -> None:
    assert resident_bytes(0x7FFF_FFFE) is None


def test_python_collects_cycles() -> None:
    assert garbage_of(os.getpid()) is Garbage.CYCLES


def test_a_program_in_c_does_not() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"it runs now")
        process.stdin.flush()
        process.stdout.read(len(b"it runs now"))

        assert garbage_of(process.pid) is Garbage.NONE


def test_a_process_that_nobody_can_look_into_is_taken_to_collect() -> None:
    assert garbage_of(0x7FFF_FFFE) is Garbage.ALL


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_leaves_nothing_behind(name: str) -> None:
    server = Server()
    runner = runner_for(server)
    assert runner.run(FAMILIES[name][0], thorough=True).violations == []  # the bystanders register now
    members = len(server.members)

    for script in FAMILIES[name] * 2:
        runner.run(script)

    assert len(server.members) == members and not any(member.queue for member in server.members.values())
