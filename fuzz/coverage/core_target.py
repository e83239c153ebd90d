"""Coverage-guided fuzzing of the reference server's core: whatever happens on its connections, it returns effects.

    python fuzz/coverage/core_target.py [FOLDER…] [-max_total_time=60]

An input is a list of events: connections come and go, users log in with right signatures, bytes come and are cut anywhere, peers
stop reading, time passes. Any exception is a finding, and so is a frame that the codec cannot read, an effect for a connection
that there is not, or a write out of its order.
"""

from __future__ import annotations

import hashlib
import sys
from itertools import count

import atheris
from nacl.signing import SigningKey

with atheris.instrument_imports(include=["cchatspec"]):
    from cchatspec.reference.core import Core
    from cchatspec.reference.effects import (
        AddMessage,
        AddUser,
        Close,
        Drain,
        Effect,
        EndTurn,
        Note,
        RemoveMessages,
        ReserveIds,
        Send,
        Snapshot,
    )
    from cchatspec.reference.limits import Limits
    from cchatspec.spec import (
        PAYLOAD_LIMIT,
        FrameReader,
        LoginResponse,
        LoginUser,
        RegisterUser,
        build,
        frame_bytes,
        parse,
    )

_WRITES = (AddUser, AddMessage, RemoveMessages, ReserveIds)
_NAMES = tuple(f"user{number}".encode() for number in range(4))
_SIGNERS = {name: SigningKey(hashlib.sha256(name).digest()) for name in _NAMES}
_TIGHT = Limits(rate=5, burst=20, queue_limit=3, queue_total=600, max_connections=4, high_water=300, slow_total=900)
_MOST_CONNECTIONS = 6


class World:
    """A core, and a shell that carries out its effects."""

    def __init__(self, limits: Limits) -> None:
        numbers = count(1)
        self.core = Core(Snapshot(), lambda size: next(numbers).to_bytes(size, "big"), limits)
        self.now = 100.0
        self.open: dict[int, FrameReader] = {}
        self.challenges: dict[int, bytes] = {}
        self.draining: set[int] = set()
        self.turn_ends = False
        self.written = 0

    def carry_out(self, effects: list[Effect]) -> None:
        """Check each effect, and do what a shell does about it."""
        for effect in effects:
            match effect:
                case Send(connection, data, after):
                    assert after <= self.written, "it waits for a write that was not asked for"
                    self.read(connection, data)
                case Close(connection):
                    assert connection in self.open, "it closes a connection that there is not"
                case Drain(connection):
                    self.draining.add(connection)
                case EndTurn():
                    self.turn_ends = True
                case Note():
                    pass
                case _:
                    assert isinstance(effect, _WRITES), f"no effect: {effect!r}"
                    assert effect.sequence == self.written + 1, "a write is out of its order"
                    self.written = effect.sequence

    def read(self, connection: int, data: bytes) -> None:
        """Read what is sent, as a client does."""
        assert connection in self.open, "it sends to a connection that there is not"
        for frame in self.open[connection].feed(data):
            message = parse(frame.type, frame.payload)
            assert frame.type & 0x80, "it sends a request"
            if isinstance(message, LoginResponse) and message.challenge:
                self.challenges[connection] = message.challenge

    # Events

    def connect(self) -> None:
        """A connection comes; one beyond the limit is turned away."""
        if len(self.open) < _MOST_CONNECTIONS:
            number, effects = self.core.connect(self.now)
            self.open[number] = FrameReader(PAYLOAD_LIMIT)
            self.carry_out(effects)

    def receive(self, connection: int, data: bytes) -> None:
        """Bytes come."""
        self.carry_out(self.core.receive(connection, data, self.now, self.now))

    def log_in(self, connection: int, name: bytes) -> None:
        """Somebody registers and logs in."""
        signer = _SIGNERS[name]
        self.receive(connection, build(RegisterUser(name, bytes(signer.verify_key))))
        self.receive(connection, build(LoginUser(name, bytes(64))))
        challenge = self.challenges.pop(connection, bytes(32))
        self.receive(connection, build(LoginUser(name, signer.sign(challenge).signature)))

    def disconnect(self, connection: int) -> None:
        """A connection is gone; nothing may be sent to it from now on."""
        del self.open[connection]
        self.challenges.pop(connection, None)
        self.draining.discard(connection)
        self.carry_out(self.core.disconnect(connection))

    def drain(self, connection: int) -> None:
        """All that was sent has left."""
        if connection in self.draining:
            self.draining.discard(connection)
            self.carry_out(self.core.drained(connection, self.now, self.now))

    def pass_time(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        self.carry_out(self.core.tick(self.now))

    def end_turn(self) -> None:
        """The turn ends, if it was asked for."""
        if self.turn_ends:
            self.turn_ends = False
            self.carry_out(self.core.end_turn())


def play(world: World, given: atheris.FuzzedDataProvider) -> None:
    """One event."""
    kind = given.ConsumeIntInRange(0, 11)
    if kind == 0 or not world.open:
        world.connect()
        return
    connection = list(world.open)[given.ConsumeIntInRange(0, len(world.open) - 1)]
    match kind:
        case 1:
            world.log_in(connection, _NAMES[given.ConsumeIntInRange(0, len(_NAMES) - 1)])
        case 2 | 3 | 4:
            request, size = given.ConsumeIntInRange(0, 9), given.ConsumeIntInRange(0, 80)
            world.receive(connection, frame_bytes(request, given.ConsumeBytes(size)))
        case 5 | 6:
            name = _NAMES[given.ConsumeIntInRange(0, len(_NAMES) - 1)]
            body = given.ConsumeBytes(given.ConsumeIntInRange(0, 200))
            payload = bytes([len(name)]) + name + len(body).to_bytes(2, "big") + body
            world.receive(connection, frame_bytes(4, payload))
        case 7:
            world.receive(connection, given.ConsumeBytes(given.ConsumeIntInRange(0, 20)))
        case 8:
            world.drain(connection)
        case 9:
            world.carry_out(world.core.choke(connection))
        case 10:
            world.disconnect(connection)
        case 11 if given.ConsumeBool():
            world.carry_out(world.core.finish(connection, world.now, world.now))
        case _:
            world.pass_time(given.ConsumeIntInRange(0, 100))
    world.end_turn()


def test_one_input(data: bytes) -> None:
    """One input: a conversation of up to some hundred events, and the shutdown."""
    given = atheris.FuzzedDataProvider(data)
    world = World(_TIGHT if given.ConsumeBool() else Limits(rate=0))
    while given.remaining_bytes():
        play(world, given)
    world.carry_out(world.core.shutdown())


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
