"""Load on a C-Chat server, from one thread with as little work as Python allows: epoll, and replies that are counted by size.

What is measured has to be the server. So nothing is parsed where the sizes of the replies are known, and every function says how
long it took; how much of its core the load used is for the caller to see.
"""

from __future__ import annotations

import select
import socket
from collections import deque
from collections.abc import Callable, Iterable
from hashlib import sha256
from time import perf_counter

from nacl.signing import SigningKey

from cchatspec.spec import (
    PAYLOAD_LIMIT,
    FrameReader,
    GetPublicKey,
    LoginResponse,
    LoginUser,
    Logout,
    Message,
    MessageType,
    PublicKeyResponse,
    RegisterUser,
    SendMessage,
    build,
    parse,
)

SIGNER = SigningKey(sha256(b"load").digest())
PUBLIC_KEY = bytes(SIGNER.verify_key)
BODY = b"m" * 64
FENCE = build(GetPublicKey(b"nobody"))

FENCED = build(PublicKeyResponse(0))
ACK_SIZE = 10
REGISTERED_SIZE = 6
DEADLINE = 60.0

Address = tuple[str, int]


def incoming_size(name: bytes, body: bytes) -> int:
    return 5 + 4 + 1 + len(name) + 4 + 2 + len(body)


class Client:
    """A blocking connection, for what comes before the measurement."""

    def __init__(self, address: Address, source: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(address, DEADLINE, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._frames = FrameReader(PAYLOAD_LIMIT)
        self._arrived: deque[Message] = deque()

    def send(self, *requests: Message) -> None:
        self.socket.sendall(b"".join(map(build, requests)))

    def until(self, kind: type[Message]) -> Message:
        """The next message of a type; others are dropped."""
        while True:
            while self._arrived:
                if isinstance(message := self._arrived.popleft(), kind):
                    return message
            data = self.socket.recv(1 << 20)
            if not data:
                raise ConnectionResetError
            self._arrived += [parse(*frame) for frame in self._frames.feed(data)]

    def ask_login(self, name: bytes) -> None:
        self.send(RegisterUser(name, PUBLIC_KEY), LoginUser(name, bytes(64)))

    def prove(self, name: bytes) -> None:
        response = self.until(LoginResponse)
        assert isinstance(response, LoginResponse)
        self.send(LoginUser(name, SIGNER.sign(response.challenge or b"").signature))

    def login(self, name: bytes) -> Client:
        self.ask_login(name)
        self.prove(name)
        self.until(LoginResponse)
        return self

    def fence(self) -> None:
        """Reads all that has come so far."""
        self.socket.sendall(FENCE)
        self.until(PublicKeyResponse)

    def skip(self) -> None:
        """Reads all that has come so far without looking at it; right while nobody else does anything."""
        self.socket.sendall(FENCE)
        tail = b""
        while not tail.endswith(FENCED):
            tail = tail[-len(FENCED) :] + self.socket.recv(1 << 20)

    def close(self) -> None:
        self.socket.close()


class Loop:
    """Calls a function for each socket that can be read."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[], None]] = {}

    def add(self, sock: socket.socket, callback: Callable[[], None]) -> None:
        sock.setblocking(False)
        self._callbacks[sock.fileno()] = callback
        self._epoll.register(sock.fileno(), select.EPOLLIN)

    def remove(self, sock: socket.socket) -> None:
        del self._callbacks[sock.fileno()]
        self._epoll.unregister(sock.fileno())

    def turn(self) -> None:
        ready = self._epoll.poll(DEADLINE)
        if not ready:
            raise TimeoutError("the server does not answer")
        callbacks = self._callbacks
        for number, _ in ready:
            if callback := callbacks.get(number):
                callback()


class Pair:
    """Messages from one client to another, of which so many may be on their way.

    Attributes:
        latencies: from sending to arrival, in seconds.
    """

    def __init__(self, loop: Loop, address: Address, number: int, window: int) -> None:
        sender, reader = b"s%04d" % number, b"r%04d" % number
        self._frame = build(SendMessage(reader, BODY))
        self._size = incoming_size(sender, BODY)
        self._window = window
        self._loop = loop
        self._clients = [Client(address).login(name) for name in (sender, reader)]
        self.latencies: list[float] = []
        self.stop = False
        self._sent_at: deque[float] = deque()
        self._sent = self._acked_bytes = self._arrived_bytes = self._arrived = 0

    def begin(self) -> None:
        for client, callback in zip(self._clients, (self._on_ack, self._on_message), strict=True):
            client.fence()
            self._loop.add(client.socket, callback)

    def end(self) -> None:
        for client in self._clients:
            self._loop.remove(client.socket)
            client.socket.settimeout(DEADLINE)

    def close(self) -> None:
        for client in self._clients:
            client.close()

    @property
    def is_done(self) -> bool:
        return self._sent * ACK_SIZE == self._acked_bytes and self._sent == self._arrived

    def go_on(self) -> None:
        done = min(self._acked_bytes // ACK_SIZE, self._arrived)
        room = self._window - (self._sent - done)
        if room > 0 and not self.stop:
            self._sent_at.extend([perf_counter()] * room)
            self._sent += room
            self._clients[0].socket.send(self._frame * room)

    def _on_ack(self) -> None:
        self._acked_bytes += len(self._clients[0].socket.recv(65_536))
        self.go_on()

    def _on_message(self) -> None:
        self._arrived_bytes += len(self._clients[1].socket.recv(65_536))
        now = perf_counter()
        for _ in range(self._arrived_bytes // self._size - self._arrived):
            self.latencies.append(now - self._sent_at.popleft())
        self._arrived = self._arrived_bytes // self._size
        self.go_on()


def relay(loop: Loop, pairs: list[Pair], seconds: float) -> tuple[float, list[float]]:
    """Relays for some time; returns messages a second and all latencies in order of size."""
    for pair in pairs:
        pair.latencies, pair.stop = [], False
        pair.begin()
    start = perf_counter()
    for pair in pairs:
        pair.go_on()
    while perf_counter() - start < seconds:
        loop.turn()
    took = perf_counter() - start
    count = sum(len(pair.latencies) for pair in pairs)
    for pair in pairs:
        pair.stop = True
    while not all(pair.is_done for pair in pairs):
        loop.turn()
    for pair in pairs:
        pair.end()
    return count / took, sorted(latency for pair in pairs for latency in pair.latencies)


class Visit:
    """Connect, register, log in, log out, and all over again."""

    def __init__(self, loop: Loop, address: Address, names: Iterable[bytes], source: str) -> None:
        self._loop = loop
        self._address = address
        self._names = iter(names)
        self._source = source
        self.visits = 0
        self.stop = False
        self.start()

    def start(self) -> None:
        self._name = next(self._names)
        self._frames = FrameReader()
        self._logins = 0
        self._client = Client(self._address, self._source)
        self._loop.add(self._client.socket, self._on_data)
        self._client.send(RegisterUser(self._name, PUBLIC_KEY))

    def _on_data(self) -> None:
        data = self._client.socket.recv(65_536)
        if not data:
            self._loop.remove(self._client.socket)
            self._client.close()
            self.visits += 1
            if not self.stop:
                self.start()
            return
        for kind, payload in self._frames.feed(data):
            self._on_frame(kind, payload)

    def _on_frame(self, kind: int, payload: bytes) -> None:
        if kind == MessageType.REGISTER_RESPONSE:
            self._client.send(LoginUser(self._name, bytes(64)))
        elif kind == MessageType.LOGIN_RESPONSE and self._logins == 0:
            self._logins = 1
            self._client.send(LoginUser(self._name, SIGNER.sign(payload[1:]).signature))
        elif kind == MessageType.LOGIN_RESPONSE:
            self._client.send(Logout())


def visit(address: Address, parallel: int, seconds: float, names: Iterable[bytes], source: str) -> float:
    """Visits for some time; returns visits a second."""
    loop = Loop()
    shared = iter(names)
    start = perf_counter()
    visits = [Visit(loop, address, shared, source) for _ in range(parallel)]
    while perf_counter() - start < seconds:
        loop.turn()
    rate = sum(each.visits for each in visits) / (perf_counter() - start)
    done = [each.visits for each in visits]
    for each in visits:
        each.stop = True
    while any(each.visits == before for each, before in zip(visits, done, strict=True)):
        loop.turn()
    return rate


def ask(clients: list[Client], requests: Iterable[bytes], size: int, window: int, seconds: float) -> float:
    """Keeps so many requests of each client on their way, whose replies have this size; returns replies a second."""
    loop = Loop()
    shared = iter(requests)
    counts = [0] * len(clients)

    def go_on(client: Client, place: int) -> None:
        before = counts[place] // size
        counts[place] += len(client.socket.recv(65_536))
        client.socket.sendall(b"".join([next(shared) for _ in range(counts[place] // size - before)]))

    for place, client in enumerate(clients):
        client.socket.sendall(b"".join([next(shared) for _ in range(window)]))
        loop.add(client.socket, lambda client=client, place=place: go_on(client, place))  # type: ignore[misc]
    start = perf_counter()
    while perf_counter() - start < seconds:
        loop.turn()
    return sum(count // size for count in counts) / (perf_counter() - start)
