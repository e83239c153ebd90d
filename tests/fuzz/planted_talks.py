"""A conversation for each planted bug: what came from the right server, and what comes from the one with the bug."""

from __future__ import annotations

import socket
from collections.abc import Callable

from tests.fuzz.talk import Caller, Someone, Town, words

from cchatspec.fuzz.processes import open_files
from cchatspec.spec import (
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    LoginResponse,
    LoginUser,
    Logout,
    MessageAck,
    PublicKeyResponse,
    RegisterUser,
    SendMessage,
    SetStatus,
    StatusUpdate,
    frame_bytes,
)

Talk = Callable[[Town], object]

REGISTER, LOGIN, GET_KEY, SEND, POLL, STATUS, LIST = range(1, 8)


def fate_after(talk: Callable[[Town], object]) -> Talk:
    """What becomes of the server after a conversation."""

    def whole(town: Town) -> str:
        talk(town)
        return town.fate

    return whole


def before_login(*data: bytes) -> Talk:
    """The first reply to bytes on a fresh connection."""
    return lambda town: town.call().says(*data).hears()


def logged_in(town: Town) -> tuple[Someone, Caller]:
    someone = town.user()
    return someone, town.session(someone)


def in_session(*data: bytes, times: int = 1) -> Talk:
    """The first replies to bytes in a session."""
    return lambda town: logged_in(town)[1].says(*data).hears(times)


def named(name: bytes) -> bytes:
    return bytes([len(name)]) + name


def get_key(name: bytes) -> bytes:
    return frame_bytes(GET_KEY, named(name))


# Lengths


def long_body(size: int) -> Talk:
    """What a recipient and its sender get of a body of so many bytes."""

    def talk(town: Town) -> list[str]:
        (bob, to_bob), (_, to_alice) = logged_in(town), logged_in(town)
        to_alice.says(SendMessage(bob.name, bytes(size)))
        return [words(to_bob.until(IncomingMessage)), words(to_alice.until(MessageAck))]

    return talk


def short_body(town: Town) -> list[str]:
    alice, to_alice = logged_in(town)
    return to_alice.says(frame_bytes(SEND, named(alice.name) + b"\0\x05abcd")).hears()


def long_recipient(town: Town) -> list[str]:
    return logged_in(town)[1].says(SendMessage(b"n" * 240, b"body")).hears()


def long_list(town: Town) -> str:
    caller = town.call()
    for _ in range(80):
        caller.says(town.stranger(14).registers()).next()
    logged_in(town)[1].says(ListUsers()).next()
    return town.fate


def whole_buffer(town: Town) -> str:
    alice, to_alice = logged_in(town)
    to_alice.says(SendMessage(alice.name, bytes(4096 - 3 - len(alice.name)))).next()
    return town.fate


# Nothing


def empty_body(town: Town) -> list[str]:
    bob, (_, to_alice) = town.user(), logged_in(town)
    return to_alice.says(SendMessage(bob.name, b"")).hears()


# States


def register_in_login(town: Town) -> list[str]:
    alice, other, caller = town.user(), town.stranger(), town.call()
    caller.says(alice.asks(), other.registers()).hears(2)
    return caller.says(ListUsers()).hears()


def ask_in_session(town: Town) -> bytes:
    victim, (bob, to_bob), (_, to_alice) = town.user(), logged_in(town), logged_in(town)
    to_alice.says(victim.asks(), SendMessage(bob.name, b"body"))
    came = to_bob.until(IncomingMessage)
    return b"victim" if isinstance(came, IncomingMessage) and came.sender == victim.name else b"alice"


def wrong_proofs(times: int) -> Talk:
    """The replies to so many wrong proofs, each with a challenge of its own."""

    def talk(town: Town) -> list[str]:
        alice, caller, replies = town.user(), town.call(), []
        for _ in range(times):
            caller.says(alice.asks()).next()
            replies += caller.says(LoginUser(alice.name, b"\1" * 64)).hears()
        return replies

    return talk


def after_logout(town: Town) -> list[str]:
    alice, to_alice = logged_in(town)
    return to_alice.says(Logout(), GetPublicKey(alice.name)).hears()


def between(town: Town) -> list[str]:
    alice, caller = town.user(), town.call()
    return caller.says(alice.asks(), ListUsers()).hears(2)


def challenge_of_another(town: Town) -> list[str]:
    alice, first, second = town.user(), town.call(), town.call()
    first.says(alice.asks()).next()
    second.says(alice.asks())
    came = second.next()
    assert isinstance(came, LoginResponse) and came.challenge
    return first.says(alice.proves(came.challenge)).hears()


