"""How fast the reference server is, against a relay written by hand and against bare SQLite.

    python bench/server.py [--pairs N] [--seconds S] [--only NAME...] [--no-save]

The server runs in a process of its own on one core, the load on another. Reference and limit take turns in slices, the order
changing, so that whatever else the machine does hits both alike; every figure is the median of the ratios of such pairs. The
share of its core that the load used stands under `busy`: near 100 %, it would be the load that is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from time import perf_counter, process_time

from load import ACK_SIZE, FENCE, REGISTERED_SIZE, Address, Client, Loop, Pair, ask, relay, visit

from cchatspec.spec import LoginResponse, PublicKeyResponse, RegisterResponse, RegisterUser, SendMessage, build

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "server.json"
SERVER_CORE, LOAD_CORE = 0, 1
CROWD = 10_000
NO_LIMITS = ["--rate", "1000000000/s", "--burst", "1000000000", "--queue-limit", "1000000000"]
LIMIT = [str(HERE / "relay_limit.py"), "0"]
REFERENCE = ["-m", "cchatspec.cli", "serve", "--port", "0", "--log-level", "warning", *NO_LIMITS]


@dataclass(frozen=True, slots=True)
class Figure:
    """One result: the median over the pairs, what is aimed at, and the slices that it comes from."""

    name: str
    ratio: float
    aim: float
    at_most: bool
    reference: float
    limit: float
    busy: float

    @property
    def is_met(self) -> bool:
        return self.ratio <= self.aim if self.at_most else self.ratio >= self.aim


@dataclass(frozen=True, slots=True)
class Settings:
    pairs: int
    seconds: float


class Program:
    """A server process on its core."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
        )
        assert self._process.stdout is not None
        host, _, port = self._process.stdout.readline().split()[-1].rpartition(":")
        self.address: Address = (host, int(port))

    @property
    def memory(self) -> int:
        """What the process has in memory, in bytes."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def running(*commands: list[str]) -> Iterator[list[Program]]:
    programs = [Program(*command) for command in commands]
    try:
        yield programs
    finally:
        for program in programs:
            program.stop()


def alternating(
    settings: Settings, reference: Callable[[], float], limit: Callable[[], float]
) -> tuple[list[tuple[float, float]], float]:
    """Pairs of slices, after one that does not count; and the share of its core that the load used meanwhile."""
    slices = (reference, limit)
    reference()
    limit()
    pairs = []
    start, used = perf_counter(), process_time()
    for number in range(settings.pairs):
        order = (0, 1) if number % 2 else (1, 0)
        values = {place: slices[place]() for place in order}
        pairs.append((values[0], values[1]))
    return pairs, (process_time() - used) / (perf_counter() - start)


def figure(name: str, pairs: list[tuple[float, float]], busy: float, aim: float, *, at_most: bool = False) -> Figure:
    median = statistics.median
    ratio = median(reference / limit for reference, limit in pairs)
    return Figure(
        name,
        ratio,
        aim,
        at_most,
        median(reference for reference, _ in pairs),
        median(limit for _, limit in pairs),
        busy,
    )


# Relay and visits


def relaying(settings: Settings, number: int, window: int, aim: float) -> list[Figure]:
    name = f"relay, {number} pairs, window {window}"
    with running(REFERENCE, LIMIT) as programs:
        tails: tuple[list[float], list[float]] = ([], [])

        def slices(place: int) -> Callable[[], float]:
            loop = Loop()
            pairs = [Pair(loop, programs[place].address, each, window) for each in range(number)]

            def one() -> float:
                rate, latencies = relay(loop, pairs, settings.seconds)
                tails[place].append(latencies[len(latencies) * 99 // 100])
                return rate

            return one

        rates, busy = alternating(settings, slices(0), slices(1))
    later = list(zip(tails[0][1:], tails[1][1:], strict=True))
    return [
        figure(f"{name}, messages/s", rates, busy, aim),
        figure(f"{name}, p99 in s", later, busy, 1.3, at_most=True),
    ]


def visiting(settings: Settings) -> list[Figure]:
    names = (b"visitor%07d" % number for number in count())
    sources = (f"127.0.0.{number % 250 + 2}" for number in count())
    with running(REFERENCE, LIMIT) as programs:
        slices = [
            lambda each=each: visit(each.address, 32, settings.seconds, names, next(sources)) for each in programs
        ]
        pairs, busy = alternating(settings, *slices)
    return [figure("connect, register, login, logout, 32 at a time, visits/s", pairs, busy, 0.9)]


# The durable store

CLIENTS, WINDOW = 32, 16


def registering(settings: Settings) -> list[Figure]:
    requests = (build(RegisterUser(b"user%06d" % number, b"k" * 32)) for number in count())

    def reference(program: Program) -> float:
        clients = [Client(program.address) for _ in range(CLIENTS)]
        rate = ask(clients, requests, REGISTERED_SIZE, WINDOW, settings.seconds)
        for client in clients:
            client.close()
        return rate

    return durable(settings, "durable registrations/s", "users", reference)


def queueing(settings: Settings) -> list[Figure]:
    absent = [b"absent%04d" % number for number in range(500)]
    requests = (build(SendMessage(absent[number % 500], b"m" * 64)) for number in count())

    def reference(program: Program) -> float:
        clients = [Client(program.address).login(b"s%04d" % number) for number in range(CLIENTS)]
        clients[0].send(*(RegisterUser(name, b"k" * 32) for name in absent))
        for _ in absent:
            clients[0].until(RegisterResponse)
        for client in clients:
            client.fence()
        rate = ask(clients, requests, ACK_SIZE, WINDOW, settings.seconds)
        for client in clients:
            client.close()
        return rate

    return durable(settings, "durable queued messages/s", "messages", reference)


def durable(settings: Settings, name: str, table: str, measure: Callable[[Program], float]) -> list[Figure]:
    """Against bare inserts of the same rows, as many in one commit as there are requests on their way."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=HERE) as folder:
        numbers = count()

        def reference() -> float:
            with running([*REFERENCE, "--store", f"{folder}/{next(numbers)}.db"]) as (program,):
                return measure(program)

        def bare() -> float:
            options = [f"{folder}/{next(numbers)}.db", table, str(CLIENTS * WINDOW), str(settings.seconds)]
            command = ["taskset", "-c", str(SERVER_CORE), sys.executable, str(HERE / "bare_store.py"), *options]
            return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

        pairs, busy = alternating(settings, reference, bare)
    return [figure(f"{name}, of bare inserts", pairs, busy, 0.5)]


