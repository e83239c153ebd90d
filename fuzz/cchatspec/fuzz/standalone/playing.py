"""Playing a finding: its connections, its steps in their order, and whether what comes is what came when it was found."""

from __future__ import annotations

import argparse
import select
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

from cchatspec.fuzz.standalone.frames import Cast, User, encode
from cchatspec.fuzz.standalone.reading import Words, frames_of
from cchatspec.fuzz.standalone.signing import sign

PATIENCE_S = 3.0
QUIET_S = 0.3
SHOWS, SHOWS_NOT, NO_SERVER = 1, 0, 2
NEWCOMER = -9
FILE_BYTES = 1 << 16
ROUNDS, REPETITIONS, SETTLING, SMALLEST_LEAK = 6, 300, 2, 40


class Unreachable(Exception):
    """Nobody accepts connections there."""


class Connection:
    """One connection: what came on it, in bytes and in words, and how it ended."""

    def __init__(self, address: tuple[str, int], number: int, stage: Stage) -> None:
        self.number = number
        self.stage = stage
        self.rest = b""
        self.came: list[str] = []
        self.ended = ""
        self.deaf = False
        try:
            self.sock: socket.socket | None = socket.create_connection(address, timeout=PATIENCE_S)
        except OSError as problem:
            self.sock = None
            self.ended = "refused"
            stage.say(number, "--", f"not connected: {problem}")
            return
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        stage.say(number, "--", "connected")

    def send(self, data: bytes, text: str) -> None:
        """Send all of it, and read meanwhile."""
        self.stage.say(self.number, "->", text)
        until = time.monotonic() + PATIENCE_S
        while data and self.sock is not None and not self.ended and time.monotonic() < until:
            readable = [] if self.deaf else [self.sock]
            may_read, may_write, _ = select.select(readable, [self.sock], [], 0.1)
            if may_read:
                self._receive()
            if may_write and not self.ended:
                try:
                    data = data[self.sock.send(data) :]
                except BlockingIOError:
                    pass
                except OSError:
                    self._end("ended", "reset")

    def read(self, count: int, patience: float) -> None:
        """Read until so many frames have come, or the connection ends, or the patience does."""
        until = time.monotonic() + patience
        while len(self.came) < count and self.sock is not None and not self.ended and not self.deaf:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                return
            self._receive()

    def _receive(self) -> None:
        assert self.sock is not None
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            self._end("ended", "reset")
            return
        if not data:
            self._end("ended", "closed")
            return
        frames, self.rest = frames_of(self.rest + data, self.stage.finding["limit"])
        for frame in frames:
            self._take(frame)

    def _take(self, frame: bytes) -> None:
        if frame[4] == 0x82 and frame[5:6] == b"\1" and len(frame) == 38:
            self.stage.cast.challenges.setdefault(self.number, []).append(frame[6:])
        text = self.stage.words.frame(frame)
        self.stage.say(self.number, "<-", text or "STATUS_UPDATE of somebody else")
        if text is not None:
            self.came.append(text)

    def _end(self, ended: str, how: str) -> None:
        self.ended = ended
        rest = f", after {len(self.rest)} bytes of a frame" if self.rest else ""
        self.stage.say(self.number, "--", f"the server ended the connection ({how}{rest})")

    def close(self, how: str = "close") -> None:
        """End it: `close`, `half-close`, `reset`."""
        if self.sock is None:
            return
        try:
            if how == "half-close":
                self.sock.shutdown(socket.SHUT_WR)
                return
            if how == "reset":
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            self._end("ended", "reset")
        self.sock.close()
        self.sock = None

    def stall(self) -> None:
        """Read no more."""
        self.deaf = True

    def resume(self) -> None:
        """Read again."""
        self.deaf = False


