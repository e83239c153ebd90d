"""Bodies: what opens, and the name of every reason why one does not."""

from __future__ import annotations

import traceback
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reference.client.conftest import identity_of

from cchatspec.reference.client.crypto import (
    BOX_OVERHEAD,
    Cipher,
    Identity,
    Opened,
    Problem,
    ProblemKind,
    Scheme,
    fingerprint,
)
from cchatspec.reference.client.errors import BadKey

ALICE, BOB, EVE = map(identity_of, ("alice", "bob", "eve"))
NO_POINT = b"\x02" + bytes(31)
BODY = Cipher(ALICE).seal(b"hello", BOB.public_key)


def kind_of(opened: Opened | Problem) -> ProblemKind | bytes:
    return opened.kind if isinstance(opened, Problem) else opened.content


@given(st.binary(max_size=300))
def test_what_is_sealed_opens(content: bytes) -> None:
    body = Cipher(ALICE).seal(content, BOB.public_key)

    assert Cipher(BOB).open(body, ALICE.public_key) == Opened(content, is_authenticated=True)


def test_a_body_is_nonce_and_box() -> None:
    assert len(BODY) == len(b"hello") + BOX_OVERHEAD and BOX_OVERHEAD == 40


def test_the_same_words_are_never_the_same_body() -> None:
    assert Cipher(ALICE).seal(b"hello", BOB.public_key) != BODY


@pytest.mark.parametrize(
    ("body", "key", "kind"),
    [
        (b"", ALICE.public_key, ProblemKind.EMPTY),
        (bytes(1), ALICE.public_key, ProblemKind.SHORT),
        (bytes(39), ALICE.public_key, ProblemKind.SHORT),
        (bytes(40), ALICE.public_key, ProblemKind.ALTERED),
        (BODY[:-1], ALICE.public_key, ProblemKind.ALTERED),
        (BODY + b"x", ALICE.public_key, ProblemKind.ALTERED),
        (BODY, EVE.public_key, ProblemKind.ALTERED),
        (Cipher(ALICE).seal(b"to eve", EVE.public_key), ALICE.public_key, ProblemKind.ALTERED),
        (BODY, NO_POINT, ProblemKind.BAD_KEY),
        (Cipher(EVE, Scheme.SEALED).seal(b"x", BOB.public_key), ALICE.public_key, ProblemKind.SEALED),
    ],
    ids=[
        "nothing",
        "a-byte",
        "39-bytes",
        "zeros",
        "cut",
        "longer",
        "another-sender",
        "another-reader",
        "no-point",
        "sealed",
    ],
)
def test_what_does_not_open_has_a_name(body: bytes, key: bytes, kind: ProblemKind) -> None:
    assert kind_of(Cipher(BOB).open(body, key)) is kind


@given(st.integers(0, len(BODY) * 8 - 1))
def test_no_bit_of_a_body_can_be_changed(bit: int) -> None:
    altered = bytearray(BODY)
    altered[bit // 8] ^= 1 << bit % 8

    assert kind_of(Cipher(BOB).open(bytes(altered), ALICE.public_key)) is ProblemKind.ALTERED


@given(st.binary(max_size=200), st.binary(min_size=32, max_size=32))
def test_no_body_and_no_key_make_it_raise(body: bytes, key: bytes) -> None:
    assert isinstance(Cipher(BOB).open(body, key), Problem)


def test_sealed_boxes_can_be_chosen_and_prove_nobody() -> None:
    body = Cipher(ALICE, Scheme.SEALED).seal(b"hello", BOB.public_key)

    assert Cipher(BOB, Scheme.SEALED).open(body, EVE.public_key) == Opened(b"hello", is_authenticated=False)


def test_a_box_still_opens_where_sealed_boxes_are_chosen() -> None:
    assert Cipher(BOB, Scheme.SEALED).open(BODY, ALICE.public_key) == Opened(b"hello", is_authenticated=True)


@pytest.mark.parametrize("scheme", Scheme)
def test_nothing_is_encrypted_to_a_key_that_is_none(scheme: Scheme) -> None:
    with pytest.raises(BadKey, match="is no point on the curve"):
        Cipher(ALICE, scheme).seal(b"hello", NO_POINT)


def test_the_box_of_a_correspondent_is_made_once() -> None:
    cipher = Cipher(BOB)

    assert cipher._box(ALICE.public_key) is cipher._box(ALICE.public_key)


def test_the_boxes_of_many_correspondents_are_bounded() -> None:
    cipher = Cipher(BOB)
    for number in range(1100):
        cipher._box(identity_of(str(number)).public_key)

    assert len(cipher._boxes) == 1024


def test_a_fingerprint_is_eight_groups() -> None:
    assert fingerprint(bytes(32)) == "6668-7aad-f862-bd77-6c8f-c18b-8e9f-8e20"


def test_an_identity_shows_its_fingerprint_and_no_secret() -> None:
    shown = f"{ALICE!r} {ALICE} {[ALICE]}"

    assert fingerprint(ALICE.public_key) in shown and sha256(b"alice").hexdigest()[:8] not in shown


def test_an_exception_shows_no_secret() -> None:
    with pytest.raises(BadKey) as caught:
        Cipher(ALICE).seal(b"plain", NO_POINT)
    text = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())

    assert ALICE.seed().hex() not in text and repr(ALICE.seed()) not in text


def test_generated_identities_differ() -> None:
    assert Identity.generate().public_key != Identity.generate().public_key