# A crowd, and bad company


def crowding(settings: Settings) -> list[Figure]:
    sizes, waits = [], []
    for command in (REFERENCE, LIMIT):
        with running(command) as (program,), ExitStack() as stack:
            before = program.memory
            clients = []
            for first in range(0, CROWD, 500):
                batch = [Client(program.address) for _ in range(500)]
                for number, client in enumerate(batch):
                    stack.callback(client.close)
                    client.ask_login(b"c%05d" % (first + number))
                for number, client in enumerate(batch):
                    client.prove(b"c%05d" % (first + number))
                for client in batch:
                    client.until(LoginResponse)
                clients += batch
                for client in clients:
                    client.skip()
            sizes.append((program.memory - before) / CROWD)
            start = perf_counter()
            stack.callback(Client(program.address).login(b"late").close)
            waits.append(perf_counter() - start)
            for client in clients:
                client.socket.sendall(FENCE)
            for client in clients:
                client.until(PublicKeyResponse)
    return [
        Figure(
            f"{CROWD:,} idle sessions, bytes each over the limit's",
            sizes[0] - sizes[1], 4096, True, sizes[0], sizes[1], 0.0,
        ),
        Figure("a login while they stand, in s", waits[0] / waits[1], 10.0, True, waits[0], waits[1], 0.0),
    ]  # fmt: skip


def disturbing(settings: Settings) -> list[Figure]:
    """The p99 of a pair of bystanders, with a slow reader and a half-sent frame there and without them."""
    with running(REFERENCE) as (program,):
        loop = Loop()
        bystanders = [Pair(loop, program.address, 0, 1)]
        slow, sender = Client(program.address).login(b"slow"), Client(program.address).login(b"sender")
        request = SendMessage(b"slow", b"m" * 60_000)
        halves: list[Client] = []

        def p99() -> float:
            latencies = relay(loop, bystanders, settings.seconds)[1]
            return latencies[len(latencies) * 99 // 100]

        def disturbed() -> float:
            # What waits for the slow reader is over the high-water mark from here on.
            for _ in range(40):
                sender.send(request)
                sender.fence()
            halves.append(Client(program.address))
            halves[-1].socket.sendall(FENCE[:-1])
            value = p99()
            halves.pop().close()
            return value

        pairs, busy = alternating(settings, disturbed, p99)
        slow.close()
    return [figure("p99 of bystanders, with a slow reader and half a frame", pairs, busy, 1.5, at_most=True)]


SCENARIOS: dict[str, Callable[[Settings], list[Figure]]] = {
    "relay-1": lambda settings: relaying(settings, 50, 1, 0.9),
    "relay-16": lambda settings: relaying(settings, 10, 16, 0.75),
    "visits": visiting,
    "registrations": registering,
    "queued": queueing,
    "crowd": crowding,
    "company": disturbing,
}


def table(figures: list[Figure]) -> str:
    lines = [f"{'':62}{'ratio':>8}{'aim':>10}{'reference':>13}{'limit':>13}{'busy':>7}"]
    for each in figures:
        aim = f"{'<=' if each.at_most else '>='} {each.aim:g}"
        values = f"{each.reference:>13,.6g}{each.limit:>13,.6g}{each.busy:>7.0%}"
        lines.append(f"{each.name:62}{each.ratio:>8,.3g}{aim:>10}{values}{'' if each.is_met else '  MISSED'}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the reference server.")
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--only", nargs="*", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument("--no-save", action="store_true")
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    settings = Settings(options.pairs, options.seconds)
    figures: list[Figure] = []
    for name in options.only:
        new = SCENARIOS[name](settings)
        print("\n".join(table(new).splitlines()[1:]), flush=True)
        figures += new
    print(f"\n{table(figures)}")
    if not options.no_save:
        machine = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.platform()}
        content = {"settings": asdict(settings), "on": machine, "figures": [asdict(each) for each in figures]}
        RESULTS.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
