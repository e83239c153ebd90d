"""REG: registration."""

from __future__ import annotations

import secrets
import string
from itertools import product

import pytest

from cchatspec.conformance.fixtures import Attempt, Connect, Login
from cchatspec.conformance.harness.expect import (
    ANYTHING,
    error,
    login_accepted,
    no_login,
    one_of,
    register_refused,
    registered,
    turned_away,
)
from cchatspec.conformance.harness.foundations import must_register
from cchatspec.conformance.harness.outcomes import Reply
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import account_with_key
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause
from cchatspec.spec import ErrorCode, GetPublicKey, LoginResponse, Logout, PublicKeyResponse, RegisterUser

#: Whether a name that is not portable is allowed is an open point; that it is a name of its own is not.
NEW_OR_NOT_ALLOWED = one_of(
    registered(), register_refused(ErrorCode.INVALID_USERNAME), error(ErrorCode.INVALID_USERNAME)
)
TAKEN = register_refused(ErrorCode.USER_ALREADY_EXISTS)

#: Places in a key and bytes there; the last byte holds the sign of a coordinate.
KEY_BYTES = {
    f"{index}-0x{value:02x}": (index, value)
    for index, value in [*product((0, 15, 30), (0x00, 0x0A, 0x0D, 0x20, 0xFF)), (31, 0x80), (31, 0xFF)]
}

ALPHABETS = {
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "digits": string.digits,
    "underscores": "_" + string.ascii_lowercase,
    "mixed": string.ascii_letters + string.digits + "_",
}


def random_name(alphabet: str, size: int) -> bytes:
    """A name of this size out of these characters."""
    return "".join(secrets.choice(alphabet) for _ in range(size)).encode()


# REG-OK


@clause("REG-OK")
def test_new_user(attempt: Attempt) -> None:
    """A new user is registered"""
    found = attempt("REG-OK")

    assert found.came == found.expected


@clause("REG-OK")
def test_two_on_one_connection(visitor: Peer, new_account: Account) -> None:
    """A second user is registered on the same connection"""
    reply = visitor.request(RegisterUser(new_account.name, new_account.public_key))

    assert reply == registered()


# REG-DUPLICATE


@clause("REG-DUPLICATE")
def test_same_key(attempt: Attempt) -> None:
    """The same name with the same key is refused"""
    found = attempt("REG-DUPLICATE")

    assert found.came == found.expected


@clause("REG-DUPLICATE")
def test_other_key(visitor: Peer, new_account: Account) -> None:
    """The same name with another key is refused"""
    assert visitor.request(RegisterUser(visitor.name, new_account.public_key)) == TAKEN


@clause("REG-DUPLICATE")
def test_other_connection(visitor: Peer, connect: Connect) -> None:
    """The same name on another connection is refused"""
    assert connect(Account(visitor.name)).register() == TAKEN


def at_once(connect: Connect, name: bytes, count: int) -> list[Reply]:
    """The replies to registrations of one name with keys of their own that are sent at the same moment, refusals first."""
    peers = [connect(Account(name)) for _ in range(count)]
    requests = [RegisterUser(name, peer.account.public_key) for peer in peers]
    for peer, request in zip(peers, requests, strict=True):
        peer.send(request)
    return sorted((peer.receive() for peer in peers), key=lambda reply: reply == registered())


@clause("REG-DUPLICATE")
def test_at_the_same_moment(target: Target, connect: Connect, new_account: Account) -> None:
    """Of six registrations of one name at the same moment, one succeeds"""
    target.require("REG-DUPLICATE")

    assert at_once(connect, new_account.name, 6) == [TAKEN] * 5 + [registered()]


@clause("REG-DUPLICATE")
def test_while_logged_in(alice: Peer, connect: Connect) -> None:
    """The name of a user who is logged in is refused"""
    assert connect(Account(alice.name)).register() == TAKEN


@clause("REG-DUPLICATE")
def test_first_key_stays(alice: Peer, connect: Connect, bob: Peer) -> None:
    """After a second registration, the first key is the one that is given out"""
    connect(Account(alice.name)).register()

    assert bob.request(GetPublicKey(alice.name)) == PublicKeyResponse(1, alice.account.public_key)


@clause("REG-DUPLICATE")
def test_second_key_opens_nothing(checking: None, outsider: Peer, connect: Connect) -> None:
    """After a second registration, its key does not log in"""
    thief = connect(Account(outsider.name))
    thief.register()

    assert thief.ask_and_prove() == no_login()


# REG-EMPTY


@clause("REG-EMPTY")
def test_empty_name(visitor: Peer) -> None:
    """An empty name is refused with code 01"""
    reply = visitor.request(RegisterUser(b"", visitor.account.public_key))

    assert reply == one_of(register_refused(ErrorCode.INVALID_USERNAME), error(ErrorCode.INVALID_USERNAME))


# REG-ALIAS

