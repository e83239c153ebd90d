"""Names that are near to one another, long, or odd: whose they are, and that no request with one does harm."""

from __future__ import annotations

import string
from collections.abc import Callable

import pytest

from cchatspec.conformance.cases.key import NOBODY, UNLIKE_NAMES
from cchatspec.conformance.cases.login import session_of
from cchatspec.conformance.cases.reg import NEW_OR_NOT_ALLOWED, TAKEN, long_name, random_name
from cchatspec.conformance.cases.send import named, with_capitals
from cchatspec.conformance.fixtures import Connect, Login
from cchatspec.conformance.harness.expect import (
    A_MESSAGE,
    ANYTHING,
    acknowledged,
    closed,
    error,
    one_of,
    registered,
    turned_away,
)
from cchatspec.conformance.harness.outcomes import NotApplicable
from cchatspec.conformance.harness.peer import NO_SIGNATURE, Account, Peer
from cchatspec.conformance.harness.steps import deliver, let_in, listed, picked, poll, up_to_an_ending
from cchatspec.conformance.marks import clause
from cchatspec.spec import (
    AckStatus,
    GetPublicKey,
    IncomingMessage,
    LoginUser,
    Message,
    Presence,
    PublicKeyResponse,
    RegisterUser,
    SendMessage,
    SetStatus,
    StatusUpdate,
)

#: Sizes around those of fields and columns in which people store names.
LONG_SIZES = [32, 33, 48, 63, 64, 65, 127, 128, 129, 200, 255]

ODD_NAMES: dict[str, Callable[[bytes], bytes]] = {
    "255-bytes": lambda name: name.ljust(255, b"x"),
    "129-bytes": lambda name: name.ljust(129, b"x"),
    "bad-utf-8": lambda name: name + b"\xff\xfe",
    "format": lambda name: name + b"%s%n%99999d",
    "nuls": lambda name: name + bytes(8),
    "path": lambda name: b"../../../" + name,
    "line": lambda name: name + b"\r\n\x1b[2J",
}
REQUESTS: dict[str, Callable[[bytes], Message]] = {
    "register": lambda name: RegisterUser(name, bytes(range(32))),
    "login": lambda name: LoginUser(name, NO_SIGNATURE),
    "key": GetPublicKey,
    "send": lambda name: SendMessage(name, b"hello"),
}


@clause("REG-ALIAS")
@pytest.mark.parametrize("size", LONG_SIZES)
def test_long_names_differ_at_the_end(connect: Connect, new_account: Account, size: int) -> None:
    """Of two long names that differ in their last byte alone, the second is not taken"""
    start = long_name(new_account, size - 1)
    connect(Account(start + b"1")).register()

    assert connect(Account(start + b"2")).register() == NEW_OR_NOT_ALLOWED


@clause("REG-ALIAS")
def test_forms_of_unicode(connect: Connect, new_account: Account) -> None:
    """Of two names that look alike, one with a letter and its accent in one and one with both apart, the second is not taken"""
    connect(Account(new_account.name[:20] + "\u00e9".encode())).register()

    assert connect(Account(new_account.name[:20] + "e\u0301".encode())).register() == NEW_OR_NOT_ALLOWED


#: Two names that are the same number, or the same text to who drops, folds or trims some characters.
LOOKALIKES: dict[str, tuple[bytes, bytes]] = {
    "leading-zero": (b"%s", b"0%s"),
    "exponent": (b"%se2", b"%s00"),
    "dot-inside": (b"a%s", b"a.%s"),
    "hyphen-inside": (b"a%s", b"a-%s"),
    "underscore-inside": (b"a%s", b"a_%s"),
    "hyphen-for-underscore": (b"a-%s", b"a_%s"),
    "byte-order-mark": (b"a%s", b"\xef\xbb\xbfa%s"),
    "zero-width-space": (b"a%s", b"a\xe2\x80\x8b%s"),
    "plus-and-more": (b"a%s", b"a%s+tag"),
    "same-hash": (b"Aa%s", b"BB%s"),
    "carriage-return": (b"a%s", b"a%s\r"),
}


@clause("REG-ALIAS")
@pytest.mark.parametrize("pair", LOOKALIKES)
def test_lookalike(connect: Connect, pair: str) -> None:
    """Of two names that only look alike, the second is not taken"""
    number = random_name(string.digits[1:], 9)
    first, second = (connect(Account(name % number)) for name in LOOKALIKES[pair])
    first.register()

    assert second.register() == NEW_OR_NOT_ALLOWED


#: Names that mean something to the objects and tables of some languages.
WORDS = ["constructor", "__proto__", "toString", "hasOwnProperty", "null", "undefined", "None", "True", "select", "NaN"]