class Stage:
    """One performance of a finding against a server."""

    def __init__(self, finding: Any, address: tuple[str, int], quiet: bool = False) -> None:
        self.finding = finding
        self.address = address
        self.quiet = quiet
        self.start = time.monotonic()
        self.cast = Cast()
        self.layouts = {layout["code"]: layout for layout in finding["layouts"]}
        self.words = Words(self.layouts, {})
        self.connections: dict[int, Connection] = {}
        self.expected: dict[int, int] = {}

    def say(self, number: int, arrow: str, text: str) -> None:
        """Show a line of what happens."""
        if not self.quiet:
            ms = (time.monotonic() - self.start) * 1000
            who = f"#{number}" if number >= 0 else "(new)" if number == NEWCOMER else "(bystander)"
            print(f"{ms:9.1f} ms  {who} {arrow} {text}")

    def register_all(self) -> None:
        """Register those who are registered before."""
        for user in self.finding["registered"]:
            self.register(self.cast.user(user)).close()

    def play(self) -> None:
        """Do all steps."""
        for step in self.finding["plan"]:
            self._step(step)

    def settle(self) -> None:
        """Read what else comes."""
        for number, connection in self.connections.items():
            connection.read(self.expected.get(number, 0) + 1, QUIET_S)

    def register(self, user: User) -> Connection:
        """Register a user by a connection of its own, number 0."""
        line = self.connect(0)
        self._request(line, {"kind": 1, "values": {"username": user.name, "public_key": user.key}}, "REGISTER_USER")
        return line

    def connect(self, number: int) -> Connection:
        """A new connection.

        Raises:
            Unreachable: it is the first, and nobody accepts it.
        """
        made = Connection(self.address, number, self)
        if made.ended and not self.connections and number <= 0:
            raise Unreachable(f"nobody accepts connections at {self.address[0]} port {self.address[1]}")
        return made

    def _request(self, line: Connection, frame: Any, name: str) -> None:
        line.send(encode(frame, self.layouts, lambda data: bytes(data)), name)
        line.read(len(line.came) + 1, PATIENCE_S)

    def login(self, user: User, number: int) -> Connection:
        """A connection that is logged in as a new user."""
        line = self.connect(number)
        self._request(line, {"kind": 1, "values": {"username": user.name, "public_key": user.key}}, "REGISTER_USER")
        self._request(line, {"kind": 2, "values": {"username": user.name}}, "LOGIN_USER")
        challenge = self.cast.challenges.get(number, [bytes(32)])[-1]
        proof = {"kind": 2, "values": {"username": user.name, "signature": sign(user.seed, challenge)}}
        self._request(line, proof, "LOGIN_USER, with the proof")
        return line

    def _step(self, step: Any) -> None:
        number = step["on"]
        if step["do"] == "connect":
            if number in self.connections:
                self.connections[number].close()
            self.connections[number] = self.connect(number)
            return
        line = self.connections[number]
        if step["do"] == "send":
            self._send(line, step)
        elif step["do"] == "await":
            self.expected[number] = step["count"]
            line.read(step["count"], PATIENCE_S)
        elif step["do"] == "ended":
            line.read(len(line.came) + 1, PATIENCE_S)
        elif step["do"] == "stall":
            line.stall()
        elif step["do"] == "resume":
            line.resume()
        else:
            line.close(step["do"])

    def _send(self, line: Connection, step: Any) -> None:
        number = line.number
        data = b"".join(
            encode(frame, self.layouts, lambda value: self.cast.value(value, number)) for frame in step["frames"]
        )
        self.words.known.update(self.cast.words())
        for frame in step["frames"]:
            for value in frame.get("values", {}).values():
                if isinstance(value, dict) and value["is"] == "body":
                    size = value.get("size", 16)
                    body = self.cast.body(value["number"], size)
                    self.words.known[body] = f"body {value['number']} of {size} bytes"
        names = ", ".join(self._name(frame) for frame in step["frames"][:4])
        more = f" and {len(step['frames']) - 4} more" if len(step["frames"]) > 4 else ""
        cuts = sorted({cut for cut in step.get("cuts", []) if 0 < cut < len(data)})
        for start, end in zip([0, *cuts], [*cuts, len(data)]):
            piece = data[start:end]
            shown = piece[:16].hex() + ("..." if len(piece) > 16 else "")
            line.send(piece, f"{names}{more}: {len(piece)} bytes {shown}")

    def _name(self, frame: Any) -> str:
        layout = self.layouts.get(frame["kind"])
        name = layout["name"] if layout else "type 0x{:02x}".format(frame["kind"])
        edits = ["{} of {}".format(edit["kind"], edit["field"]) for edit in frame.get("edits", ())]
        return "{} ({})".format(name, ", ".join(edits)) if edits else str(name)

    def serves(self) -> bool:
        """Whether a fresh connection gets an answer."""
        line = self.connect(NEWCOMER)
        user = User()
        if line.sock is not None:
            self._request(line, {"kind": 1, "values": {"username": user.name, "public_key": user.key}}, "REGISTER_USER")
        line.close()
        return bool(line.came)

    def end(self) -> None:
        """Close what is open."""
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()
        self.expected.clear()