VARIANTS = {
    "nul-after": lambda name: name + b"\x00",
    "nul-before": lambda name: b"\x00" + name,
    "nul-and-more": lambda name: name + b"\x00x",
    "space-after": lambda name: name + b" ",
    "space-before": lambda name: b" " + name,
    "newline-after": lambda name: name + b"\n",
    "tab-after": lambda name: name + b"\t",
    "prefix": lambda name: name[:-1],
    "longer": lambda name: name + b"x",
    "bad-utf-8": lambda name: name + b"\xff",
    "last-byte": lambda name: name[:-1] + (b"y" if name[-1:] != b"y" else b"z"),
}


def long_name(account: Account, size: int) -> bytes:
    """A name of this size that starts with the account's."""
    return account.name.ljust(size, b"x")[:size]


@clause("REG-ALIAS")
@pytest.mark.parametrize("variant", VARIANTS)
def test_is_another_user(visitor: Peer, connect: Connect, variant: str) -> None:
    """A name that differs a little is not taken"""
    other = connect(Account(VARIANTS[variant](visitor.name)))

    assert other.register() == NEW_OR_NOT_ALLOWED


@clause("REG-ALIAS")
@pytest.mark.parametrize("variant", VARIANTS)
def test_does_not_replace_the_key(alice: Peer, connect: Connect, variant: str) -> None:
    """Registering a name that differs a little leaves the key of the first user"""
    connect(Account(VARIANTS[variant](alice.name))).register()

    assert alice.request(GetPublicKey(alice.name)) == PublicKeyResponse(1, alice.account.public_key)


@clause("REG-ALIAS")
@pytest.mark.parametrize("size", [9, 16, 17, 24, 31])
def test_differs_at_the_end(connect: Connect, new_account: Account, size: int) -> None:
    """Of two names of this length that differ in their last byte alone, both are registered"""
    account = Account(long_name(Account(new_account.name[:8]), size - 1))
    must_register(connect(Account(account.name + b"1")))

    assert connect(Account(account.name + b"2")).register() == registered()


# REG-PORTABLE


@clause("REG-PORTABLE")
@pytest.mark.parametrize("size", [1, 2, 3, 4, 8, 15, 16, 17, 20, 24, 30, 31])
def test_size(stranger: Peer, size: int) -> None:
    """A name of this many bytes is accepted, or taken already"""
    reply = stranger.request(RegisterUser(random_name(ALPHABETS["mixed"], size), stranger.account.public_key))

    assert reply == one_of(registered(), TAKEN)


@clause("REG-PORTABLE")
@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_alphabet(stranger: Peer, alphabet: str) -> None:
    """A name of such characters alone is accepted"""
    reply = stranger.request(RegisterUser(random_name(ALPHABETS[alphabet], 20), stranger.account.public_key))

    assert reply == registered()


@clause("REG-PORTABLE")
@pytest.mark.parametrize("start", ["_", "0", "9", "Z"])
def test_first_character(stranger: Peer, start: str) -> None:
    """A name may start with any portable character"""
    name = start.encode() + random_name(ALPHABETS["mixed"], 18)

    assert stranger.request(RegisterUser(name, stranger.account.public_key)) == registered()


@clause("REG-PORTABLE")
@pytest.mark.parametrize("size", [1, 31])
def test_login_by_a_name_of_size(connect: Connect, login: Login, size: int) -> None:
    """A user with a name of this many bytes can log in"""
    account = Account(random_name(ALPHABETS["mixed"], size))
    connect(account).register()

    assert connect(account).ask() == LoginResponse(1, ANYTHING)


# REG-KEY


@clause("REG-KEY")
@pytest.mark.parametrize(("index", "value"), KEY_BYTES.values(), ids=KEY_BYTES)
def test_byte_in_the_key(new_account: Account, connect: Connect, alice: Peer, index: int, value: int) -> None:
    """A key with such a byte in it is given out as it was registered"""
    account = account_with_key(new_account, index, value)
    connect(account).register()

    assert alice.request(GetPublicKey(account.name)) == PublicKeyResponse(1, account.public_key)


# REG-KEEP, REG-NOLOGIN


@clause("REG-KEEP")
def test_after_the_connection(target: Target, visitor: Peer, connect: Connect) -> None:
    """A user whose registering connection is closed can log in on another"""
    target.require("LOGIN-PROOF")
    visitor.drop()

    assert connect(visitor.account).ask_and_prove() == login_accepted()


@clause("REG-KEEP")
def test_after_a_reset(target: Target, visitor: Peer, connect: Connect) -> None:
    """A user whose registering connection was reset can log in on another"""
    target.require("LOGIN-PROOF")
    visitor.reset()

    assert connect(visitor.account).ask_and_prove() == login_accepted()


@clause("REG-KEEP")
def test_after_a_logout(target: Target, login: Login, connect: Connect) -> None:
    """The name of a user who has logged out is taken"""
    target.require("REG-DUPLICATE")
    gone = login()
    gone.send(Logout())
    gone.until_end()

    assert connect(Account(gone.name)).register() == TAKEN


@clause("REG-NOLOGIN")
def test_no_session(refusing: None, stranger: Peer) -> None:
    """Right after registering, a request that needs a login is refused"""
    stranger.register()

    assert stranger.request(GetPublicKey(stranger.name)) == turned_away()
