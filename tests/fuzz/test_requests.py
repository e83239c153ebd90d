from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cchatspec.fuzz.requests import Form, Place, Stream, is_portable, read
from cchatspec.fuzz.strategies import mutated_payloads
from cchatspec.spec import (
    CLIENT_PAYLOAD_LIMIT,
    GetPublicKey,
    ListUsers,
    MalformedPayload,
    SetStatus,
    UnknownType,
    build,
    frame_bytes,
    parse,
)

ASK = build(GetPublicKey(b"alice"))
LIST = build(ListUsers())


@given(st.lists(st.integers(1, 30)))
def test_cuts_do_not_change_what_is_read(cuts: list[int]) -> None:
    data = ASK + LIST + ASK
    stream, at, kinds = Stream(), 0, []
    for size in [*cuts, len(data)]:
        kinds += [request.kind for request in stream.feed(data[at : at + size], Place(0))]
        at += size

    assert kinds == [3, 7, 3]


@given(mutated_payloads())
def test_a_request_is_right_exactly_if_the_codec_reads_it(frame: tuple[int, bytes]) -> None:
    kind, payload = frame
    try:
        message = parse(kind, payload) if kind < 0x80 else None
    except (MalformedPayload, UnknownType):
        message = None

    request = read(kind, payload)

    assert (request.message if request.form is Form.RIGHT else None) == message


@pytest.mark.parametrize(
    ("kind", "payload", "form"),
    [
        (3, b"\x05alic", Form.MALFORMED),
        (3, b"\x05alice!", Form.TRAILING),
        (3, b"", Form.MALFORMED),
        (4, b"\x01a\x00", Form.MALFORMED),
        (5, b"x", Form.TRAILING),
        (6, b"\x03", Form.MALFORMED),
        (6, b"\x02\x00", Form.TRAILING),
        (0x31, b"", Form.UNKNOWN),
        (0x81, b"\x01", Form.UNKNOWN),
    ],
)
def test_how_a_request_departs_from_its_layout(kind: int, payload: bytes, form: Form) -> None:
    assert read(kind, payload).form is form


def test_trailing_bytes_leave_the_message() -> None:
    assert read(6, b"\x02\x07").message == SetStatus(2)


def test_a_longer_header_takes_the_next_frame_along() -> None:
    stream = Stream()
    grown = frame_bytes(3, ASK[5:], len(ASK) - 5 + len(LIST))

    requests = [*stream.feed(grown, Place(0, 0, "length")), *stream.feed(LIST + ASK, Place(1))]

    assert [(request.kind, request.form) for request in requests] == [(3, Form.TRAILING), (3, Form.RIGHT)]


def test_a_request_carries_the_field_by_which_it_went_wrong() -> None:
    stream = Stream()
    grown = frame_bytes(3, ASK[5:], len(ASK) - 5 + len(LIST))

    requests = [*stream.feed(grown, Place(0, 0, "length")), *stream.feed(LIST, Place(1))]

    assert [(request.place.step, request.place.field) for request in requests] == [(1, "length")]


def test_half_a_frame_is_out_of_step() -> None:
    stream = Stream()
    stream.feed(ASK[:7], Place(0))

    assert not stream.is_in_step and stream.half is not None and stream.half.kind == 3


def test_what_follows_an_oversize_header_is_lost() -> None:
    stream = Stream()
    stream.feed(frame_bytes(4, b"", CLIENT_PAYLOAD_LIMIT + 1), Place(0))

    assert stream.is_lost and list(stream.feed(LIST, Place(1))) == []


@pytest.mark.parametrize(
    ("name", "portable"), [(b"a", True), (b"_9Z" * 10, True), (b"", False), (b"a" * 32, False), (b"a-b", False)]
)
def test_portable_names(name: bytes, portable: bool) -> None:
    assert is_portable(name) is portable