@clause("REG-PORTABLE")
@pytest.mark.parametrize("word", WORDS)
def test_word(visitor: Peer, alice: Peer, word: str) -> None:
    """A name that is a word of a programming language is accepted, or somebody has it"""
    reply = visitor.request(RegisterUser(word.encode(), visitor.account.public_key))
    key = alice.request(GetPublicKey(word.encode()))

    assert (reply, key) == (one_of(registered(), TAKEN), PublicKeyResponse(1, ANYTHING))


ENDS = {"letters": ("é".encode(), "è".encode()), "no-utf-8": (b"\xfe", b"\xff")}


@clause("REG-ALIAS")
@pytest.mark.parametrize("what", ENDS)
def test_beyond_ascii(connect: Connect, new_account: Account, what: str) -> None:
    """Of two names that differ in bytes beyond ASCII, the second is not taken"""
    first, second = (connect(Account(new_account.name[:20] + end)) for end in ENDS[what])
    first.register()

    assert second.register() == NEW_OR_NOT_ALLOWED


def in_both_cases(connect: Connect, account: Account) -> tuple[Peer, Peer]:
    """Two logged-in users whose names differ in the case of their letters alone.

    Raises:
        NotApplicable: the target takes both names for one, which is its choice.
    """
    pair = connect(Account(account.name.lower())), connect(Account(account.name.upper()))
    if [peer.register() for peer in pair] != [registered()] * 2:
        raise NotApplicable("the target folds the case of names")
    for peer in pair:
        peer.leave_registration()
        peer.login()
    return pair


@clause("KEY-EXACT")
def test_letter_case(connect: Connect, alice: Peer, new_account: Account) -> None:
    """Of two users whose names differ in the case of letters alone, each has their own key"""
    pair = in_both_cases(connect, new_account)
    alice.send(*(GetPublicKey(peer.name) for peer in pair))

    assert up_to_an_ending(alice, 2) == [PublicKeyResponse(1, peer.account.public_key) for peer in pair]


@clause("SEND-PRIVATE")
def test_not_to_a_name_in_the_other_case(sending: None, connect: Connect, alice: Peer, new_account: Account) -> None:
    """A message does not reach a user whose name differs from the recipient's in the case of letters alone"""
    lower, upper = in_both_cases(connect, new_account)
    alice.send_message(upper.name, b"for the upper")
    alice.send_message(lower.name, b"for the lower")

    assert [picked(peer.until_fence(), IncomingMessage)[1:] for peer in (lower, upper)] == [[], []]


def named_by_the_end(connect: Connect, account: Account) -> list[Peer]:
    """Two logged-in users, the name of the second of whom is that of the first with one letter before it."""
    return named(connect, account.name[:20], b"x" + account.name[:20])


@clause("SEND-PRIVATE")
def test_not_to_the_end_of_a_name(sending: None, connect: Connect, alice: Peer, new_account: Account) -> None:
    """A message does not reach a user whose name is the recipient's without its first letter"""
    shorter, longer = named_by_the_end(connect, new_account)
    alice.send_message(longer.name, b"for the longer")

    assert picked(shorter.until_fence(), IncomingMessage) == []


@clause("ROBUST-ALIVE")
@pytest.mark.parametrize("kind", REQUESTS)
@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_name(alice: Peer, new_account: Account, name: str, kind: str) -> None:
    """A request with such a name is answered, or ends its own connection"""
    reply = alice.request(REQUESTS[kind](ODD_NAMES[name](new_account.name)))

    assert reply == one_of(A_MESSAGE, closed())


@clause("LOGIN-UNKNOWN")
@pytest.mark.parametrize("near", UNLIKE_NAMES)
def test_near_name(refusing: None, outsider: Peer, near: str) -> None:
    """A name that is near to a user's gets no session with that user's key"""
    name = UNLIKE_NAMES[near](outsider.name)
    reply = outsider.ask(name)
    outsider.prove(outsider.account.sign(getattr(reply, "challenge", None) or bytes(32)), name)

    assert session_of(outsider) == turned_away()


@clause("SEND-NOBODY")
@pytest.mark.parametrize("near", UNLIKE_NAMES)
def test_near(alice: Peer, bob: Peer, near: str) -> None:
    """A message to a name that is near to a user's, and that nobody has, is refused"""
    reply = alice.send_message(UNLIKE_NAMES[near](bob.name), b"anybody?")

    assert reply == one_of(error(ANYTHING), acknowledged(AckStatus.FAILED))


@pytest.fixture
def cases_differ(connect: Connect, new_account: Account) -> None:
    """The target takes names that differ in the case of letters for two users, as two such names have shown."""
    with_capitals(connect, new_account)