def proof_of_another(town: Town) -> list[str]:
    alice, bob, caller = town.user(), town.user(), town.call()
    caller.says(alice.asks())
    town.prove(caller, alice, bob.name)
    return caller.hears()


def second_key(town: Town) -> bool:
    alice, (_, caller) = town.user(), logged_in(town)
    caller.says(RegisterUser(alice.name, b"k" * 32)).next()
    return caller.says(GetPublicKey(alice.name)).next() == PublicKeyResponse(1, alice.key)


def failed_login(town: Town) -> list[str]:
    alice, to_alice = logged_in(town)
    caller = town.call()
    caller.says(alice.asks()).next()
    caller.says(LoginUser(alice.name, b"\1" * 64)).next()
    return to_alice.until_fence(alice)


def reset(town: Town) -> list[str]:
    (_, to_alice), (bob, to_bob) = logged_in(town), logged_in(town)
    to_bob.says(SetStatus(2))
    to_alice.until(StatusUpdate)
    to_bob.until_fence(bob)
    to_bob.resets()
    town.session(town.user())
    return [words(to_alice.says(SendMessage(bob.name, b"body")).until(MessageAck))]


# Messages and presence


def poll_after_push(town: Town) -> list[str]:
    alice, to_alice = logged_in(town)
    to_alice.says(SendMessage(alice.name, b"body")).hears(2)
    return to_alice.says(GetMessages()).until_fence(alice)


def full_queue(town: Town) -> int:
    bob, (_, to_alice) = town.user(), logged_in(town)
    to_alice.says(*[SendMessage(bob.name, b"body")] * 12)
    kept = to_alice.hears(12).count("MESSAGE_ACK 2")
    return kept - len(town.session(bob).says(GetMessages()).until_fence(bob))


def other_mailbox(town: Town) -> list[str]:
    bob, (eve, to_eve) = Someone(b"mailbox_ab"), (eve := Someone(b"mailbox_ba"), town.call())
    to_eve.says(bob.registers(), eve.registers(), eve.asks()).hears(2)
    town.prove(to_eve, eve)
    to_eve.until(LoginResponse)
    to_eve.says(SendMessage(bob.name, b"body")).next()
    return to_eve.says(GetMessages()).until_fence(eve)


def whose_status(town: Town) -> bool:
    (_, to_alice), (bob, to_bob) = logged_in(town), logged_in(town)
    to_alice.until(StatusUpdate)
    town.user()
    to_bob.says(SetStatus(2))
    return to_alice.until(StatusUpdate) == StatusUpdate(bob.name, 2)


def strange_status(town: Town) -> list[str]:
    alice, to_alice = logged_in(town)
    return to_alice.says(frame_bytes(STATUS, b"\x07")).until_fence(alice)


def note_to_oneself(town: Town) -> list[str]:
    alice, to_alice = logged_in(town)
    return sorted(to_alice.says(SendMessage(alice.name, b"body")).hears(2))


# Counters


def many_messages(town: Town) -> int:
    bob, (_, to_alice) = town.user(), logged_in(town)
    numbers = set()
    for _ in range(257):
        came = to_alice.says(SendMessage(bob.name, b"body")).next()
        numbers.add(came.message_id if isinstance(came, MessageAck) else 0)
    return len(numbers)


def many_requests(town: Town) -> set[str]:
    alice, to_alice = logged_in(town)
    return set(to_alice.says(*[GetPublicKey(alice.name)] * 256).hears(256))


def many_connections(town: Town) -> list[str]:
    alice, to_alice = logged_in(town)
    for _ in range(260):
        town.call().socket.close()
    return to_alice.until_fence(alice)


# Delivery


def split_header(town: Town) -> list[str]:
    alice, caller = town.user(), town.call()
    caller.says(alice.registers()[:3])
    town.user()
    return caller.says(alice.registers()[3:]).hears()


def many_in_one(town: Town) -> int:
    alice, to_alice = logged_in(town)
    return to_alice.says(get_key(alice.name) * 20).hears(20).count("PUBLIC_KEY_RESPONSE 1")


def half_frame(town: Town) -> str:
    town.call().says(frame_bytes(SEND, b"", 100))
    return town.fate


def slow_reader(town: Town) -> list[str]:
    (bob, to_bob), (alice, to_alice) = logged_in(town), logged_in(town)
    to_bob.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    to_alice.says(*[SendMessage(bob.name, bytes(60_000))] * 100)
    return to_alice.until_fence(alice)[-1:]


def late_reader(town: Town) -> bool:
    (bob, to_bob), (alice, to_alice) = logged_in(town), logged_in(town)
    to_alice.says(*[SendMessage(bob.name, bytes(60_000))] * 100).until_fence(alice)
    to_bob.until(StatusUpdate)
    return set(to_bob.hears(100)) == {"INCOMING 60000"}


