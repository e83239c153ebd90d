"""A stream splits into the same frames however it comes, and a length beyond the limit is refused with its header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cchatspec.fuzz.strategies import frames
from cchatspec.spec import (
    CLIENT_PAYLOAD_LIMIT,
    HEADER_SIZE,
    PAYLOAD_LIMIT,
    Frame,
    FrameReader,
    FrameTooLong,
    SendMessage,
    User,
    UserListResponse,
    build,
    frame_bytes,
)

ONE = frame_bytes(0x05, b"")
TWO = frame_bytes(0x03, b"\x03bob")


@given(st.lists(frames(), max_size=6), st.binary(max_size=4), st.data())
def test_any_segmentation_gives_the_frames_of_one_feed(sent: list[bytes], rest: bytes, data: st.DataObject) -> None:
    stream = b"".join(sent) + rest
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    reader = FrameReader()

    got = [
        frame
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for frame in reader.feed(stream[start:end])
    ]

    assert got == list(FrameReader().feed(stream)) and reader.pending == rest


@given(st.lists(frames(), max_size=3))
def test_one_byte_at_a_time_gives_the_frames_too(sent: list[bytes]) -> None:
    reader = FrameReader()

    assert [frame for byte in b"".join(sent) for frame in reader.feed(bytes([byte]))] == [
        Frame(frame[HEADER_SIZE - 1], frame[HEADER_SIZE:]) for frame in sent
    ]


def test_a_frame_is_given_out_with_its_last_byte() -> None:
    reader = FrameReader()

    assert [list(reader.feed(TWO[:-1])), list(reader.feed(TWO[-1:]))] == [[], [Frame(0x03, b"\x03bob")]]


def test_what_is_not_whole_is_pending() -> None:
    reader = FrameReader()

    assert list(reader.feed(ONE + TWO[:6])) == [Frame(0x05, b"")]
    assert reader.pending == TWO[:6] and reader


def test_a_length_beyond_the_limit_is_refused_with_the_last_byte_of_its_header() -> None:
    reader = FrameReader(limit=10)
    header = frame_bytes(0x04, b"", length=11)

    assert list(reader.feed(header[:-1])) == []
    with pytest.raises(FrameTooLong, match="11 bytes, and the limit is 10"):
        list(reader.feed(header[-1:]))


def test_frames_before_a_refused_header_are_given_out() -> None:
    feed = FrameReader(limit=10).feed(ONE + TWO + frame_bytes(0x04, b"", length=11))

    assert [next(feed), next(feed)] == [Frame(0x05, b""), Frame(0x03, b"\x03bob")]
    with pytest.raises(FrameTooLong):
        next(feed)


def test_a_refused_header_stays_refused() -> None:
    reader = FrameReader(limit=10)
    for data in (frame_bytes(0x04, b"", length=11), b"more"):
        with pytest.raises(FrameTooLong):
            list(reader.feed(data))


def test_a_payload_as_long_as_the_limit_is_read() -> None:
    assert list(FrameReader(limit=4).feed(TWO)) == [Frame(0x03, b"\x03bob")]


def test_the_limits_are_the_longest_legal_payloads() -> None:
    longest = len(build(SendMessage(b"n" * 255, b"m" * 65_535))) - HEADER_SIZE
    thousand = len(build(UserListResponse((User(b"n" * 255, 0),) * 1000))) - HEADER_SIZE

    assert (longest, 2 + (thousand - 2) // 1000 * 65_535) == (CLIENT_PAYLOAD_LIMIT, PAYLOAD_LIMIT)


def test_a_header_may_be_made_to_lie() -> None:
    assert frame_bytes(0x05, b"x", length=2**32 - 1) == b"\xff\xff\xff\xff\x05x"