@clause("KEY-EXACT")
def test_key_in_the_other_case(cases_differ: None, alice: Peer, bob: Peer) -> None:
    """Where upper and lower case differ, a user's name in capitals finds nobody"""
    assert alice.request(GetPublicKey(bob.name.upper())) == NOBODY


@clause("SEND-NOBODY")
def test_in_the_other_case(cases_differ: None, alice: Peer, bob: Peer) -> None:
    """Where upper and lower case differ, a message to a user's name in capitals is refused"""
    assert alice.send_message(bob.name.upper(), b"anybody?") == one_of(error(ANYTHING), acknowledged(AckStatus.FAILED))


@pytest.fixture
def foreign(connect: Connect, new_account: Account) -> Peer:
    """A logged-in user whose name has letters beyond ASCII.

    Raises:
        NotApplicable: the target takes no such names.
    """
    peer = connect(Account(new_account.name[:16] + "é€𝄞".encode()))
    return let_in(peer, "the target takes no name with letters beyond ASCII")


@clause("SEND-SENDER")
def test_letters_beyond_ascii(sending: None, foreign: Peer, bob: Peer) -> None:
    """A sender's name with letters beyond ASCII comes byte for byte, if the target takes such names"""
    assert deliver(foreign, bob, b"hello") == IncomingMessage(ANYTHING, foreign.name, ANYTHING, b"hello")


@pytest.fixture
def long_named(connect: Connect, new_account: Account, size: int) -> Peer:
    """A logged-in user whose name has this many bytes.

    Raises:
        NotApplicable: the target takes no such names.
    """
    return let_in(connect(Account(long_name(new_account, size))), f"the target takes no name of {size} bytes")


@clause("KEY-EXACT")
@pytest.mark.parametrize("size", [16, 31, 32, 63, 64, 128])
def test_more_than_a_long_name(long_named: Peer, alice: Peer, size: int) -> None:
    """A name that begins with a user's long name, and goes on, finds nobody"""
    assert alice.request(GetPublicKey(long_named.name + b"x")) == NOBODY


@clause("SEND-NOBODY")
@pytest.mark.parametrize("size", [32, 128, 255])
def test_long_name_of_nobody(alice: Peer, new_account: Account, size: int) -> None:
    """A message to a long name that nobody has is refused"""
    reply = alice.send_message(long_name(new_account, size), b"anybody?")

    assert reply == one_of(error(ANYTHING), acknowledged(AckStatus.FAILED))


@clause("QUEUE-DELIVER")
@pytest.mark.parametrize("size", [31, 128, 255])
def test_queued_by_a_long_name(queueing: None, long_named: Peer, absent: Account, login: Login, size: int) -> None:
    """A queued message brings its sender's long name whole, if the target takes such names"""
    long_named.send_message(absent.name, b"later")

    assert poll(login(absent)) == [IncomingMessage(ANYTHING, long_named.name, ANYTHING, b"later")]


@clause("SEND-SENDER")
@pytest.mark.parametrize("size", [31, 64, 128, 255])
def test_long_name(sending: None, long_named: Peer, bob: Peer) -> None:
    """A sender's long name comes whole, if the target takes such names"""
    assert deliver(long_named, bob, b"hello") == IncomingMessage(ANYTHING, long_named.name, ANYTHING, b"hello")


@clause("STATUS-TELL")
@pytest.mark.parametrize("size", [31, 128, 255])
def test_status_of_a_long_name(telling: None, long_named: Peer, bob: Peer) -> None:
    """A change of a user with a long name is told under the whole name, if the target takes such names"""
    long_named.send(SetStatus(Presence.AWAY))

    assert bob.await_update(long_named.name, Presence.AWAY) == StatusUpdate(long_named.name, Presence.AWAY)


@clause("LIST-ALL")
@pytest.mark.parametrize("size", [31, 128, 255])
def test_list_of_a_long_name(listing: None, long_named: Peer, bob: Peer) -> None:
    """A user with a long name is listed under the whole name, if the target takes such names"""
    assert listed(bob, long_named.name) == [Presence.ONLINE]


@clause("STATUS-TELL")
def test_status_of_letters_beyond_ascii(telling: None, foreign: Peer, bob: Peer) -> None:
    """A change of a user whose name has letters beyond ASCII is told under this name, if the target takes such names"""
    foreign.send(SetStatus(Presence.AWAY))

    assert bob.await_update(foreign.name, Presence.AWAY) == StatusUpdate(foreign.name, Presence.AWAY)


@clause("LIST-ALL")
def test_list_of_letters_beyond_ascii(listing: None, foreign: Peer, bob: Peer) -> None:
    """A user whose name has letters beyond ASCII is listed under this name, if the target takes such names"""
    assert listed(bob, foreign.name) == [Presence.ONLINE]