def reset_in_frame(town: Town) -> str:
    alice, to_alice = logged_in(town)
    caller = town.call().says(get_key(alice.name)[:7])
    to_alice.until_fence(alice)
    caller.resets()
    to_alice.until_fence(alice)
    return town.fate


def half_close(town: Town) -> list[str]:
    alice, to_alice = logged_in(town)
    to_alice.says(GetPublicKey(alice.name)).socket.shutdown(socket.SHUT_WR)
    return to_alice.hears(2)


def two_pushes(town: Town) -> list[str]:
    (bob, to_bob), (_, to_alice) = logged_in(town), logged_in(town)
    to_bob.until(StatusUpdate)
    to_alice.says(SendMessage(bob.name, bytes(2000)), SendMessage(bob.name, b"short"))
    return to_bob.hears(2)


def logout_and_connect(town: Town) -> list[str]:
    _, to_alice = logged_in(town)
    to_alice.says(Logout()).next()
    to_alice.socket.close()
    return town.call().says(GetMessages()).hears()


# Memory


def grows(talk: Callable[[Town], object]) -> Talk:
    """Whether the server's memory has grown by more than 2 MiB when this was done eighty times."""

    def whole(town: Town) -> bool:
        talk(town)
        before = town.memory
        for _ in range(80):
            talk(town)
        return town.memory - before > 2048

    return whole


def one_failure(town: Town) -> None:
    caller, nobody = town.call(), Someone(b"forgetful")
    caller.says(nobody.registers(), nobody.asks(), LoginUser(nobody.name, b"\1" * 64)).hears(3)


def one_connection(town: Town) -> None:
    town.call().says(get_key(b"x")).next()


def left_open(town: Town) -> bool:
    """Whether descriptors of connections that were reset stay open."""
    caller = town.call()
    caller.says(get_key(b"x")).next()
    before = open_files(town.process.pid)
    for _ in range(20):
        visitor = town.call().says(get_key(b"x"))
        visitor.next()
        visitor.resets()
        caller.says(get_key(b"x")).next()
    return open_files(town.process.pid) - before > 10


# Deep


def deep(town: Town) -> Caller:
    alice, caller = town.stranger(), town.call()
    caller.says(alice.registers(), alice.asks()).next()
    town.prove(caller, alice)
    caller.until(LoginResponse)
    return caller.says(SetStatus(2), SendMessage(b"nobody", bytes(300)))


ALIVE, DEAD, HANGS = "alive", "dead", "hangs"

