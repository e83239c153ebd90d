from __future__ import annotations

import pytest
from tests.reference.conftest import Client, Talk, error, key_of, register

from cchatspec.spec import ErrorCode, GetPublicKey, ListUsers, PublicKeyResponse, RegisterResponse, RegisterUser

OK = RegisterResponse(1)
KEY = bytes(key_of(b"key").verify_key)


@pytest.mark.parametrize("name", [b"a", b"x" * 255, b"A-Z.a_z-0.9", b"."])
def test_a_new_name_is_registered(talk: Talk, name: bytes) -> None:
    assert talk.connect().ask(RegisterUser(name, KEY)) == [OK]


@pytest.mark.parametrize("name", [b"", b" ", b"a b", b"a\n", b"a\0", b"\xc3\xa9", b"a/b", b"a*"])
def test_a_name_beyond_the_alphabet_is_refused(talk: Talk, name: bytes) -> None:
    assert talk.connect().ask(RegisterUser(name, KEY)) == [RegisterResponse(0, ErrorCode.INVALID_USERNAME)]


def test_a_name_that_is_taken_is_refused_and_the_first_key_stays(talk: Talk, alice: Client) -> None:
    replies = alice.ask(RegisterUser(b"alice", KEY), GetPublicKey(b"alice"))

    assert replies == [
        RegisterResponse(0, ErrorCode.USER_ALREADY_EXISTS),
        PublicKeyResponse(1, register(b"alice").public_key),
    ]


def test_letter_case_makes_two_users(talk: Talk, alice: Client) -> None:
    assert alice.ask(register(b"Alice")) == [OK]


@pytest.mark.parametrize("key", [bytes(32), b"\1" + bytes(31), b"\xff" * 32], ids=["zero", "one", "not-canonical"])
def test_a_key_that_could_prove_anything_is_refused(talk: Talk, key: bytes) -> None:
    assert talk.connect().ask(RegisterUser(b"eve", key)) == [RegisterResponse(0, ErrorCode.INVALID_MESSAGE_FORMAT)]


@pytest.mark.parametrize("key", [bytes(range(32)), b"\x02" + bytes(31), bytes(31) + b"\x40"], ids=bytes.hex)
def test_any_other_32_bytes_are_kept_byte_for_byte(alice: Client, key: bytes) -> None:
    assert alice.ask(RegisterUser(b"odd", key), GetPublicKey(b"odd")) == [OK, PublicKeyResponse(1, key)]


def test_registering_does_not_log_in(talk: Talk) -> None:
    assert talk.connect().ask(register(b"a"), ListUsers()) == [OK, error(ErrorCode.AUTHENTICATION_FAILED)]


def test_a_session_that_registers_another_name_stays_who_it_was(alice: Client) -> None:
    replies = alice.ask(register(b"second"), GetPublicKey(b"second"))

    assert replies == [OK, PublicKeyResponse(1, register(b"second").public_key)]


def test_the_confirmation_waits_for_the_store(talk: Talk) -> None:
    client = talk.connect()

    client.send(register(b"a"))

    assert client.sends[-1].after == talk.writes[-1].sequence == 1
