"""A peer against scripted servers: how connections end, and how frames are read."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from cchatspec.conformance.harness.outcomes import Blocked, Ending, RateLimited, Unreadable
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.reading import Deviation, Manners
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.harness.wirelog import KEPT_FRAMES, WireLog
from cchatspec.spec import (
    Error,
    ErrorCode,
    GetPublicKey,
    IncomingMessage,
    LoginResponse,
    Message,
    PublicKeyResponse,
    RegisterResponse,
    StatusUpdate,
    UserListResponse,
    build,
    frame_bytes,
)

RESET = struct.pack("ii", 1, 0)


@dataclass
class Scripted:
    """A server that does the same with every connection."""

    act: Callable[[socket.socket], None]
    deadline: float = 0.3
    notes: list[Deviation] = field(default_factory=list)
    paces: int = 0
    manners: Manners = field(default_factory=Manners)
    kept: list[socket.socket] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self.listener.getsockname()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.kept.append(sock)
            self.act(sock)

    def note(self, deviation: Deviation) -> None:
        self.notes.append(deviation)

    def challenged(self, challenge: bytes) -> None:
        """Nothing is remembered."""

    def saw(self, message: Message) -> None:
        pass

    def pace(self) -> bool:
        self.paces += 1
        return True

    def peer(self, account: Account | None = None) -> Peer:
        self.peers.append(Peer(self, account or Account(b"alice"), WireLog()))
        return self.peers[-1]

    def refuse(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def close(self) -> None:
        self.refuse()
        for peer in self.peers:
            peer.close()
        for sock in self.kept:
            sock.close()


@pytest.fixture
def scripted() -> Iterator[Callable[[Callable[[socket.socket], None]], Scripted]]:
    servers: list[Scripted] = []

    def start(act: Callable[[socket.socket], None]) -> Scripted:
        servers.append(Scripted(act))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


Start = Callable[[Callable[[socket.socket], None]], Scripted]


def sends(*data: bytes) -> Callable[[socket.socket], None]:
    return lambda sock: sock.sendall(b"".join(data))


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def test_a_clean_end_is_fin(scripted: Start) -> None:
    peer = scripted(lambda sock: sock.close()).peer()

    assert peer.receive() is Ending.FIN


def test_a_reset_is_rst(scripted: Start) -> None:
    peer = scripted(reset).peer()

    assert peer.receive() is Ending.RST


def test_silence_is_the_deadline(scripted: Start) -> None:
    peer = scripted(lambda sock: None).peer()

    assert peer.receive() is Ending.DEADLINE


def test_a_refused_connection_blocks(scripted: Start) -> None:
    server = scripted(lambda sock: None)
    server.refuse()

    with pytest.raises(Blocked, match="no longer accepts"):
        server.peer()


def test_what_came_before_the_end_is_read_first(scripted: Start) -> None:
    def act(sock: socket.socket) -> None:
        sock.sendall(build(Error(ErrorCode.CONNECTION_TERMINATED, b"bye")))
        sock.close()

    assert scripted(act).peer().until_end() == [Error(ErrorCode.CONNECTION_TERMINATED, b"bye"), Ending.FIN]


def test_status_updates_are_put_aside(scripted: Start) -> None:
    peer = scripted(sends(build(StatusUpdate(b"bob", 1)), build(PublicKeyResponse(0)))).peer()

    assert (peer.receive(), peer.updates) == (PublicKeyResponse(0), [StatusUpdate(b"bob", 1)])


def test_a_fence_returns_what_came_before_its_reply(scripted: Start) -> None:
    def act(sock: socket.socket) -> None:
        sock.recv(1000)
        sock.sendall(build(Error(5, b"")) + build(RegisterResponse(0, 2)) + build(Error(7, b"later")))

    assert scripted(act).peer().until_fence() == [Error(5, b"")]


def test_a_fence_of_a_session_is_its_own_key_and_no_other(scripted: Start) -> None:
    account = Account(b"alice")
    own, other = PublicKeyResponse(1, account.public_key), PublicKeyResponse(1, bytes(32))
    peer = scripted(sends(build(other), build(own))).peer(account)
    peer.logged_in = True

    assert peer.until_fence() == [other]


def test_a_fence_that_another_key_answers_ends_and_is_told_as_a_wrong_key(scripted: Start) -> None:
    server = scripted(sends(build(Error(5, b"")), build(PublicKeyResponse(1, bytes(32)))))
    peer = server.peer()
    peer.logged_in = True

    came = peer.until_fence()

    assert (came, [note.clause for note in server.notes]) == ([Error(5, b"")], ["KEY-FOUND"])


def test_a_fence_that_is_not_answered_ends_with_how(scripted: Start) -> None:
    peer = scripted(sends(build(Error(5, b"")))).peer()

    assert peer.until_fence() == [Error(5, b""), Ending.DEADLINE]


def test_a_clients_type_is_unreadable_by_its_header(scripted: Start) -> None:
    reply = scripted(sends(build(GetPublicKey(b"x")))).peer().receive()

    assert isinstance(reply, Unreadable)
    assert reply.clause == "FRAME-HEADER"


def test_a_length_that_no_message_has_is_unreadable_by_its_header(scripted: Start) -> None:
    reply = scripted(sends(frame_bytes(0x88, b"", 0xFFFFFFFF))).peer().receive()

    assert isinstance(reply, Unreadable)
    assert reply.clause == "FRAME-HEADER"


def test_half_a_frame_before_the_end_is_noted(scripted: Start) -> None:
    def act(sock: socket.socket) -> None:
        sock.sendall(build(Error(5, b"text"))[:-1])
        sock.close()

    server = scripted(act)
    server.peer().receive()

    assert [note.clause for note in server.notes] == ["FRAME-HEADER"]


@pytest.mark.parametrize(
    ("frame", "reading"),
    [
        (frame_bytes(0x81, b"\x01\x00"), RegisterResponse(1)),
        (frame_bytes(0x82, b"\x01"), LoginResponse(1, None)),
        (frame_bytes(0x82, bytes(33)), LoginResponse(0)),
        (frame_bytes(0x83, bytes(33)), PublicKeyResponse(0)),
    ],
    ids=["register", "login-success", "login-failure", "key"],
)
def test_a_common_slip_is_read_leniently_and_noted(scripted: Start, frame: bytes, reading: object) -> None:
    server = scripted(sends(frame))
    reply = server.peer().receive()

    assert (reply, [note.clause for note in server.notes]) == (reading, ["FRAME-LAYOUT"])


def test_a_wrong_count_is_read_by_the_users_and_noted(scripted: Start) -> None:
    server = scripted(sends(frame_bytes(0x86, b"\x00\x05" + b"\x01a\x00" + b"\x01b\x01")))
    reply = server.peer().receive()

    assert isinstance(reply, UserListResponse)
    assert ([user.username for user in reply.users], server.notes[0].clause) == ([b"a", b"b"], "LIST-COUNT")


def test_a_strict_peer_takes_no_lenient_reading(scripted: Start) -> None:
    peer = scripted(sends(frame_bytes(0x81, b"\x01\x00"))).peer()
    peer.lenient = False

    assert isinstance(peer.receive(), Unreadable)


@pytest.mark.parametrize(
    ("message", "clause"),
    [
        (Error(0x2A, b""), "ERROR-CODE"),
        (Error(5, b"\xff"), "ERROR-TEXT"),
        (RegisterResponse(0, 0), "ERROR-CODE"),
    ],
    ids=["code", "text", "registration"],
)
def test_a_wrong_value_is_noted_wherever_it_comes(scripted: Start, message: Error, clause: str) -> None:
    server = scripted(sends(build(message)))
    server.peer().receive()

    assert [note.clause for note in server.notes] == [clause]


def test_a_rate_limit_stops_the_case(scripted: Start) -> None:
    peer = scripted(sends(build(Error(ErrorCode.RATE_LIMIT_EXCEEDED, b"slow down")))).peer()

    with pytest.raises(RateLimited):
        peer.receive()


def test_frames_that_come_byte_by_byte_are_read(scripted: Start) -> None:
    message = IncomingMessage(7, b"bob", 1, b"hello")

    def act(sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in build(message):
            sock.sendall(bytes([byte]))

    assert scripted(act).peer().receive() == message


def test_a_header_that_announces_more_than_comes_is_unreadable(scripted: Start) -> None:
    peer = scripted(sends(frame_bytes(0x81, b"\x01", length=7))).peer()

    assert peer.receive() == Unreadable(
        "FRAME-HEADER",
        "6 bytes of a frame came, and before the deadline no more of what its header announces",
        frame_bytes(0x81, b"\x01", length=7),
    )


def test_a_length_that_counts_the_header_is_noted_once_and_read_as_what_it_means(scripted: Start) -> None:
    def act(sock: socket.socket) -> None:
        for reply in (frame_bytes(0x81, b"\x01", length=6), frame_bytes(0x81, b"\x00\x02", length=7)):
            sock.recv(1024)
            sock.sendall(reply)

    server = scripted(act)
    peer = server.peer()

    assert [peer.register(), peer.register(), [note.clause for note in server.notes]] == [
        RegisterResponse(1),
        RegisterResponse(0, 2),
        ["FRAME-HEADER"],
    ]


def test_a_length_that_counts_the_header_is_learned_by_the_first_reply_alone(scripted: Start) -> None:
    server = scripted(sends(frame_bytes(0x81, b"\x01", length=6)))
    server.manners.settled = True

    assert isinstance(server.peer().receive(), Unreadable)


def test_what_a_target_sends_on_each_connection_unasked_is_left_out_once_it_is_known(scripted: Start) -> None:
    server = scripted(sends(build(Error(7, b"hello")) + build(RegisterResponse(1))))
    server.manners.greeting = 1

    assert server.peer().receive() == RegisterResponse(1)


def endlessly(*data: bytes) -> Callable[[socket.socket], None]:
    """What repeats this until the connection ends."""
    block = b"".join(data) * 4096

    def act(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock.sendall(block)

    return act


def test_one_frame_without_end_is_a_flood(scripted: Start) -> None:
    server = scripted(endlessly(build(Error(5, b""))))
    last = server.peer().until_fence()[-1]

    assert (isinstance(last, Unreadable), {note.clause for note in server.notes}) == (True, {"FRAME-UNASKED"})


def test_bytes_without_end_that_are_no_frames_are_a_flood(scripted: Start) -> None:
    server = scripted(endlessly(b"HTTP/1.1 400 Bad Request\r\n"))
    came = server.peer().until_end()

    assert (came[-1], server.notes[-1].clause) == (Ending.DEADLINE, "FRAME-UNASKED")


def test_status_updates_without_end_are_no_reply(scripted: Start) -> None:
    server = scripted(endlessly(build(StatusUpdate(b"bob", 1))))
    server.deadline = 0.02

    assert server.peer().receive() is Ending.DEADLINE or server.notes[-1].clause == "FRAME-UNASKED"


def test_a_flood_ends_the_connection(scripted: Start) -> None:
    peer = scripted(endlessly(build(Error(5, b"")))).peer()
    peer.until_fence()
    peer.until_end()

    assert peer.register() is Ending.DEADLINE


def test_replies_none_of_which_is_the_last_end_with_a_deadline_for_all(scripted: Start) -> None:
    server = scripted(endlessly(build(Error(5, b""))))
    server.deadline = 0.01

    assert server.peer().until_fence()[-1] is Ending.DEADLINE


def test_of_a_flood_the_first_frames_are_kept(scripted: Start) -> None:
    peer = scripted(endlessly(build(Error(5, b"")))).peer()
    peer.until_fence()

    assert len(peer._log.entries) < 2 * KEPT_FRAMES


def answers_the_first_of_each_read(sock: socket.socket) -> None:
    """A server that takes what one recv returns for one request."""
    while sock.recv(4096):
        sock.sendall(build(PublicKeyResponse(0)))


def test_requests_to_a_target_that_answers_one_at_a_time_are_sent_one_at_a_time(scripted: Start) -> None:
    server = scripted(lambda sock: None)
    server.manners.one_at_a_time = True
    server.peer().send(*[GetPublicKey(b"x")] * 3)

    assert server.paces == 2


def test_what_has_its_reply_is_not_waited_for_again(scripted: Start) -> None:
    server = scripted(answers_the_first_of_each_read)
    server.manners.one_at_a_time = True
    peer = server.peer()
    peer.request(GetPublicKey(b"x"))
    peer.request(GetPublicKey(b"x"))

    assert server.paces == 0


def test_messages_that_come_twice_from_a_target_are_read_once(scripted: Start) -> None:
    one, other = (IncomingMessage(number, b"bob", 1, b"hello") for number in (7, 8))
    server = scripted(sends(*map(build, [one, one, one, one, other, other])))
    server.manners.doubled.add(IncomingMessage)
    peer = server.peer()

    assert [peer.receive() for _ in range(4)] == [one, one, other, Ending.DEADLINE]


def test_the_connection_by_which_a_target_is_given_time_waits_for_nobody(scripted: Start) -> None:
    def act(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while sock.recv(4096):
                sock.sendall(build(RegisterResponse(0, 2)) * 2)

    target = Target(*scripted(act).address)
    target.manners.one_at_a_time = True
    target.settle(Account(b"alice"), 0.001)
    is_given = target.pace()
    assert target._pacer is not None
    target._pacer.close()

    assert is_given