#: By bug: the conversation, what comes of it with the right server, and with the bug.
TALKS: dict[str, tuple[Talk, object, object]] = {
    "name-255-overflows": (fate_after(in_session(get_key(b"n" * 255))), ALIVE, DEAD),
    "name-length-signed": (fate_after(in_session(get_key(b"n" * 128))), ALIVE, DEAD),
    "inner-length-trusted": (fate_after(before_login(frame_bytes(REGISTER, b"\x09four"))), ALIVE, DEAD),
    "header-signed": (fate_after(before_login(frame_bytes(REGISTER, b"", 1 << 31))), ALIVE, DEAD),
    "huge-header-allocated": (fate_after(before_login(frame_bytes(REGISTER, b"", 1 << 30))), ALIVE, DEAD),
    "payload-4096-overflows": (whole_buffer, ALIVE, DEAD),
    "body-one-too-short": (short_body, ["ERROR 05"], ["INCOMING 5"]),
    "body-length-8-bit": (long_body(300), ["INCOMING 300", "MESSAGE_ACK 1"], ["INCOMING 44", "MESSAGE_ACK 1"]),
    "body-length-signed": (long_body(33_000), ["INCOMING 33000", "MESSAGE_ACK 1"], ["silence", "closed"]),
    "header-16-bit": (long_body(65_535), ["INCOMING 65535", "MESSAGE_ACK 1"], ["silence", "silence"]),
    "error-text-length": (long_recipient, ["ERROR 03"], ["unreadable"]),
    "list-overflows": (long_list, ALIVE, DEAD),
    "empty-name-waits": (fate_after(in_session(get_key(b""))), ALIVE, HANGS),
    "empty-body-waits": (empty_body, ["MESSAGE_ACK 2"], ["silence"]),
    "empty-payload-closes": (before_login(frame_bytes(LOGIN, b"")), ["ERROR 05"], ["closed"]),
    "format-in-names": (fate_after(in_session(get_key(b"%s%n"))), ALIVE, DEAD),
    "nul-ends-names": (
        lambda town: (alice := logged_in(town))[1].says(get_key(alice[0].name + b"\0x")).hears(),
        ["PUBLIC_KEY_RESPONSE 0"],
        ["PUBLIC_KEY_RESPONSE 1"],
    ),
    "name-not-utf8": (fate_after(in_session(get_key(b"\xff"))), ALIVE, DEAD),
    "unknown-type-crash": (fate_after(before_login(frame_bytes(0xFF, b""))), ALIVE, DEAD),
    "status-indexes-table": (fate_after(in_session(frame_bytes(STATUS, b"\xff"))), ALIVE, DEAD),
    "status-not-checked": (strange_status, ["ERROR 05"], []),
    "malformed-stays": (
        in_session(frame_bytes(GET_KEY, b"\5x"), frame_bytes(LIST, b""), times=2),
        ["ERROR 05", "USER_LIST"],
        ["ERROR 05", "ERROR 05"],
    ),
    "trailing-asserted": (fate_after(in_session(frame_bytes(POLL, b"x"))), ALIVE, DEAD),
    "register-logs-in": (register_in_login, ["ERROR 04"], ["USER_LIST"]),
    "asking-switches-user": (ask_in_session, b"alice", b"victim"),
    "second-proof-passes": (wrong_proofs(2), ["LOGIN_RESPONSE 0"] * 2, ["LOGIN_RESPONSE 0", "LOGIN_RESPONSE 1"]),
    "served-after-logout": (after_logout, ["closed"], ["PUBLIC_KEY_RESPONSE 1"]),
    "challenged-is-in": (between, ["LOGIN_RESPONSE 1", "ERROR 04"], ["LOGIN_RESPONSE 1", "USER_LIST"]),
    "last-challenge-of-all": (challenge_of_another, ["LOGIN_RESPONSE 0"], ["LOGIN_RESPONSE 1"]),
    "proof-names-anyone": (proof_of_another, ["LOGIN_RESPONSE 0"], ["LOGIN_RESPONSE 1"]),
    "duplicate-replaces-key": (second_key, True, False),
    "logout-of-nobody": (fate_after(before_login(frame_bytes(8, b""))), ALIVE, DEAD),
    "challenge-freed-twice": (fate_after(wrong_proofs(2)), ALIVE, DEAD),
    "failed-login-logs-out": (failed_login, [], ["closed"]),
    "reset-leaves-session": (reset, ["MESSAGE_ACK 2"], ["MESSAGE_ACK 1"]),
    "refused-as-login": (
        before_login(frame_bytes(REGISTER, bytes(33))),
        ["REGISTER_RESPONSE 0 01"],
        ["LOGIN_RESPONSE 0"],
    ),
    "delivered-twice": (poll_after_push, [], ["INCOMING 4"]),
    "queue-of-eight": (full_queue, 0, 4),
    "mailbox-by-hash": (other_mailbox, [], ["INCOMING 4"]),
    "status-of-the-newest": (whose_status, True, False),
    "self-send-deadlock": (note_to_oneself, ["INCOMING 4", "MESSAGE_ACK 1"], ["silence", "silence"]),
    "id-8-bit": (many_messages, 257, 256),
    "messages-256": (fate_after(many_messages), ALIVE, DEAD),
    "requests-256": (many_requests, {"PUBLIC_KEY_RESPONSE 1"}, {"PUBLIC_KEY_RESPONSE 1", "ERROR 04"}),
    "connections-256": (many_connections, [], ["silence"]),
    "split-header-lost": (split_header, ["REGISTER_RESPONSE 0 02"], ["ERROR 05"]),
    "sixteen-a-read": (many_in_one, 20, 16),
    "half-frame-holds": (half_frame, ALIVE, HANGS),
    "slow-reader-stalls": (slow_reader, ["MESSAGE_ACK 1"], ["silence"]),
    "short-write-lost": (late_reader, True, False),
    "reset-ends-accepting": (reset_in_frame, ALIVE, DEAD),
    "half-close-drops": (half_close, ["PUBLIC_KEY_RESPONSE 1", "closed"], ["closed", "closed"]),
    "thread-dies": (in_session(frame_bytes(SEND, b"\x01a\0\x09x")), ["ERROR 05"], ["silence"]),
    "frames-mixed": (two_pushes, ["INCOMING 2000", "INCOMING 5"], ["INCOMING 2000", "unreadable"]),
    "logout-races-accept": (logout_and_connect, ["ERROR 04"], ["closed"]),
    "leak-per-failure": (grows(one_failure), False, True),
    "leak-per-connection": (grows(one_connection), False, True),
    "descriptor-per-reset": (left_open, False, True),
    "depth-5": (lambda town: deep(town).hears(), ["ERROR 03"], ["closed"]),
    "depth-5-crash": (fate_after(lambda town: deep(town).hears()), ALIVE, DEAD),
}
