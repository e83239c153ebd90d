from __future__ import annotations

from collections.abc import Callable
from itertools import chain, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.reference.conftest import CLOSED, Client, Talk, ask_login, error, prove, register

from cchatspec.reference.limits import Limits
from cchatspec.reference.outlet import REQUEST_COST, TURN_BYTES
from cchatspec.spec import (
    CLIENT_PAYLOAD_LIMIT,
    ErrorCode,
    GetMessages,
    GetPublicKey,
    ListUsers,
    Logout,
    PublicKeyResponse,
    SendMessage,
    SetStatus,
    build,
    frame_bytes,
)

MALFORMED = error(ErrorCode.INVALID_MESSAGE_FORMAT)
PARTIAL_SECONDS = Limits().frame_timeout
FENCE = build(GetPublicKey(b"nobody"))
FENCED = PublicKeyResponse(0)


@pytest.mark.parametrize("kind", sorted({0x00, *range(0x09, 0x100)}), ids="0x{:02x}".format)
def test_a_type_that_is_no_request_is_refused_and_the_connection_lives(alice: Client, kind: int) -> None:
    assert alice.ask(frame_bytes(kind, b""), FENCE) == [MALFORMED, FENCED]


BROKEN = {
    "cut-short": frame_bytes(0x03, b"\5abc"),
    "no-length": frame_bytes(0x03, b""),
    "trailing": frame_bytes(0x03, b"\1ab"),
    "short-key": frame_bytes(0x01, b"\1a" + bytes(31)),
    "body-too-long": frame_bytes(0x04, b"\5alice\xff\xffx"),
    "status": frame_bytes(0x06, b"\3"),
    "poll-with-payload": frame_bytes(0x05, b"x"),
    "list-with-payload": frame_bytes(0x07, b"x"),
    "logout-with-payload": frame_bytes(0x08, b"x"),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_malformed_payload_is_refused_and_has_no_effect(alice: Client, data: bytes) -> None:
    assert alice.ask(data, FENCE) == [MALFORMED, FENCED]


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_malformed_payload_is_refused_before_login_too(talk: Talk, data: bytes) -> None:
    assert talk.connect().ask(data, Logout()) == [MALFORMED, CLOSED]


def test_the_largest_request_is_taken(talk: Talk, alice: Client) -> None:
    name = b"n" * 255
    reader = talk.login(name)
    alice.send(frame_bytes(0x04, b"\xff" + name + b"\xff\xff" + bytes(65_535)))

    assert len(reader.got()) == 1


@pytest.mark.parametrize("length", [CLIENT_PAYLOAD_LIMIT + 1, 2**32 - 1])
def test_a_header_beyond_the_limit_is_refused_at_once(alice: Client, bob: Client, length: int) -> None:
    assert alice.ask(FENCE, frame_bytes(0x04, b"", length), FENCE) == [FENCED, MALFORMED, CLOSED]


def test_half_a_frame_is_ended_some_day(talk: Talk, alice: Client) -> None:
    alice.send(FENCE[:-1])
    talk.tick(PARTIAL_SECONDS + 1)

    assert alice.got() == [error(ErrorCode.CONNECTION_TERMINATED), CLOSED]


def test_idle_connections_and_those_that_go_on_are_left_alone(talk: Talk, alice: Client, bob: Client) -> None:
    alice.send(FENCE[:-1])
    talk.now += PARTIAL_SECONDS
    alice.send(FENCE[-1:] + FENCE[:-1])
    talk.tick(PARTIAL_SECONDS)

    assert alice.got() == [FENCED] and bob.got() == []


def test_a_turn_is_bounded_in_requests() -> None:
    alice = Talk(drains=False).login(b"alice")
    alice.drain()

    assert len(alice.ask(FENCE * 10_000)) == TURN_BYTES // (REQUEST_COST + 6) + 1


def test_all_turns_together_answer_everything(alice: Client) -> None:
    assert alice.ask(FENCE * 10_000) == [FENCED] * 10_000


# Every segmentation


def transcript() -> bytes:
    """A conversation that touches every request, two wrong frames, and an end; challenges are counted from 1."""
    return b"".join(
        [
            build(register(b"dave")),
            build(ask_login(b"dave")),
            build(prove(b"dave", (3).to_bytes(32, "big"))),
            build(GetPublicKey(b"alice")),
            build(SendMessage(b"alice", b"hello")),
            build(SendMessage(b"dave", bytes(300))),
            build(SendMessage(b"absent", b"later")),
            frame_bytes(0x55, b"what"),
            frame_bytes(0x06, b"\3"),
            build(GetMessages()),
            build(SetStatus(2)),
            build(ListUsers()),
            build(Logout()),
            FENCE,
        ]
    )


TRANSCRIPT = transcript()


def outcome(*segments: bytes) -> list[tuple[bytes, bool]]:
    """What every connection was sent, and whether it was closed, when the conversation comes in these segments."""
    talk = Talk()
    talk.register(b"absent")
    for name in (b"alice", b"bob"):
        talk.login(name)
    client = talk.connect()
    for segment in segments:
        client.send(segment)
    return [(bytes(each.arrived), each.is_closed) for each in talk.clients.values()]


WHOLE = outcome(TRANSCRIPT)


def test_the_transcript_logs_in_and_ends() -> None:
    assert WHOLE[-1][1] and b"hello" in WHOLE[1][0]


@pytest.mark.parametrize("at", range(len(TRANSCRIPT) + 1))
def test_any_single_split_changes_nothing(at: int) -> None:
    assert outcome(TRANSCRIPT[:at], TRANSCRIPT[at:]) == WHOLE


def test_one_byte_at_a_time_changes_nothing() -> None:
    assert outcome(*(TRANSCRIPT[at : at + 1] for at in range(len(TRANSCRIPT)))) == WHOLE


@given(st.sets(st.integers(0, len(TRANSCRIPT)), max_size=12))
def test_any_segmentation_changes_nothing(cuts: set[int]) -> None:
    edges = [0, *sorted(cuts), len(TRANSCRIPT)]

    assert outcome(*(TRANSCRIPT[start:end] for start, end in pairwise(edges))) == WHOLE


# Nothing makes the core raise

frames = st.builds(frame_bytes, st.integers(0, 0x0A) | st.integers(0, 0xFF), st.binary(max_size=80))
near_misses = st.sampled_from([*BROKEN.values(), build(ask_login(b"alice")), build(SendMessage(b"alice", b"x"))])
anything = st.lists(st.binary(max_size=40) | frames | near_misses, max_size=12)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(anything, st.sampled_from([Talk.connect, lambda talk: talk.login(b"mallory")]))
def test_no_bytes_make_the_core_raise(segments: list[bytes], arrive: Callable[[Talk], Client]) -> None:
    talk = Talk()
    alice = talk.login(b"alice")
    mallory = arrive(talk)
    for segment in segments:
        mallory.send(segment)
    mallory.lose()
    alice.got()

    assert alice.ask(FENCE) == [FENCED]


@given(anything)
def test_every_reply_is_a_frame(segments: list[bytes]) -> None:
    client = Talk().connect()
    replies = list(chain.from_iterable(client.ask(segment) for segment in segments))

    assert len(replies) <= sum(map(len, segments))
