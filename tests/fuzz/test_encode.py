from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cchatspec.fuzz.encode import Encoded, Span, encode, frame_of
from cchatspec.fuzz.script import Body, Bytes, Edit, Frame, Key, Name, Proof, ScriptError, Value
from cchatspec.fuzz.strategies import messages
from cchatspec.spec import (
    MESSAGES,
    Error,
    GetPublicKey,
    Message,
    RegisterUser,
    SendMessage,
    User,
    UserListResponse,
    build,
    frame_bytes,
    parse,
)

ALL_LABELS = ("length", "type", "payload", "username_length", "username", "public_key", "signature", "users.0.username")
KINDS = ("set", "add", "flip", "cut", "grow", "replace", "repeat", "swap", "drop", "malleate")


class Fixed:
    """Every reference stands for bytes that say what it was."""

    def name(self, user: str) -> bytes:
        return user.encode().ljust(12, b"_")

    def key(self, user: str) -> bytes:
        return user.encode().ljust(32, b"k")

    def proof(self, user: str, connection: int, age: int) -> bytes:
        return f"{user}{connection}{age}".encode().ljust(64, b"s")

    def body(self, number: int, size: int) -> bytes:
        return (b"%d" % number).ljust(size, b".")


def encoded(frame: Frame, connection: int = 7) -> Encoded:
    return encode(frame, Fixed(), connection)


def edited(*edits: Edit) -> bytes:
    return encoded(Frame(GetPublicKey.type, {"username": Bytes("6162")}, edits)).data


edits = st.builds(
    Edit,
    st.sampled_from(ALL_LABELS),
    st.sampled_from(KINDS),
    number=st.one_of(st.integers(-3, 70), st.sampled_from([-(2**31), 2**15, 2**32 - 1])).filter(lambda n: n < 2**33),
    at=st.integers(-2, 70),
    hex=st.binary(max_size=20).map(bytes.hex),
)


@given(messages())
def test_a_frame_without_edits_is_what_the_codec_builds(message: Message) -> None:
    assert encoded(frame_of(message)).data == build(message)


@given(messages(), st.lists(edits.filter(lambda e: e.kind != "repeat" or 0 <= e.number < 100), max_size=4).map(tuple))
def test_spans_cover_the_frame_in_order(message: Message, changes: tuple[Edit, ...]) -> None:
    frame = encoded(Frame(message.type, frame_of(message).values, changes))

    assert b"".join(frame.data[span.start : span.end] for span in frame.spans) == frame.data


@given(messages(), edits.filter(lambda e: e.field not in ("length", "type") and 0 <= e.number < 100))
def test_the_length_is_right_for_the_edited_payload(message: Message, change: Edit) -> None:
    data = encoded(Frame(message.type, frame_of(message).values, (change,))).data

    assert data == frame_bytes(message.type, data[5:])


@pytest.mark.parametrize("kind", [0x00, 0x09, 0x7F, 0x80, 0x89, 0xFF])
def test_a_type_without_a_layout_has_the_payload_that_it_is_given(kind: int) -> None:
    assert encoded(Frame(kind, {"payload": Name("a")})).data == frame_bytes(kind, b"a___________")


def test_references_stand_for_what_the_resolver_says() -> None:
    frame = Frame(RegisterUser.type, {"username": Name("a"), "public_key": Key("b")})

    assert encoded(frame).data == build(RegisterUser(Fixed().name("a"), Fixed().key("b")))


@pytest.mark.parametrize(("proof", "signature"), [(Proof("a"), b"a70"), (Proof("a", 2, 1), b"a21")])
def test_a_proof_is_of_the_connection_it_is_sent_on_unless_it_names_one(proof: Proof, signature: bytes) -> None:
    assert encoded(Frame(2, {"username": Name("a"), "signature": proof})).data.endswith(signature.ljust(64, b"s"))


def test_what_is_not_given_is_empty_or_zero() -> None:
    assert encoded(Frame(2)).data == frame_bytes(2, bytes(65))


@pytest.mark.parametrize("kind", sorted(MESSAGES))
def test_every_message_can_do_without_values(kind: int) -> None:
    parse(kind, encoded(Frame(kind)).data[5:])


def test_a_condition_that_does_not_hold_leaves_its_field_out() -> None:
    assert encoded(Frame(0x82, {"success": 0, "challenge": Bytes("aa", 32)})).data == frame_bytes(0x82, b"\0")


def test_entries_of_a_group_are_told_apart_by_their_number() -> None:
    values: dict[str, Value] = {"users.0.username": Name("a"), "users.1.status": 2}

    assert encoded(Frame(0x86, values)).data == build(UserListResponse((User(Fixed().name("a"), 0), User(b"", 2))))


