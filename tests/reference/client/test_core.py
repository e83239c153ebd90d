"""The core alone: what is outstanding, what a reply answers, and that nothing from a server makes it raise."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cchatspec.reference.client.core import Answered, ClientCore, Event, Over, Pushed, Told
from cchatspec.reference.client.errors import Disconnected, Misuse, ProtocolViolation, Terminated
from cchatspec.reference.client.replies import LONGEST
from cchatspec.spec import (
    Error,
    ErrorCode,
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    LoginResponse,
    LoginUser,
    Logout,
    Message,
    MessageAck,
    PublicKeyResponse,
    RegisterResponse,
    SendMessage,
    SetStatus,
    StatusUpdate,
    User,
    UserListResponse,
    build,
    frame_bytes,
)

SEND = SendMessage(b"bob", b"x")
FENCE = GetPublicKey(b"alice")
FENCED = PublicKeyResponse(1, bytes(32))
REFUSAL = Error(ErrorCode.RATE_LIMIT_EXCEEDED, b"")
INCOMING = IncomingMessage(1, b"bob", 2, b"body")
UPDATE = StatusUpdate(b"bob", 2)


def core_with(*requests: Message) -> ClientCore:
    """A core that has asked for these; the tickets are 1, 2, …"""
    core = ClientCore()
    for request in requests:
        core.ask(request, FENCE if isinstance(request, SetStatus | GetMessages) else None)
    return core


def got(core: ClientCore, *messages: Message) -> list[Event]:
    return core.receive(b"".join(map(build, messages)))


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (LoginUser(b"alice", bytes(64)), LoginResponse(0)),
        (FENCE, FENCED),
        (SEND, MessageAck(7, 2)),
        (ListUsers(), UserListResponse((User(b"bob", 1),))),
    ],
)
def test_a_request_is_answered_by_its_reply_or_by_error(request_: Message, reply: Message) -> None:
    core = core_with(request_, request_)

    assert got(core, reply, REFUSAL) == [Answered(1, reply), Answered(2, REFUSAL)]


def test_pushes_between_request_and_reply_answer_nothing() -> None:
    core = core_with(SEND)

    assert got(core, UPDATE, INCOMING, MessageAck(1, 1)) == [
        Pushed(UPDATE),
        Pushed(INCOMING),
        Answered(1, MessageAck(1, 1)),
    ]


def test_a_reply_out_of_order_is_told_by_its_type() -> None:
    core = core_with(SEND, FENCE)

    assert got(core, FENCED, MessageAck(1, 1)) == [Answered(2, FENCED), Answered(1, MessageAck(1, 1))]


# Requests without a reply


def test_a_silent_request_has_succeeded_when_its_fence_is_answered() -> None:
    assert got(core_with(SetStatus(2)), FENCED) == [Answered(1, None)]


def test_a_silent_request_was_refused_when_an_error_stands_before_the_fence() -> None:
    assert got(core_with(GetMessages()), REFUSAL, FENCED) == [Answered(1, REFUSAL)]


def test_a_silent_request_was_refused_when_both_were() -> None:
    assert got(core_with(SetStatus(2)), REFUSAL, REFUSAL) == [Answered(1, REFUSAL)]


def test_one_error_alone_leaves_open_which_of_the_two_it_was_for() -> None:
    assert got(core_with(SetStatus(2)), REFUSAL) == []


def test_requests_behind_a_fence_are_held_back_until_it_is_answered() -> None:
    core = core_with(SetStatus(2), SEND)
    sent_before = core.data_to_send()
    got(core, FENCED)

    assert (sent_before, core.data_to_send()) == (build(SetStatus(2)) + build(FENCE), build(SEND))


def test_an_error_before_a_fenced_request_is_not_taken_for_it() -> None:
    core = core_with(SEND, SetStatus(2))

    assert got(core, REFUSAL, FENCED) == [Answered(1, REFUSAL), Answered(2, None)]


@pytest.mark.parametrize(("request_", "fence"), [(SetStatus(1), None), (SEND, FENCE)])
def test_a_fence_belongs_behind_silent_requests_alone(request_: Message, fence: Message | None) -> None:
    with pytest.raises(Misuse):
        ClientCore().ask(request_, fence)


# The end


def test_a_farewell_ends_the_connection_for_all() -> None:
    core = core_with(SEND)
    farewell = Error(ErrorCode.CONNECTION_TERMINATED, b"good \x1b[31mnight")
    (event,) = got(core, farewell, MessageAck(1, 1))

    assert isinstance(event, Over) and isinstance(event.error, Terminated)
    assert str(event.error) == "the server ended the connection: Connection terminated: good \\x1b[31mnight"


def test_the_end_says_what_the_server_said_last() -> None:
    core = ClientCore()
    told = got(core, Error(ErrorCode.SERVER_ERROR, b"too many"))
    (end,) = core.finish("Connection reset by peer")

    assert told == [Told(Error(ErrorCode.SERVER_ERROR, b"too many"))] and isinstance(end, Over)
    assert str(end.error) == (
        "the connection was lost: Connection reset by peer; the last the server said was: Server error: too many"
    )


def test_the_end_in_the_middle_of_a_frame_is_said() -> None:
    core = ClientCore()
    core.receive(build(UPDATE)[:-1])
    (end,) = core.finish()

    assert isinstance(end, Over) and isinstance(end.error, Disconnected)
    assert str(end.error) == "the connection was lost in the middle of a frame"


def test_a_logout_ends_without_an_error() -> None:
    core = core_with(SEND)
    core.data_to_send()
    core.leave()

    assert core.data_to_send() == build(Logout()) and core.finish() == [Over(None)]


def test_a_connection_that_is_left_takes_no_requests() -> None:
    core = ClientCore()
    core.leave()
    with pytest.raises(Misuse):
        core.ask(SEND)


# Hostile and broken servers


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (build(MessageAck(1, 1)), "it sent MESSAGE_ACK, which answers nothing that was asked"),
        (build(SEND), "it sent a frame of type 0x04, which no server sends"),
        (frame_bytes(0x99, b""), "it sent a frame of type 0x99, which no server sends"),
        (frame_bytes(0x87, b"\x01a\x07"), "it sent STATUS_UPDATE with the status 7, which is none"),
        (frame_bytes(0x85, b"\xff" * 9), "INCOMING_MESSAGE.sender at offset 4: "),
        (b"\xff\xff\xff\xff\x85", "a header announces a payload of 4294967295 bytes, and the limit is 65801"),
        (b"\x00\x01\x01\x0a\x86", "a header announces a payload of 65802 bytes, and the limit is 65801"),
        (frame_bytes(0x84, bytes(6)), "a header announces a payload of 6 bytes, and the limit is 5"),
    ],
)
def test_what_departs_from_the_protocol_ends_the_connection(data: bytes, words: str) -> None:
    (event,) = ClientCore().receive(data)

    assert isinstance(event, Over) and isinstance(event.error, ProtocolViolation)
    assert str(event.error).startswith(f"the server broke the protocol: {words}")


def test_a_long_list_is_taken_when_one_was_asked_for() -> None:
    users = UserListResponse(tuple(User(b"%06d" % number, 0) for number in range(65_535)))

    assert got(core_with(ListUsers()), users) == [Answered(1, users)]


@given(st.lists(st.binary(max_size=80), max_size=20))
def test_no_bytes_make_it_raise(pieces: list[bytes]) -> None:
    core = core_with(SEND, FENCE, SetStatus(1), ListUsers())
    events = [event for piece in pieces for event in core.receive(piece)] + core.finish()

    assert sum(isinstance(event, Over) for event in events) == 1


FRAMES = st.sampled_from([INCOMING, UPDATE, FENCED, MessageAck(1, 0), REFUSAL, RegisterResponse(1), Logout()]).map(
    build
)


@given(st.lists(FRAMES | st.binary(max_size=9), max_size=20))
def test_no_frames_make_it_raise(pieces: list[bytes]) -> None:
    core = core_with(SEND, FENCE, SetStatus(1), ListUsers())
    events = [event for piece in pieces for event in core.receive(piece)] + core.finish()

    assert sum(isinstance(event, Over) for event in events) == 1


# Segmentation and interleaving

REPLIES = [MessageAck(1, 1), FENCED, REFUSAL, UserListResponse((User(b"bob", 0),)), MessageAck(2, 2)]
REQUESTS = [SEND, FENCE, SEND, ListUsers(), SEND]


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(each, len(data)) for each in at), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(
    st.lists(st.tuples(st.integers(0, len(REPLIES)), st.sampled_from([INCOMING, UPDATE])), max_size=8),
    st.lists(st.integers(0, 400), max_size=30),
)
def test_any_interleaving_and_segmentation_gives_the_same(pushes: list[tuple[int, Message]], cuts: list[int]) -> None:
    stream = [
        *(
            message
            for place, reply in enumerate(REPLIES)
            for message in [*(p for at, p in pushes if at == place), reply]
        ),
        *(push for at, push in pushes if at == len(REPLIES)),
    ]
    core = core_with(*REQUESTS)
    events = [event for piece in cut(b"".join(map(build, stream)), cuts) for event in core.receive(piece)]

    assert [event for event in events if isinstance(event, Answered)] == [
        Answered(ticket, reply) for ticket, reply in enumerate(REPLIES, 1)
    ]
    assert [event.message for event in events if isinstance(event, Pushed)] == [
        message for message in stream if isinstance(message, IncomingMessage | StatusUpdate)
    ]


def test_every_server_type_has_its_longest_payload() -> None:
    assert sorted(LONGEST) == list(range(0x81, 0x89))
