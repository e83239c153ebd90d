"""Short conversations with a server of one's own: callers, users, and what came in a few words."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import sys
from itertools import count
from pathlib import Path

from nacl.signing import SigningKey

from cchatspec.spec import (
    PAYLOAD_LIMIT,
    Error,
    FrameReader,
    FrameTooLong,
    GetPublicKey,
    IncomingMessage,
    LoginResponse,
    LoginUser,
    Message,
    MessageAck,
    PublicKeyResponse,
    RegisterResponse,
    RegisterUser,
    StatusUpdate,
    UserListResponse,
    WireError,
    build,
    parse,
)

SERVER = Path(__file__).parents[2] / "fuzz" / "planted" / "server.py"
_DEADLINE_S = 0.4


class Someone:
    """A name and its keys."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.signer = SigningKey.generate()
        self.key = bytes(self.signer.verify_key)

    def asks(self) -> bytes:
        return build(LoginUser(self.name, bytes(64)))

    def registers(self) -> bytes:
        return build(RegisterUser(self.name, self.key))

    def proves(self, challenge: bytes, name: bytes | None = None) -> bytes:
        signature = self.signer.sign(challenge).signature
        return build(LoginUser(self.name if name is None else name, signature))


class Caller:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(_DEADLINE_S)
        self._frames = FrameReader(PAYLOAD_LIMIT)
        self._came: list[Message | str] = []

    def says(self, *messages: Message | bytes) -> Caller:
        data = b"".join(message if isinstance(message, bytes) else build(message) for message in messages)
        with contextlib.suppress(OSError):  # how the connection ended is heard afterwards
            self.socket.sendall(data)
        return self

    def next(self) -> Message | str:
        """The next frame, or in a word what came instead."""
        while not self._came:
            try:
                data = self.socket.recv(1 << 16)
            except TimeoutError:
                return "silence"
            except OSError:
                return "closed"
            if not data:
                return "closed"
            try:
                self._came += [self._read(kind, payload) for kind, payload in self._frames.feed(data)]
            except FrameTooLong:
                return "unreadable"
        return self._came.pop(0)

    @staticmethod
    def _read(kind: int, payload: bytes) -> Message | str:
        try:
            return parse(kind, payload)
        except WireError:
            return "unreadable"

    def hears(self, times: int = 1) -> list[str]:
        """The next replies in words."""
        return [words(self.next()) for _ in range(times)]

    def until(self, kind: type[Message]) -> Message | str:
        """The next frame of a type, or in a word what came instead."""
        while not isinstance(came := self.next(), kind | str):
            pass
        return came

    def until_fence(self, someone: Someone) -> list[str]:
        """All that comes before the reply to a request for somebody's key, as words."""
        self.says(GetPublicKey(someone.name))
        came: list[str] = []
        while (now := words(self.next())) not in ("PUBLIC_KEY_RESPONSE 1", "silence", "closed"):
            came.append(now)
        return came if now.startswith("PUBLIC") else [*came, now]

    def resets(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def words(came: Message | str) -> str:
    """What came, in a few words that are the same each time."""
    match came:
        case RegisterResponse(1):
            return "REGISTER_RESPONSE 1"
        case RegisterResponse(_, code):
            return f"REGISTER_RESPONSE 0 {code:02}"
        case LoginResponse(success):
            return f"LOGIN_RESPONSE {success}"
        case PublicKeyResponse(found):
            return f"PUBLIC_KEY_RESPONSE {found}"
        case MessageAck(_, status):
            return f"MESSAGE_ACK {status}"
        case IncomingMessage(_, _, _, body):
            return f"INCOMING {len(body)}"
        case UserListResponse():
            return "USER_LIST"
        case StatusUpdate(_, status):
            return f"STATUS_UPDATE {status}"
        case Error(code):
            return f"ERROR {code:02}"
    return str(came)


class Town:
    """A server and those who talk to it."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER), "0", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().rpartition(":")[2])
        self._numbers = count()
        self._callers: list[Caller] = []

    def close(self) -> None:
        for caller in self._callers:
            caller.socket.close()
        self.process.kill()
        self.process.communicate()

    def call(self) -> Caller:
        self._callers.append(Caller(self.port))
        return self._callers[-1]

    def stranger(self, size: int = 8) -> Someone:
        """Somebody who is not registered."""
        return Someone(f"{next(self._numbers):08}".encode().rjust(size, b"x"))

    def user(self, size: int = 8) -> Someone:
        """Somebody who is."""
        someone = self.stranger(size)
        self.call().says(someone.registers()).next()
        return someone

    def session(self, someone: Someone) -> Caller:
        """A connection on which somebody has logged in."""
        caller = self.call()
        caller.says(someone.asks())
        self.prove(caller, someone)
        assert words(caller.next()) == "LOGIN_RESPONSE 1"
        return caller

    def prove(self, caller: Caller, someone: Someone, name: bytes | None = None) -> None:
        """Answer the challenge that comes next."""
        came = caller.until(LoginResponse)
        assert isinstance(came, LoginResponse) and came.challenge
        caller.says(someone.proves(came.challenge, name))

    @property
    def fate(self) -> str:
        """Whether the process lives; one that is ending has closed its sockets first, and is waited for."""
        try:
            caller = Caller(self.port)
            caller.says(Someone(b"fate").registers())
            answer = caller.next()
            caller.socket.close()
        except OSError:
            answer = "closed"
        if not isinstance(answer, str):
            return "alive"
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_DEADLINE_S)
        return "hangs" if self.process.poll() is None and answer == "silence" else "dead"

    @property
    def memory(self) -> int:
        """What the process has in memory, in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
