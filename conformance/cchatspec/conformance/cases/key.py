"""KEY: public keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cchatspec.conformance.fixtures import Attempt, Connect, Login
from cchatspec.conformance.harness.expect import BYTES_32, error, one_of
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import name_of_nobody, up_to_an_ending
from cchatspec.conformance.marks import clause
from cchatspec.spec import ErrorCode, GetPublicKey, Logout, PublicKeyResponse

NOT_FOUND = PublicKeyResponse(0)

#: A name that could not be registered may also be refused as one.
NOBODY = one_of(NOT_FOUND, error(ErrorCode.INVALID_USERNAME), error(ErrorCode.USER_NOT_FOUND))

#: Other names than a user's, in which careless code finds it.
UNLIKE_NAMES: dict[str, Callable[[bytes], bytes]] = {
    "longer": lambda name: name + b"x",
    "nul-after": lambda name: name + b"\x00",
    "space-after": lambda name: name + b" ",
    "space-before": lambda name: b" " + name,
    "newline-after": lambda name: name + b"\n",
    "bad-utf-8": lambda name: name + b"\xff\xfe",
}

NEAR_NAMES: dict[str, Callable[[bytes], bytes]] = {
    **UNLIKE_NAMES,
    "prefix": lambda name: name[:-1],
    "first-byte": lambda name: name[:1] + b"_",
    "suffix": lambda name: name[1:],
    "star": lambda name: name[:-1] + b"*",
    "question-mark": lambda name: name[:-1] + b"?",
    "percent": lambda name: name[:-1] + b"%",
    "underscore": lambda name: name[:-1] + b"_",
    "dot": lambda name: name[:-1] + b".",
    "quote": lambda name: name + b"' OR '1'='1",
    "at-a-host": lambda name: name + b"@localhost",
    "slash": lambda name: b"./" + name,
    "255-bytes": lambda name: name.ljust(255, b"x"),
    "top-bit": lambda name: bytes([name[0] | 0x80]) + name[1:],
    "nothing": lambda name: b"",
}


@clause("KEY-FOUND")
def test_own(attempt: Attempt) -> None:
    """A user gets their own key"""
    found = attempt("KEY-FOUND")

    assert found.came == found.expected


@clause("KEY-FOUND")
def test_of_a_user_who_is_there(alice: Peer, bob: Peer) -> None:
    """The key of another user who is logged in"""
    assert alice.request(GetPublicKey(bob.name)) == PublicKeyResponse(1, bob.account.public_key)


@clause("KEY-FOUND")
def test_of_an_absent_user(alice: Peer, absent: Account) -> None:
    """The key of a user who never logged in"""
    assert alice.request(GetPublicKey(absent.name)) == PublicKeyResponse(1, absent.public_key)


@clause("KEY-FOUND")
def test_after_logout(alice: Peer, login: Login) -> None:
    """The key of a user who has logged out"""
    gone = login()
    gone.send(Logout())
    gone.until_end()

    assert alice.request(GetPublicKey(gone.name)) == PublicKeyResponse(1, gone.account.public_key)


@clause("KEY-FOUND")
def test_each_their_own(alice: Peer, bob: Peer, carol: Peer) -> None:
    """The keys of three users, asked for in one segment, are each their own"""
    alice.send(*(GetPublicKey(user.name) for user in (carol, alice, bob)))

    assert up_to_an_ending(alice, 3) == [PublicKeyResponse(1, user.account.public_key) for user in (carol, alice, bob)]


@clause("KEY-FOUND")
def test_registered_after_it_was_missing(alice: Peer, new_account: Account, connect: Connect) -> None:
    """The key of a user who was asked for before they registered"""
    alice.request(GetPublicKey(new_account.name))
    connect(new_account).register()

    assert alice.request(GetPublicKey(new_account.name)) == PublicKeyResponse(1, new_account.public_key)


@clause("KEY-MISSING")
@pytest.mark.parametrize("word", ["constructor", "__proto__", "toString", "null"])
def test_word_of_a_language(alice: Peer, word: str) -> None:
    """A name that means something to a programming language is looked up like any other"""
    assert alice.request(GetPublicKey(word.encode())) == one_of(NOT_FOUND, PublicKeyResponse(1, BYTES_32))


@clause("KEY-MISSING")
def test_behind_a_key_that_was_found(alice: Peer, bob: Peer) -> None:
    """There is no key for a name that nobody registered, right behind one of the same length for which there is one"""
    alice.request(GetPublicKey(bob.name))

    assert alice.request(GetPublicKey(name_of_nobody(bob.name))) == PublicKeyResponse(0)


@clause("KEY-MISSING")
def test_unregistered(alice: Peer, new_account: Account) -> None:
    """A name that nobody registered is not found"""
    assert alice.request(GetPublicKey(new_account.name)) == NOT_FOUND


@clause("KEY-MISSING")
def test_session_goes_on(alice: Peer, new_account: Account) -> None:
    """After a name that is not found, the session goes on"""
    alice.request(GetPublicKey(new_account.name))

    assert alice.until_fence() == []


@clause("KEY-EXACT")
@pytest.mark.parametrize("near", NEAR_NAMES)
def test_near(alice: Peer, bob: Peer, near: str) -> None:
    """A name that is near to a user's finds nobody"""
    assert alice.request(GetPublicKey(NEAR_NAMES[near](bob.name))) == NOBODY


@clause("KEY-EXACT")
@pytest.mark.parametrize(
    "pattern", [b"*", b"%", b".*", b"_", b"?"], ids=["star", "percent", "dot-star", "underscore", "question-mark"]
)
def test_pattern(alice: Peer, bob: Peer, pattern: bytes) -> None:
    """A pattern finds nobody's key but that of a user of this very name"""
    assert alice.request(GetPublicKey(pattern * 3)) == NOBODY
