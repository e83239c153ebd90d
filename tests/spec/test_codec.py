"""The fast codec and Construct agree on everything: what is right, and how what is wrong is refused."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cchatspec.fuzz.strategies import frames, messages, mutated_payloads, payloads
from cchatspec.spec import (
    HEADER_SIZE,
    MESSAGES,
    BuildError,
    Error,
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    LoginResponse,
    MalformedPayload,
    Message,
    MessageAck,
    Presence,
    RegisterResponse,
    RegisterUser,
    SendMessage,
    SetStatus,
    StatusUpdate,
    UnknownType,
    User,
    UserListResponse,
    WireError,
    build,
    parse,
)
from cchatspec.spec.generated.messages import ENTRIES
from cchatspec.spec.interpretive import build_by_construct, dissect, parse_by_construct

KEY = bytes(range(32))


def bench_module(name: str) -> ModuleType:
    path = Path(__file__).parents[2] / "bench" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


handwritten = bench_module("handwritten")


def outcome(act: Callable[..., Any], *arguments: Any) -> tuple[object, ...]:
    """What came out, or all that is said of what is wrong."""
    try:
        result = act(*arguments)
    except MalformedPayload as error:
        return type(error), error.path, error.offset, error.reason
    except BuildError as error:
        return type(error), error.path, error.reason
    except WireError as error:
        return type(error), str(error)
    return type(result), result


def wild_values(hint: str) -> st.SearchStrategy[Any]:
    """Values of a field that its layout may or may not allow."""
    numbers = st.one_of(st.integers(-2, 258), st.integers(), st.sampled_from([2**16, 2**32, 2**64]), st.booleans())
    strings = st.one_of(st.binary(max_size=70), st.sampled_from([0, 31, 33, 63, 65, 255, 256, 300]).map(bytes))
    own = numbers if hint.startswith("int") else strings
    foreign = st.one_of(
        st.none(), st.text(max_size=2), st.floats(), numbers, strings, st.just([]), strings.map(bytearray)
    )
    return st.one_of(own, own, own, foreign)


@st.composite
def wild_messages(draw: st.DrawFn) -> Message:
    """Messages with values that may fit nothing."""
    cls = draw(st.sampled_from(list(MESSAGES.values())))
    values = {}
    for name, hint in cls.__annotations__.items():
        if name in ENTRIES.get(cls, {}):
            entry = ENTRIES[cls][name]
            fields = {field: wild_values(str(kind)) for field, kind in entry.__annotations__.items()}
            values[name] = draw(st.lists(st.builds(entry, **fields), max_size=3).map(tuple))
        elif name != "type":
            values[name] = draw(wild_values(str(hint)))
    return cls(**values)


@given(messages())
def test_what_is_built_parses_to_the_same_message(message: Message) -> None:
    frame = build(message)

    assert parse(frame[HEADER_SIZE - 1], frame[HEADER_SIZE:]) == message


@given(frames())
def test_what_is_parsed_builds_to_the_same_frame(frame: bytes) -> None:
    assert build(parse(frame[HEADER_SIZE - 1], frame[HEADER_SIZE:])) == frame


@given(messages())
def test_both_codecs_build_the_same_frame(message: Message) -> None:
    assert outcome(build, message) == outcome(build_by_construct, message)


@given(wild_messages())
def test_both_codecs_refuse_the_same_values_in_the_same_words(message: Message) -> None:
    assert outcome(build, message) == outcome(build_by_construct, message)


@given(payloads())
def test_both_codecs_parse_right_payloads_alike(frame: tuple[int, bytes]) -> None:
    assert outcome(parse, *frame) == outcome(parse_by_construct, *frame)


@given(mutated_payloads())
def test_both_codecs_refuse_wrong_payloads_alike(frame: tuple[int, bytes]) -> None:
    assert outcome(parse, *frame) == outcome(parse_by_construct, *frame)


@given(st.one_of(st.sampled_from(list(MESSAGES)), st.integers(-1, 300)), st.binary(max_size=120))
def test_both_codecs_take_random_bytes_alike(code: int, payload: bytes) -> None:
    assert outcome(parse, code, payload) == outcome(parse_by_construct, code, payload)


@pytest.mark.parametrize("code", MESSAGES)
def test_both_codecs_take_every_short_payload_alike(code: int) -> None:
    short = [b"", *(bytes([byte]) for byte in range(256)), *(bytes([a, b]) for a in range(4) for b in range(256))]

    assert [outcome(parse, code, p) for p in short] == [outcome(parse_by_construct, code, p) for p in short]


@given(mutated_payloads())
def test_a_refusal_points_into_the_payload_and_names_the_message(frame: tuple[int, bytes]) -> None:
    error = dissect(*frame).error

    assert error is None or (0 <= error.offset <= len(frame[1]) and error.path.startswith(MESSAGES[frame[0]].type.name))  # type: ignore[attr-defined]


@given(payloads())
def test_the_fields_of_a_right_payload_are_neighbours(frame: tuple[int, bytes]) -> None:
    fields = dissect(*frame).fields

    assert [field.start for field in fields] + [len(frame[1])] == [0] + [field.end for field in fields]


@given(mutated_payloads())
def test_the_handwritten_codec_of_the_bench_parses_alike(frame: tuple[int, bytes]) -> None:
    assert outcome(handwritten.parse, *frame) == outcome(parse, *frame)


@given(messages())
def test_the_handwritten_codec_of_the_bench_builds_alike(message: Message) -> None:
    assert outcome(handwritten.build, message) == outcome(build, message)


@pytest.mark.parametrize(
    ("message", "frame"),
    [
        (GetMessages(), "00000000 05"),
        (SetStatus(Presence.AWAY), "00000001 06 02"),
        (GetPublicKey(b"bob"), "00000004 03 03626f62"),
        (RegisterUser(b"bob", KEY), f"00000024 01 03626f62 {KEY.hex()}"),
        (SendMessage(b"bob", b"hi"), "00000008 04 03626f62 00026869"),
        (RegisterResponse(0, 2), "00000002 81 0002"),
        (RegisterResponse(1), "00000001 81 01"),
        (LoginResponse(1, KEY), f"00000021 82 01 {KEY.hex()}"),
        (MessageAck(7, 1), "00000005 84 00000007 01"),
        (IncomingMessage(1, b"bob", 2, b"hi"), "00000010 85 00000001 03626f62 00000002 00026869"),
        (UserListResponse(()), "00000002 86 0000"),
        (UserListResponse((User(b"al", 1), User(b"", 2))), "00000008 86 0002 02616c01 0002"),
        (StatusUpdate(b"bob", 0), "00000005 87 03626f62 00"),
        (Error(5, b"no"), "00000005 88 05 00026e6f"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Message) else "",
)
def test_frames_are_what_the_document_draws(message: Message, frame: str) -> None:
    assert build(message) == bytes.fromhex(frame)


@pytest.mark.parametrize(
    "message",
    [
        RegisterUser(b"n" * 255, KEY),
        SendMessage(b"n" * 255, b"m" * 65_535),
        IncomingMessage(2**32 - 1, b"n" * 255, 2**32 - 1, b"m" * 65_535),
        UserListResponse(tuple(User(b"%d" % number, 1) for number in range(65_535))),
        Error(255, b"e" * 65_535),
    ],
    ids=lambda message: type(message).__name__,
)
def test_the_largest_messages_survive(message: Message) -> None:
    assert parse(message.type, build(message)[HEADER_SIZE:]) == message


@pytest.mark.parametrize(
    ("code", "payload", "path", "offset", "reason"),
    [
        (0x01, b"\x05bob", "REGISTER_USER.username", 0, "ends too early"),
        (0x01, b"\x03bob" + KEY[:31], "REGISTER_USER.public_key", 4, "ends too early"),
        (0x01, b"\x03bob" + KEY + b"!", "REGISTER_USER", 36, "1 byte after the last field"),
        (0x04, b"\x03bob\0\x05hi", "SEND_MESSAGE.encrypted_message", 4, "ends too early"),
        (0x05, b"??", "GET_MESSAGES", 0, "2 bytes after the last field"),
        (0x06, b"\x03", "SET_STATUS.status", 0, "a value that the layout does not name"),
        (0x06, b"", "SET_STATUS.status", 0, "ends too early"),
        (0x81, b"\0", "REGISTER_RESPONSE.error_code", 1, "ends too early"),
        (0x82, b"\0" + KEY, "LOGIN_RESPONSE", 1, "32 bytes after the last field"),
        (0x82, b"\x02", "LOGIN_RESPONSE.success", 0, "a value that the layout does not name"),
        (0x86, b"\0", "USER_LIST_RESPONSE.users.count", 0, "ends too early"),
        (0x86, b"\0\x02\x01a\x01\x04bo", "USER_LIST_RESPONSE.users[1].username", 5, "ends too early"),
        (0x86, b"\0\x02\x01a\x01\x02bo", "USER_LIST_RESPONSE.users[1].status", 8, "ends too early"),
        (0x86, b"\0\0!", "USER_LIST_RESPONSE", 2, "1 byte after the last field"),
    ],
)
def test_a_refused_payload_names_field_index_and_place(
    code: int, payload: bytes, path: str, offset: int, reason: str
) -> None:
    with pytest.raises(MalformedPayload, match=reason) as caught:
        parse(code, payload)

    assert (caught.value.path, caught.value.offset) == (path, offset)


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (RegisterUser(b"n" * 256, KEY), "REGISTER_USER.username"),
        (RegisterUser(b"bob", KEY[:31]), "REGISTER_USER.public_key"),
        (SendMessage(b"bob", b"m" * 65_536), "SEND_MESSAGE.encrypted_message"),
        (SetStatus(3), "SET_STATUS.status"),
        (SetStatus(-1), "SET_STATUS.status"),
        (RegisterResponse(0), "REGISTER_RESPONSE.error_code"),
        (RegisterResponse(1, 2), "REGISTER_RESPONSE.error_code"),
        (LoginResponse(1), "LOGIN_RESPONSE.challenge"),
        (LoginResponse(0, KEY), "LOGIN_RESPONSE.challenge"),
        (MessageAck(2**32, 1), "MESSAGE_ACK.message_id"),
        (StatusUpdate(b"bob", 256), "STATUS_UPDATE.new_status"),
        (UserListResponse((User(b"a", 1), User(b"b" * 256, 1))), "USER_LIST_RESPONSE.users[1].username"),
        (UserListResponse((User(b"a", -1),)), "USER_LIST_RESPONSE.users[0].status"),
        (Error(5, "no"), "ERROR.error_message"),  # type: ignore[arg-type]
        (UserListResponse((None,)), "USER_LIST_RESPONSE.users[0]"),  # type: ignore[arg-type]
        (User(b"a", 1), "User"),
        (None, "NoneType"),
    ],
    ids=repr,
)
def test_a_refused_value_names_field_and_index(message: Message, path: str) -> None:
    with pytest.raises(BuildError) as caught:
        build(message)

    assert caught.value.path == path


@pytest.mark.parametrize("code", sorted(set(range(-1, 257)) - set(MESSAGES)))
def test_an_unknown_type_is_told_apart_from_a_malformed_payload(code: int) -> None:
    with pytest.raises(UnknownType):
        parse(code, b"")
