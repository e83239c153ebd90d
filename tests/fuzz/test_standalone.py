"""What a reproducer holds of its own: signatures and frames as ours are, in the words of Python 3.8."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey
from tests.fuzz.test_encode import Fixed, edits, encoded

from cchatspec.fuzz import standalone
from cchatspec.fuzz.alone import layouts, standalone_text
from cchatspec.fuzz.encode import frame_of
from cchatspec.fuzz.script import Body, Bytes, Edit, Frame, Key, Name, Proof, ScriptError
from cchatspec.fuzz.standalone.frames import encode
from cchatspec.fuzz.standalone.reading import Words, frames_of
from cchatspec.fuzz.standalone.signing import public_key, sign
from cchatspec.fuzz.strategies import frames, messages
from cchatspec.spec import (
    Error,
    IncomingMessage,
    LoginResponse,
    Message,
    MessageAck,
    StatusUpdate,
    User,
    UserListResponse,
    build,
)

LAYOUTS = {layout["code"]: layout for layout in layouts()}
SOURCES = sorted(Path(standalone.__file__).parent.glob("*.py"))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=64))
def test_keys_and_signatures_are_those_of_ed25519(seed: bytes, message: bytes) -> None:
    key = SigningKey(seed)

    assert (public_key(seed), sign(seed, message)) == (bytes(key.verify_key), key.sign(message).signature)


def value_of(value: Any) -> bytes:
    resolver = Fixed()
    match value["is"]:
        case "name":
            return resolver.name(value["user"])
        case "key":
            return resolver.key(value["user"])
        case "proof":
            there = value["connection"]
            return resolver.proof(value["user"], 7 if there is None else there, value["age"])
        case "body":
            return resolver.body(value["number"], value["size"])
    return bytes.fromhex(value["hex"]) * int(value["times"])


def alone(frame: Frame) -> bytes:
    return encode(msgspec.to_builtins(frame), LAYOUTS, value_of)


USED = [
    Frame(1, {"username": Name("a"), "public_key": Key("a")}),
    Frame(2, {"username": Name("b"), "signature": Proof("b", 3, 1)}),
    Frame(2, {"username": Name("b"), "signature": Proof("b")}, (Edit("signature", "malleate"),)),
    Frame(4, {"recipient": Bytes("61", 300 - 45), "encrypted_message": Body(2, 300)}),
    Frame(6, {"status": 2}),
    Frame(99, {"payload": Bytes("00ff", 3)}),
]


@pytest.mark.parametrize("frame", USED, ids=lambda frame: str(frame.kind))
def test_a_frame_has_the_bytes_that_the_fuzzer_gives_it(frame: Frame) -> None:
    assert alone(frame) == encoded(frame).data


@given(messages().map(frame_of) | st.sampled_from(USED), st.lists(edits, max_size=4))
def test_whatever_is_done_to_a_frame_it_has_the_same_bytes(frame: Frame, changes: list[Edit]) -> None:
    edited = Frame(frame.kind, frame.values, tuple(changes))
    try:
        expected = encoded(edited).data
    except ScriptError:
        return

    assert alone(edited) == expected


@given(st.lists(frames()), st.binary(max_size=4))
def test_a_stream_is_split_into_its_frames(whole: list[bytes], rest: bytes) -> None:
    assert frames_of(b"".join([*whole, rest]), 2**24) == (whole, rest)


def words(*came: Message) -> list[str | None]:
    reader = Words(LAYOUTS, {b"alice": "name of a", b"k" * 32: "key of a"})
    return [reader.frame(build(message)) for message in came]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (LoginResponse(1, b"x" * 32), "LOGIN_RESPONSE success=1 challenge=..."),
        (Error(5, b"whatever"), "ERROR error_code=5"),
        (StatusUpdate(b"alice", 1), "STATUS_UPDATE username=name of a new_status=1"),
        (
            UserListResponse((User(b"zoe", 1), User(b"alice", 0))),
            "USER_LIST_RESPONSE users=[username=name of a status=0]",
        ),
    ],
)
def test_what_differs_from_run_to_run_is_left_out(message: Message, text: str) -> None:
    assert words(message) == [text]


def test_the_status_of_others_is_passed_over() -> None:
    assert words(StatusUpdate(b"zoe", 1)) == [None]


def test_ids_are_told_apart_and_not_named() -> None:
    came = words(MessageAck(9001, 1), MessageAck(77, 1), IncomingMessage(9001, b"alice", 0, b"hi"))

    assert [text.split()[1] for text in came if text] == ["message_id=#1", "message_id=#2", "message_id=#1"]


@given(st.integers(0, 255), st.binary(max_size=40))
def test_any_frame_can_be_put_into_words(kind: int, payload: bytes) -> None:
    text = Words(LAYOUTS, {}).frame(len(payload).to_bytes(4, "big") + bytes([kind]) + payload)

    assert text is None or text.isascii()


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_module_keeps_to_the_words_of_python_3_8(source: Path) -> None:
    ast.parse(source.read_text(), feature_version=(3, 8))


def test_no_name_stands_in_two_modules() -> None:
    names = [
        node.name
        for source in SOURCES
        for node in ast.parse(source.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]

    assert [name for name in names if names.count(name) > 1] == []


def test_the_one_file_imports_the_standard_library_alone() -> None:
    text = standalone_text({"title": 'a "title"\nof two lines', "plan": []})
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    roots = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    roots |= {(node.module or "").partition(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}

    assert roots - sys.stdlib_module_names == set()
