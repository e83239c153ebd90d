"""Protocol values in words."""

from __future__ import annotations

import pytest

from cchatspec.conformance.harness.describe import describe, describe_wire
from cchatspec.conformance.harness.expect import (
    A_MESSAGE,
    ANYTHING,
    BYTES_32,
    acknowledged,
    challenge_given,
    error,
    near,
    one_of,
    refusal,
    register_refused,
)
from cchatspec.conformance.harness.outcomes import Ending, Unreadable
from cchatspec.spec import (
    Error,
    ErrorCode,
    LoginResponse,
    MessageAck,
    RegisterResponse,
    SetStatus,
    User,
    UserListResponse,
    build,
)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Error(5, b"no"), "ERROR 05 (Invalid message format) 'no'"),
        (Error(0x2A, b""), "ERROR 2a (not defined) ''"),
        (error(ErrorCode.AUTHENTICATION_FAILED), "ERROR 04 (Authentication failed)"),
        (
            register_refused(ErrorCode.USER_ALREADY_EXISTS),
            "REGISTER_RESPONSE success=0 (failure) error_code=02 (User already exists)",
        ),
        (SetStatus(2), "SET_STATUS status=2 (away)"),
        (acknowledged(2), "MESSAGE_ACK message_id=any status=2 (queued)"),
        (challenge_given(), "LOGIN_RESPONSE success=1 (success) challenge=32 bytes"),
        (UserListResponse((User(b"a", 1),)), "USER_LIST_RESPONSE users=[1: 'a':1]"),
        (Ending.RST, "connection reset (RST)"),
        (Unreadable("FRAME-LAYOUT", "too short", b""), "an unreadable frame: too short"),
        ([], "nothing"),
        ([Ending.FIN, Ending.RST], "connection closed (FIN), then connection reset (RST)"),
        (one_of(Ending.FIN, SetStatus(0)), "connection closed (FIN) or SET_STATUS status=0 (offline)"),
        (
            refusal(error(ErrorCode.RATE_LIMIT_EXCEEDED)),
            "ERROR 06 (Rate limit exceeded), after which the connection may be closed",
        ),
        (near(100, 5), "100 ± 5"),
        (A_MESSAGE, "a message that follows its layout"),
        (b"\x00\x01", "0x0001"),
        (b"x" * 40, f"'{'x' * 32}'… (40 bytes)"),
    ],
    ids=str,
)
def test_words(value: object, words: str) -> None:
    assert describe(value) == words


def test_a_write_of_two_frames() -> None:
    assert describe_wire(build(SetStatus(1)) + build(MessageAck(7, 1))) == (
        "SET_STATUS status=1 (online) · MESSAGE_ACK message_id=7 status=1 (delivered)"
    )


def test_a_write_that_is_no_frame() -> None:
    assert describe_wire(b"\x00\x00") == "2 bytes that are no whole frame: 0x0000"


def test_a_frame_that_is_malformed() -> None:
    assert describe_wire(b"\x00\x00\x00\x01\x06\x09").startswith("type 0x06, 1 bytes (SET_STATUS.status at offset 0")


def test_a_message_with_open_parts_equals_what_fits() -> None:
    fitting, other = LoginResponse(1, bytes(32)), LoginResponse(1, b"x")

    assert [fitting == LoginResponse(1, BYTES_32), other == LoginResponse(1, BYTES_32)] == [True, False]


REFUSED = Error(5, b"")


@pytest.mark.parametrize(
    ("came", "fits"),
    [
        ([REFUSED], True),
        ([REFUSED, Ending.FIN], True),
        ([REFUSED, Ending.RST], True),
        ([], False),
        ([Ending.FIN], False),
        ([Error(4, b"")], False),
        ([REFUSED, REFUSED], False),
        ([REFUSED, Ending.DEADLINE], False),
    ],
    ids=str,
)
def test_a_refusal_may_be_followed_by_the_end(came: list[object], fits: bool) -> None:
    assert (came == refusal(error(ErrorCode.INVALID_MESSAGE_FORMAT))) is fits


def test_anything_is_not_an_absent_part() -> None:
    assert RegisterResponse(1) != RegisterResponse(0, ANYTHING)