def test_spans_have_the_labels_of_the_layout() -> None:
    frame = encoded(Frame(SendMessage.type, {"recipient": Bytes("6162"), "encrypted_message": Body(1, 3)}))

    assert frame.spans == (
        Span("length", 0, 4),
        Span("type", 4, 5),
        Span("recipient_length", 5, 6),
        Span("recipient", 6, 8),
        Span("message_length", 8, 10),
        Span("encrypted_message", 10, 13),
    )


@pytest.mark.parametrize(
    ("edit", "frame"),
    [
        (Edit("username_length", "set", 255), "00000003 03 ff6162"),
        (Edit("username_length", "set", 256), "00000003 03 006162"),
        (Edit("username_length", "add", -3), "00000003 03 ff6162"),
        (Edit("username", "flip", 0x20, at=1), "00000003 03 026142"),
        (Edit("username", "flip", 0x20, at=2), "00000003 03 026162"),
        (Edit("username", "cut", 1), "00000002 03 0261"),
        (Edit("username", "cut", 5), "00000003 03 026162"),
        (Edit("username", "grow", hex="00"), "00000004 03 02616200"),
        (Edit("username", "replace", hex="2f"), "00000002 03 022f"),
        (Edit("username", "repeat", 2), "00000005 03 0261626162"),
        (Edit("username", "repeat", 0), "00000001 03 02"),
        (Edit("username_length", "swap"), "00000003 03 616202"),
        (Edit("username", "swap"), "00000003 03 026162"),
        (Edit("username_length", "drop"), "00000002 03 6162"),
        (Edit("type", "set", 0x7F), "00000003 7f 026162"),
        (Edit("type", "drop"), "00000003 026162"),
        (Edit("length", "add", -1), "00000002 03 026162"),
        (Edit("length", "set", 2**31), "80000000 03 026162"),
        (Edit("length", "cut", 2), "0000 03 026162"),
        (Edit("length", "swap"), "03 00000003 026162"),
        (Edit("length", "drop"), "03 026162"),
        (Edit("payload", "grow", hex="ff"), "00000004 03 026162ff"),
        (Edit("payload", "cut", 2), "00000002 03 0261"),
        (Edit("payload", "cut", 0), "00000000 03"),
        (Edit("payload", "flip", 0xFF, at=2), "00000003 03 02619d"),
        (Edit("payload", "repeat", 2), "00000006 03 026162026162"),
        (Edit("payload", "replace", hex="aa"), "00000001 03 aa"),
        (Edit("payload", "add", 1), "00000003 03 026163"),
        (Edit("payload", "drop"), "00000000 03"),
        (Edit("signature", "drop"), "00000003 03 026162"),
    ],
    ids=lambda value: f"{value.field}-{value.kind}" if isinstance(value, Edit) else None,
)
def test_an_edit_does_what_it_says(edit: Edit, frame: str) -> None:
    assert edited(edit).hex() == frame.replace(" ", "")


def test_a_malleated_signature_is_larger_by_the_order_of_the_group() -> None:
    signature = encoded(Frame(2, {}, (Edit("signature", "malleate"),))).data[-64:]

    assert signature == bytes(32) + (2**252 + 27742317777372353535851937790883648493).to_bytes(32, "little")


def test_edits_come_in_their_order_and_those_to_the_length_last() -> None:
    changes = Edit("length", "add", 1), Edit("username", "grow", hex="63"), Edit("username", "cut", 1)

    assert edited(*changes) == b"\0\0\0\x03\x03\x02a"


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (Frame(256), "a message type is a number from 0 to 255"),
        (Frame(3, {"username": 7}), "username: expected bytes, a name"),
        (Frame(3, {"username": Bytes("zz")}), "username: expected hexadecimal digits, not 'zz'"),
        (Frame(3, {"username": Bytes("00", 256)}), "username: expected at most 255 bytes, not 256"),
        (Frame(3, {"username": Bytes("00", 2**40)}), "username: expected at most 1048576 bytes"),
        (Frame(1, {"public_key": Name("a")}), "public_key: expected 32 bytes, not 12"),
        (Frame(6, {"status": 256}), "status: expected a number from 0 to 255, not 256"),
        (Frame(6, {"status": Name("a")}), "status: expected a number from 0 to 255"),
        (Frame(3, {}, (Edit("username", "grow", hex="0"),)), "username: expected hexadecimal digits"),
        (Frame(3, {}, (Edit("username_length", "repeat", 2**21),)), "username_length: expected at most 1048576 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_does_not_fit_is_named(frame: Frame, problem: str) -> None:
    with pytest.raises(ScriptError, match=problem):
        encoded(frame)


def test_text_is_a_value_like_any_other() -> None:
    assert encoded(frame_of(Error(5, b"why"))).data == build(Error(5, b"why"))
