"""How much the core takes: rates, queues, connections and silence. The clock is the talk's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.reference.conftest import CLOSED, UNLIMITED, Client, Talk, ask_login, error, prove, register

from cchatspec.reference.effects import AddMessage, RemoveMessages
from cchatspec.reference.limits import FLOOD_FACTOR, Bucket, Limiter, Limits
from cchatspec.reference.queues import MESSAGE_COST
from cchatspec.spec import (
    AckStatus,
    ErrorCode,
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    Logout,
    MessageAck,
    PublicKeyResponse,
    SendMessage,
    StatusUpdate,
    build,
)

FENCE = build(GetPublicKey(b"nobody"))
FENCED = PublicKeyResponse(0)
LIMITED = error(ErrorCode.RATE_LIMIT_EXCEEDED)
TERMINATED = error(ErrorCode.CONNECTION_TERMINATED)

#: A login with registration takes three requests.
SLOW = Limits(rate=1, burst=8)


def limited(**limits: float) -> Talk:
    return Talk(limits=replace(UNLIMITED, **limits))


# The rate


def test_a_burst_is_taken_and_what_is_over_it_refused() -> None:
    alice = Talk(limits=SLOW).login(b"alice")

    assert alice.ask(FENCE * 7) == [FENCED] * 5 + [LIMITED] * 2


def test_time_brings_back_what_was_used() -> None:
    talk = Talk(limits=SLOW)
    alice = talk.login(b"alice")
    alice.send(FENCE * 6)
    talk.now += 2

    assert alice.ask(FENCE * 3) == [FENCED] * 2 + [LIMITED]


def test_a_refused_request_has_no_effect() -> None:
    talk = Talk(limits=SLOW)
    alice = talk.login(b"alice")
    alice.send(FENCE * 5, SendMessage(b"alice", b"x"))

    assert not talk.writes[1:]


def test_a_new_connection_does_not_bring_a_user_more() -> None:
    talk = Talk(limits=SLOW)
    talk.login(b"alice").send(FENCE * 5)
    again = talk.connect()
    again.send(prove(b"alice", again.challenge(b"alice")))

    assert again.ask(FENCE) == [LIMITED]


def test_nobody_is_limited_for_what_another_did() -> None:
    talk = Talk(limits=SLOW)
    busy, alice = talk.login(b"busy"), talk.login(b"alice")
    busy.send(FENCE * 20)

    assert alice.ask(FENCE)[-1] == FENCED


def test_asking_for_anothers_challenge_uses_none_of_theirs() -> None:
    talk = Talk(limits=SLOW)
    alice = talk.login(b"alice")
    for _ in range(3):
        talk.connect().send(*[ask_login(b"alice")] * 8)

    assert alice.ask(FENCE) == [FENCED]


def test_wrong_frames_count_too() -> None:
    assert Talk(limits=SLOW).connect().ask(b"\0\0\0\0\x55" * 9)[-1] == LIMITED


def test_over_ten_times_the_limit_the_connection_is_closed() -> None:
    replies = Talk(limits=SLOW).login(b"alice").ask(FENCE * FLOOD_FACTOR * 9)

    assert replies[-3:] == [LIMITED, LIMITED, CLOSED] and len(replies) == 5 + 9 * 8 + 2


def test_under_ten_times_the_limit_the_connection_lives() -> None:
    talk = Talk(limits=SLOW)
    alice = talk.login(b"alice")
    for _ in range(20):
        alice.send(FENCE * 9)
        talk.now += 1

    assert CLOSED not in alice.got()


def test_a_client_over_the_limit_can_log_out() -> None:
    assert Talk(limits=SLOW).login(b"alice").ask(FENCE * 6, Logout())[-2:] == [LIMITED, CLOSED]


@given(st.lists(st.floats(0, 3), max_size=60), st.integers(1, 20), st.floats(0.5, 100))
def test_no_more_are_taken_than_burst_and_rate_allow(pauses: list[float], burst: int, rate: float) -> None:
    limiter, bucket, start = Limiter(rate, burst), Bucket(), 1000.0
    now = start
    taken = 0
    for pause in pauses:
        now += pause
        taken += limiter.takes(bucket, now)

    assert taken <= burst + rate * (now - start) + 1


# Queues


def ids(replies: list[object]) -> list[int]:
    return [reply.message_id for reply in replies if isinstance(reply, IncomingMessage)]


def test_a_full_queue_is_said_and_nothing_is_promised() -> None:
    talk = limited(queue_limit=2)
    talk.register(b"bob")
    acks = talk.login(b"alice").ask(*[SendMessage(b"bob", b"x")] * 3)

    assert acks == [MessageAck(1, AckStatus.QUEUED), MessageAck(2, AckStatus.QUEUED), MessageAck(3, AckStatus.FAILED)]


def test_what_no_queue_had_room_for_is_not_stored() -> None:
    talk = limited(queue_limit=2)
    talk.register(b"bob")
    talk.login(b"alice").send(*[SendMessage(b"bob", b"x")] * 3)

    assert sum(isinstance(write, AddMessage) for write in talk.writes) == 2


def test_a_full_queue_has_room_again_when_its_messages_have_left() -> None:
    talk = limited(queue_limit=1)
    alice, bob = talk.login(b"alice"), talk.login(b"bob")
    bob.lose()
    alice.send(SendMessage(b"bob", b"x"))
    talk.login(b"bob").ask(GetMessages(), Logout())

    assert alice.ask(SendMessage(b"bob", b"y"))[-1] == MessageAck(2, AckStatus.QUEUED)


def test_messages_that_are_on_their_way_out_hold_their_room() -> None:
    talk = Talk(limits=replace(UNLIMITED, queue_limit=1), drains=False)
    talk.register(b"bob")
    alice = talk.login(b"alice")
    alice.send(SendMessage(b"bob", b"x"))
    bob = talk.login(b"bob")
    bob.send(GetMessages())
    bob.choke()

    assert alice.ask(SendMessage(b"bob", b"y"))[-1] == MessageAck(2, AckStatus.FAILED)


def test_the_messages_of_all_users_together_are_bounded() -> None:
    talk = limited(queue_total=MESSAGE_COST + 3)
    talk.register(b"bob", b"carol")
    acks = talk.login(b"alice").ask(SendMessage(b"bob", b"xy"), SendMessage(b"carol", b"xy"))

    assert acks == [MessageAck(1, AckStatus.QUEUED), MessageAck(2, AckStatus.FAILED)]


# Readers that are slow


@pytest.fixture
def slow(talk: Talk, alice: Client) -> Client:
    slow = talk.login(b"slow")
    alice.got()
    talk.drains = False
    slow.choke()
    return slow


def test_a_message_to_a_slow_reader_is_queued(alice: Client, slow: Client) -> None:
    assert alice.ask(SendMessage(b"slow", b"x")) == [MessageAck(1, AckStatus.QUEUED)] and slow.got() == []


def test_what_was_queued_comes_unasked_when_the_reader_reads(alice: Client, slow: Client) -> None:
    alice.send(SendMessage(b"slow", b"1"), SendMessage(b"slow", b"2"))
    slow.drain()

    assert ids([*slow.got()]) == [1, 2]


def test_what_is_sent_then_comes_behind_it(alice: Client, slow: Client) -> None:
    alice.send(*[SendMessage(b"slow", bytes(65_535))] * 6)
    slow.drain()
    alice.send(SendMessage(b"slow", b"last"))
    slow.drain()

    assert ids([*slow.got()]) == [1, 2, 3, 4, 5, 6, 7]


def test_a_message_that_a_slow_reader_was_given_leaves_the_store(talk: Talk, alice: Client, slow: Client) -> None:
    alice.send(SendMessage(b"slow", b"x"))
    slow.drain()
    slow.drain()

    assert talk.writes[-1] == RemoveMessages(talk.writes[-1].sequence, (1,))


def test_what_waited_before_the_login_still_waits_for_the_poll(talk: Talk, alice: Client) -> None:
    talk.register(b"bob")
    alice.send(SendMessage(b"bob", b"before"))
    bob = talk.login(b"bob")
    bob.choke()

    assert bob.got() == []


def test_a_slow_reader_is_told_the_latest_status_of_each(talk: Talk, alice: Client, slow: Client) -> None:
    bob = talk.login(b"bob")
    for status in (2, 0, 2):
        bob.send(b"\0\0\0\1\6" + bytes([status]))
    alice.send(b"\0\0\0\1\6\2")
    slow.drain()

    assert slow.got() == [StatusUpdate(b"bob", 2), StatusUpdate(b"alice", 2)]


def test_a_slow_reader_that_was_replaced_is_told_nothing_more(talk: Talk, alice: Client, slow: Client) -> None:
    alice.send(SendMessage(b"slow", b"x"), b"\0\0\0\1\6\2")
    talk.login(b"slow")
    slow.drain()

    assert slow.got() == [TERMINATED, CLOSED]


def test_what_was_queued_for_a_slow_reader_is_kept_for_the_next_session(
    talk: Talk, alice: Client, slow: Client
) -> None:
    alice.send(SendMessage(b"slow", b"x"))
    slow.lose()

    assert ids([*talk.login(b"slow").ask(GetMessages())]) == [1]


# Connections


def test_a_connection_beyond_the_limit_is_told_so_and_closed() -> None:
    talk = limited(max_connections=1)
    talk.connect()

    assert talk.connect().got() == [error(ErrorCode.SERVER_ERROR), CLOSED]


def test_a_connection_that_goes_makes_room() -> None:
    talk = limited(max_connections=1)
    talk.connect().lose()

    assert talk.connect().got() == []


def test_the_limit_of_connections_is_noted_once() -> None:
    talk = limited(max_connections=1)
    for _ in range(4):
        talk.connect()

    assert [note.event for note in talk.notes] == ["connection limit reached"]


# Silence


@pytest.mark.parametrize(
    ("limits", "reason"),
    [({"idle_timeout": 9.0}, "idle timeout"), ({"login_timeout": 9.0}, "login timeout")],
    ids=["idle", "login"],
)
def test_a_silent_stranger_is_sent_away(limits: dict[str, float], reason: str) -> None:
    talk = limited(**limits)
    stranger = talk.connect()
    talk.tick(10)

    assert stranger.got() == [TERMINATED, CLOSED] and talk.notes[-1].detail == reason


def test_who_has_logged_in_in_time_may_stay() -> None:
    talk = limited(login_timeout=9.0)
    alice = talk.login(b"alice")
    talk.tick(10)

    assert alice.got() == []


def test_who_sends_or_is_sent_messages_is_not_idle() -> None:
    talk = limited(idle_timeout=9.0)
    alice, bob = talk.login(b"alice"), talk.login(b"bob")
    talk.now += 8
    alice.send(SendMessage(b"bob", b"x"))
    talk.tick(8)

    assert CLOSED not in alice.got() + bob.got()


def test_who_has_not_read_is_not_called_silent() -> None:
    talk = limited(idle_timeout=9.0, frame_timeout=9.0)
    talk.drains = False
    alice = talk.login(b"alice")
    alice.send(FENCE[:3])
    alice.choke()
    talk.tick(10)

    assert alice.got() == []


def test_without_timeouts_everybody_may_stay() -> None:
    talk = limited(idle_timeout=0, frame_timeout=0, login_timeout=0)
    stranger = talk.connect()
    stranger.send(FENCE[:3])
    talk.tick(1e9)

    assert stranger.got() == []


def test_the_bytes_of_half_a_frame_do_not_prolong_it() -> None:
    talk = limited(frame_timeout=9.0)
    alice = talk.login(b"alice")
    for at in range(4):
        alice.send(FENCE[at : at + 1])
        talk.tick(3)

    assert alice.got() == [TERMINATED, CLOSED]


@pytest.mark.parametrize(
    ("limits", "tick"),
    [(Limits(), 2.0), (Limits(frame_timeout=1), 0.25), (Limits(idle_timeout=0, login_timeout=0), 2.0)],
)
def test_time_is_looked_at_as_often_as_the_shortest_timeout_needs(limits: Limits, tick: float) -> None:
    assert limits.tick == tick


def test_a_small_order_key_is_refused_as_malformed(talk: Talk) -> None:
    request = replace(register(b"eve"), public_key=b"\1" + bytes(31))

    assert talk.connect().ask(request)[0].error_code == ErrorCode.INVALID_MESSAGE_FORMAT  # type: ignore[union-attr]