class Bystanders:
    """Two users who chat, and must not notice anything."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.users = User(), User()
        stage.words.known.update({self.users[0].name: "a bystander", self.users[1].name: "a bystander"})
        self.lines = [stage.login(user, -1 - at) for at, user in enumerate(self.users)]

    def chat(self) -> bool:
        """Whether a message of the first reaches the second."""
        body = self.stage.cast.body(-1, 24)
        frame = {"kind": 4, "values": {"recipient": self.users[1].name, "encrypted_message": body}}
        self.stage.words.known[body] = "the bystander's message"
        first, second = self.lines
        first.send(encode(frame, self.stage.layouts, lambda data: bytes(data)), "SEND_MESSAGE")
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and not second.ended:
            first.read(len(first.came) + 1, 0.05)
            second.read(len(second.came) + 1, 0.05)
            if any("the bystander's message" in text for text in second.came):
                return True
        return False


def judged(finding: Any, stage: Stage) -> tuple[bool, str]:
    """Whether what came is what came when it was found, and the sentence that says so."""
    for number, expected in sorted((int(key), value) for key, value in finding["came"].items()):
        line = stage.connections.get(number)
        came = [] if line is None else _kept(line.came, finding) + ([line.ended] if line.ended else [])
        wanted = _kept(expected["frames"], finding) + ([expected["ended"]] if expected["ended"] else [])
        if finding["kind"] == "hang" and came == wanted[: len(came)]:
            continue  # it is as mute as it was, or more so; one that is not says more
        if came != wanted:
            at = next((n for n, (one, two) in enumerate(zip(came, wanted)) if one != two), min(len(came), len(wanted)))
            then, now = wanted[at : at + 1] or ["nothing"], came[at : at + 1] or ["nothing"]
            return False, f"on connection #{number}, {then[0]} came when it was found, and now {now[0]}"
    return True, finding["outcome"]


def _kept(texts: list[str], finding: Any) -> list[str]:
    """Without the updates that may come at any time, unless they are what this is about."""
    return [text for text in texts if finding["statuses"] or not text.startswith("STATUS_UPDATE")]


def perform(finding: Any, address: tuple[str, int], quiet: bool = False) -> tuple[bool, str]:
    """Play a finding once: whether it shows, and the sentence that says so.

    Raises:
        Unreachable: nobody accepts connections there.
    """
    stage = Stage(finding, address, quiet)
    probe = stage.connect(0)
    probe.close()
    try:
        others = Bystanders(stage) if finding["bystanders"] else None
        stage.register_all()
        stage.play()
        stage.settle()
        if others is not None and not others.chat():
            return True, "a bystander's message did not arrive"
        if finding["kind"] == "crash" and not stage.serves():
            return True, "nobody answers on a new connection any more"
        if others is not None:
            return False, "the bystanders noticed nothing"
        return judged(finding, stage)
    finally:
        stage.end()


def held(pid: int) -> int:
    """The resident memory of a process and a weight for each open descriptor, in bytes.

    Raises:
        Unreachable: it cannot be read.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        resident = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))
    except (OSError, StopIteration):
        raise Unreachable(f"the memory of process {pid} cannot be read") from None
    return FILE_BYTES * files + resident


def leaks(finding: Any, address: tuple[str, int], pid: int) -> tuple[bool, str]:
    """Whether memory grows as long as the plan is played; what it plays leaves nothing behind in a right server.

    Raises:
        Unreachable: nobody accepts connections there, or the memory cannot be read.
    """
    stage = Stage(finding, address, quiet=True)
    stage.connect(0).close()
    stage.register_all()
    grown, before = [], held(pid)
    for number in range(ROUNDS):
        for _ in range(REPETITIONS):
            stage.play()
            stage.end()
        after = held(pid)
        grown.append(after - before)
        before = after
        print(
            f"round {number + 1} of {ROUNDS}: {grown[-1] / REPETITIONS:.0f} bytes for each of {REPETITIONS} repetitions"
        )
    later = sorted(grown[SETTLING:])
    middle = later[len(later) // 2]
    text = f"each repetition leaves some {middle / REPETITIONS:.0f} bytes behind"
    return middle >= SMALLEST_LEAK * REPETITIONS and later[0] >= 0.2 * middle, text


def main(finding: Any, arguments: list[str] | None = None) -> int:
    """The command: its exit status."""
    parser = argparse.ArgumentParser(description="Show a fault of a C-Chat server again: {}.".format(finding["title"]))
    parser.add_argument("address", metavar="HOST:PORT", help="where the server accepts connections")
    parser.add_argument(
        "--times", type=int, default=finding["tries"], help="try so often, until it shows (%(default)s)"
    )
    parser.add_argument("--pid", type=int, help="the server's process, for what leaks memory")
    parser.add_argument("--quiet", action="store_true", help="do not show the frames")
    given = parser.parse_args(arguments)
    host, _, port = given.address.rpartition(":")
    if not host or not port.isdigit():
        parser.error(f"expected HOST:PORT such as 127.0.0.1:4000, found '{given.address}'")
    if finding["kind"] == "leak" and given.pid is None:
        parser.error("a leak shows in the memory of the server's process, on this machine: give --pid")
    print("{}: {}".format(finding["id"], finding["title"]))
    text = ""
    for _ in range(max(1, given.times)):
        try:
            address = (host.strip("[]"), int(port))
            is_leak = finding["kind"] == "leak"
            shows, text = leaks(finding, address, given.pid) if is_leak else perform(finding, address, given.quiet)
        except Unreachable as problem:
            print(problem, file=sys.stderr)
            return NO_SERVER
        if shows:
            print(f"The fault still shows: {text}.")
            return SHOWS
    print(f"The fault does not show: {text}.")
    return SHOWS_NOT
