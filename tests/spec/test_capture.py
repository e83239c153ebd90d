"""Captured bytes are told apart into frames, and what is wrong is found where it is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cchatspec.fuzz.strategies import frames, messages, mutated_frames
from cchatspec.spec import Error, GetMessages, GetPublicKey, Message, build, frame_bytes
from cchatspec.spec.capture import Problem, decode
from cchatspec.spec.hextext import HexError, read_hex
from cchatspec.spec.show import WIDTH, capture_text

ASK = build(GetPublicKey(b"bob"))


def problems(capture: bytes) -> list[Problem]:
    return [piece.problem for piece in decode(capture) if piece.problem]


@given(st.lists(messages(), max_size=5))
def test_right_frames_are_all_found(sent: list[Message]) -> None:
    assert [piece.message for piece in decode(b"".join(map(build, sent)))] == sent


@given(st.lists(st.one_of(frames(), mutated_frames(), st.binary(max_size=30)), max_size=5).map(b"".join))
def test_the_pieces_hold_every_byte_once(capture: bytes) -> None:
    assert b"".join(piece.data for piece in decode(capture)) == capture


@given(st.lists(st.one_of(frames(), mutated_frames(), st.binary(max_size=30)), max_size=5).map(b"".join))
def test_every_piece_is_right_or_says_what_is_wrong(capture: bytes) -> None:
    assert [p for p in decode(capture) if (p.message is None) == (p.problem is None)] == []


@given(st.one_of(mutated_frames(), st.binary(max_size=60)))
def test_what_is_shown_has_no_control_character_and_fits_the_screen(capture: bytes) -> None:
    lines = [line for text, _ in capture_text(capture) for line in text.split("\n")]

    assert all(line.isprintable() and len(line) <= WIDTH for line in lines)


def test_nothing_has_no_pieces() -> None:
    assert list(decode(b"")) == []


def test_offsets_count_from_the_start_of_the_capture() -> None:
    _, piece = decode(build(GetMessages()) + ASK)

    assert [(f.path, f.start, f.end) for f in piece.fields] == [
        ("message_length", 5, 9),
        ("message_type", 9, 10),
        ("GET_PUBLIC_KEY.username", 10, 14),
    ]


def test_an_unknown_type_is_skipped() -> None:
    assert problems(frame_bytes(0x42, b"??") + ASK) == [Problem(4, "no message has the type 0x42", "message_type")]


def test_a_malformed_payload_is_skipped_and_its_place_told() -> None:
    (problem,) = problems(ASK + frame_bytes(0x88, b"\x05\0\x09no") + ASK)

    assert (problem.offset, problem.path) == (len(ASK) + 6, "ERROR.error_message")


def test_a_header_that_is_cut_off_is_told() -> None:
    (problem,) = problems(ASK + b"\0\0\0")

    assert problem == Problem(len(ASK), "the capture ends after 3 of the 5 bytes of a header")


def test_a_frame_that_is_cut_off_is_told_where_the_capture_ends() -> None:
    (problem,) = problems(ASK[:-1])

    assert problem == Problem(len(ASK) - 1, "the capture ends after 3 of the 4 bytes of the payload")


def test_a_frame_that_is_cut_off_shows_what_there_is() -> None:
    (piece,) = decode(build(Error(5, b"rejected"))[:-1])

    assert [field.path for field in piece.fields] == ["message_length", "message_type", "ERROR.error_code"]


@pytest.mark.parametrize(
    ("code", "length"), [(0x04, 65_794), (0x01, 2**32 - 1), (0x42, 2**31), (0x86, 2**24 + 100_000)]
)
def test_a_length_that_nothing_can_have_ends_the_reading(code: int, length: int) -> None:
    *_, last = decode(ASK + frame_bytes(code, ASK, length=length))

    assert last.problem and last.problem.path == "message_length" and last.problem.offset == len(ASK)


BYTES = bytes(range(0x20, 0x3A))


@pytest.mark.parametrize(
    "text",
    [
        BYTES.hex(),
        BYTES.hex().upper(),
        BYTES.hex(" "),
        BYTES.hex(":"),
        BYTES.hex(" ", 4).replace(" ", "\n"),
        "0x" + BYTES.hex(),
        ", ".join(f"0x{byte:02X}" for byte in BYTES),
        "".join(f"\\x{byte:02x}" for byte in BYTES),
        "\r\n" + BYTES.hex("\t") + "\r\n\r\n",
        "00000000: 2021 2223 2425 2627 2829 2a2b 2c2d 2e2f   !\"#$%&'()*+,-./\n00000010: 3031 3233 3435 3637 3839  0123456789\n",
        "00000000  20 21 22 23 24 25 26 27  28 29 2a 2b 2c 2d 2e 2f  | !\"#$%&'()*+,-./|\n"
        "00000010  30 31 32 33 34 35 36 37  38 39                    |0123456789|\n0000001a\n",
        "0000   20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f    !\"#$%&'()*+,-./\n"
        "0010   30 31 32 33 34 35 36 37 38 39   0123456789\n",
    ],
    ids=[
        "plain",
        "capitals",
        "spaces",
        "colons",
        "lines",
        "0x",
        "list",
        "\\x",
        "crlf",
        "xxd",
        "hexdump -C",
        "wireshark",
    ],
)
def test_hexadecimal_is_read_as_people_and_tools_write_it(text: str) -> None:
    assert read_hex(text) == BYTES


@pytest.mark.parametrize("text", ["", " \n\n", "\t"])
def test_no_digits_are_no_bytes(text: str) -> None:
    assert read_hex(text) == b""


def test_digits_that_look_like_an_offset_are_bytes() -> None:
    assert read_hex("00000000\n05") == b"\0\0\0\0\x05"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("00 zz", "1:4: expected hexadecimal digits, found 'z'"),
        ("00\n0g", "2:1: expected two digits for each byte, found a single one"),
        ("00 1", "1:4: expected two digits for each byte, found a single one"),
        ("00\n\x1b[m", "2:1: expected hexadecimal digits, found the character U+001B"),
        ("00000000  00 00  |..|\n*", "2:1: expected hexadecimal digits, found '*', which stands for repeated lines"),
    ],
)
def test_what_is_not_hexadecimal_is_told_with_line_and_column(text: str, problem: str) -> None:
    with pytest.raises(HexError, match=re.escape(problem)):
        read_hex(text)


@given(st.binary(max_size=100), st.sampled_from(["", " ", ":", "\n"]))
def test_what_was_written_in_hexadecimal_is_read_again(data: bytes, separator: str) -> None:
    assert read_hex(data.hex(separator) if separator else data.hex()) == data
