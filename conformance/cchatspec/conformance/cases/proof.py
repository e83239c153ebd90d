"""LOGIN: proofs that must be refused: wrong, old, of another connection or user, and those that only lax verifiers take."""

from __future__ import annotations

import hashlib
import secrets

import pytest

from cchatspec.conformance.cases.login import session_of
from cchatspec.conformance.fixtures import Attempt, Connect
from cchatspec.conformance.harness.expect import (
    ANYTHING,
    challenge_given,
    login_refused,
    no_login,
    one_of,
    register_refused,
    turned_away,
)
from cchatspec.conformance.harness.foundations import must_register
from cchatspec.conformance.harness.peer import NO_SIGNATURE, Account, Peer
from cchatspec.conformance.harness.steps import (
    ED25519_ORDER,
    NOT_A_SIGNATURE,
    add_group_order,
    ask_again,
    fail_login,
    flip_bit,
    forged_login,
    listed,
    new_challenge,
)
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause
from cchatspec.spec import (
    Error,
    Presence,
)

#: The neutral point of Ed25519's curve: nobody has a private key to it, and lax verifiers accept one signature over everything.
SMALL_ORDER_KEYS = {
    "order-1": (1).to_bytes(32, "little"),
    "order-1-not-canonical": (2**255 - 18).to_bytes(32, "little"),
}
NEUTRAL_POINT = (1).to_bytes(32, "little")
IDENTITY_SIGNATURE = NEUTRAL_POINT + bytes(32)


def sign_with_the_neutral_point(account: Account, message: bytes) -> bytes:
    """A signature by the private key that fits the equation, with the neutral point for R and nothing random in it."""
    clamped = int.from_bytes(hashlib.sha512(bytes(account.key)).digest()[:32], "little") & ~7 & ~(1 << 255) | 1 << 254
    factor = int.from_bytes(hashlib.sha512(NEUTRAL_POINT + account.public_key + message).digest(), "little")
    return NEUTRAL_POINT + (factor * clamped % ED25519_ORDER).to_bytes(32, "little")


# LOGIN-REFUSE


def other_data(account: Account, challenge: bytes) -> dict[str, bytes]:
    """Signatures that the right key has made, over the wrong bytes."""
    return {
        "first-16-bytes": account.sign(challenge[:16]),
        "first-31-bytes": account.sign(challenge[:31]),
        "one-byte-more": account.sign(challenge + b"\x00"),
        "name-too": account.sign(account.name + challenge),
        "in-hex": account.sign(challenge.hex().encode()),
        "name-alone": account.sign(account.name),
        "nothing": account.sign(b""),
        "zeros": account.sign(bytes(32)),
    }


@clause("LOGIN-REFUSE")
def test_proves_nothing(attempt: Attempt) -> None:
    """Neither wrong signatures nor 64 zero bytes open a session"""
    found = attempt("LOGIN-REFUSE")

    assert found.came == found.expected


@clause("LOGIN-REFUSE")
@pytest.mark.parametrize("bit", [0, 100, 255, 256, 383, 500], ids="bit-{}".format)
def test_one_bit_wrong(outsider: Peer, bit: int) -> None:
    """A signature with one wrong bit is refused"""
    signature = outsider.account.sign(outsider.challenge())

    assert outsider.prove(flip_bit(signature, bit)) == login_refused()


@clause("LOGIN-REFUSE")
@pytest.mark.parametrize("what", other_data(Account(b""), bytes(32)))
def test_over_other_bytes(outsider: Peer, what: str) -> None:
    """A signature of the right key over other bytes than the challenge is refused"""
    signature = other_data(outsider.account, outsider.challenge())[what]

    assert outsider.prove(signature) == login_refused()


@clause("LOGIN-REFUSE")
@pytest.mark.parametrize("byte", [0x01, 0x5A, 0xFF], ids="0x{:02x}".format)
def test_no_signature_at_all(outsider: Peer, byte: int) -> None:
    """64 bytes that are no signature are refused"""
    outsider.challenge()

    assert outsider.prove(bytes([byte]) * 64) == login_refused()


@clause("LOGIN-REFUSE")
def test_random_bytes(outsider: Peer) -> None:
    """64 random bytes are refused"""
    outsider.challenge()

    assert outsider.prove(secrets.token_bytes(64)) == login_refused()


@clause("LOGIN-REFUSE")
def test_the_challenge_itself(outsider: Peer) -> None:
    """The challenge sent back twice is refused"""
    challenge = outsider.challenge()

    assert outsider.prove(challenge + challenge) == login_refused()


@clause("LOGIN-REFUSE")
def test_opens_no_session(refusing: None, outsider: Peer) -> None:
    """After a refused proof, a request that needs a login is refused"""
    signature = outsider.account.sign(outsider.challenge())
    outsider.prove(flip_bit(signature, 7))

    assert session_of(outsider) == turned_away()


@clause("LOGIN-REFUSE")
def test_zeros_open_no_session(refusing: None, outsider: Peer) -> None:
    """Sending the request for a challenge twice opens no session"""
    outsider.challenge()
    outsider.prove(NO_SIGNATURE)

    assert session_of(outsider) == turned_away()


# LOGIN-BURN, LOGIN-BOUND


@clause("LOGIN-BURN")
def test_old_challenge(refusing: None, checking: None, outsider: Peer) -> None:
    """After a failed proof, the right signature over the old challenge opens no session"""
    signature = outsider.account.sign(outsider.challenge())
    outsider.prove(flip_bit(signature, 3))
    outsider.prove(signature)

    assert session_of(outsider) == turned_away()


@clause("LOGIN-BURN")
def test_old_challenge_after_a_new_one(refusing: None, checking: None, outsider: Peer) -> None:
    """When a new challenge was given after a failure, the right signature over the old one opens no session"""
    challenge = outsider.challenge()
    old = outsider.account.sign(challenge)
    outsider.prove(flip_bit(old, 3))
    new_challenge(outsider, challenge)
    outsider.prove(old)

    assert session_of(outsider) == turned_away()


@clause("LOGIN-BURN")
def test_asked_twice(refusing: None, checking: None, outsider: Peer) -> None:
    """When a challenge was asked for twice, a signature over the first opens no session"""
    challenge = outsider.challenge()
    ask_again(outsider, challenge)
    outsider.prove(outsider.account.sign(challenge))

    assert session_of(outsider) == turned_away()


@clause("LOGIN-BOUND")
def test_proof_without_a_challenge(refusing: None, checking: None, outsider: Peer, connect: Connect) -> None:
    """A challenge of one connection opens no session on another that asked for none"""
    signature = outsider.account.sign(outsider.challenge())
    other = connect(outsider.account)
    other.prove(signature)

    assert session_of(other) == turned_away()


@clause("LOGIN-BOUND")
def test_proof_for_another_challenge(checking: None, outsider: Peer, connect: Connect) -> None:
    """A challenge of one connection is refused on another that has one of its own"""
    challenge = outsider.challenge()
    other = connect(outsider.account)
    new_challenge(other, challenge)

    assert other.prove(outsider.account.sign(challenge)) == no_login()


@clause("LOGIN-BOUND")
def test_later_challenge_elsewhere(checking: None, outsider: Peer, connect: Connect) -> None:
    """A challenge given on another connection later is refused on the first"""
    challenge = outsider.challenge()
    other = connect(outsider.account)
    later = new_challenge(other, challenge)

    assert outsider.prove(outsider.account.sign(later)) == no_login()


# LOGIN-OWNKEY, LOGIN-STRICT, LOGIN-UNKNOWN


@clause("LOGIN-OWNKEY")
def test_key_of_another(checking: None, outsider: Peer, alice: Peer) -> None:
    """The signature of another registered user is refused"""
    challenge = outsider.challenge()

    assert outsider.prove(alice.account.sign(challenge)) == no_login()


@clause("LOGIN-OWNKEY")
def test_name_changed_for_the_proof(checking: None, listing: None, outsider: Peer, absent: Account, bob: Peer) -> None:
    """Asking as oneself and proving as another does not bring the other online"""
    challenge = outsider.challenge()
    outsider.prove(outsider.account.sign(challenge), absent.name)

    assert listed(bob, absent.name) == [Presence.OFFLINE]


@clause("LOGIN-OWNKEY")
def test_proof_under_a_longer_name(
    checking: None, listing: None, connect: Connect, bob: Peer, new_account: Account
) -> None:
    """Asking as oneself and proving under another's name, which begins with one's own, does not bring the other online"""
    peer, longer = (must_register(connect(Account(new_account.name[:20] + more))) for more in (b"", b"x"))
    challenge = peer.challenge()
    peer.prove(peer.account.sign(challenge), longer.name)

    assert listed(bob, longer.name) == [Presence.OFFLINE]


@clause("LOGIN-OWNKEY")
def test_name_changed_after_asking(checking: None, listing: None, outsider: Peer, absent: Account, bob: Peer) -> None:
    """Asking as another and proving as oneself does not bring the other online"""
    outsider.ask(absent.name)
    reply = outsider.ask()
    outsider.prove(outsider.account.sign(getattr(reply, "challenge", None) or bytes(32)))

    assert listed(bob, absent.name) == [Presence.OFFLINE]


@clause("LOGIN-OWNKEY")
def test_challenge_of_another(checking: None, listing: None, outsider: Peer, absent: Account, bob: Peer) -> None:
    """Proving oneself by a challenge that was asked for as another does not bring the other online"""
    reply = outsider.ask(absent.name)
    outsider.prove(outsider.account.sign(getattr(reply, "challenge", None) or bytes(32)))

    assert listed(bob, absent.name) == [Presence.OFFLINE]


def prove_as(peer: Peer, name: bytes) -> None:
    """Ask for a challenge as another user, and prove oneself as them with one's own key."""
    reply = peer.ask(name)
    peer.prove(peer.account.sign(getattr(reply, "challenge", None) or bytes(32)), name)


@clause("LOGIN-OWNKEY")
def test_key_of_an_earlier_attempt(checking: None, listing: None, outsider: Peer, absent: Account, bob: Peer) -> None:
    """After a failed login as oneself, one's own key does not bring another online"""
    fail_login(outsider)
    prove_as(outsider, absent.name)

    assert listed(bob, absent.name) == [Presence.OFFLINE]


@clause("LOGIN-OWNKEY")
def test_key_of_the_session(checking: None, listing: None, alice: Peer, absent: Account, bob: Peer) -> None:
    """On a session, the key of its user does not bring another online"""
    prove_as(alice, absent.name)

    assert listed(bob, absent.name) == [Presence.OFFLINE]


@clause("LOGIN-OWNKEY")
def test_other_name_on_a_session(checking: None, listing: None, alice: Peer, absent: Account, bob: Peer) -> None:
    """On a session, a proof by its own user for a challenge in their name does not bring another online, whose name it gives"""
    reply = alice.ask()
    alice.prove(alice.account.sign(getattr(reply, "challenge", None) or bytes(32)), absent.name)

    assert listed(bob, absent.name) == [Presence.OFFLINE]


@clause("LOGIN-REFUSE")
def test_oneself_on_a_session(checking: None, alice: Peer) -> None:
    """On a session, a wrong proof of its own user is refused too"""
    alice.ask()

    assert alice.prove(NOT_A_SIGNATURE) == no_login()


@clause("LOGIN-BURN")
@pytest.mark.parametrize("failures", [2, 3, 4])
def test_old_challenge_of_several(refusing: None, checking: None, outsider: Peer, failures: int) -> None:
    """After several failed proofs, the right signature over the last challenge opens no session"""
    for _ in range(failures):
        signature = outsider.account.sign(outsider.challenge())
        outsider.prove(flip_bit(signature, 3))
    outsider.prove(signature)

    assert session_of(outsider) == turned_away()


@clause("LOGIN-BURN")
def test_old_challenge_after_another_name(refusing: None, checking: None, outsider: Peer, absent: Account) -> None:
    """After a failed proof under another name, the right signature over the old challenge opens no session"""
    signature = outsider.account.sign(outsider.challenge())
    outsider.prove(flip_bit(signature, 3), absent.name)
    outsider.prove(signature)

    assert session_of(outsider) == turned_away()


@clause("LOGIN-STRICT")
def test_scalar_not_reduced(checking: None, outsider: Peer) -> None:
    """A signature with S + L in place of S is refused"""
    signature = outsider.account.sign(outsider.challenge())

    assert outsider.prove(add_group_order(signature)) == no_login()


@clause("LOGIN-STRICT")
@pytest.mark.parametrize("bit", [509, 510, 511], ids="bit-{}".format)
def test_top_bits_of_the_scalar(checking: None, outsider: Peer, bit: int) -> None:
    """A signature with one of the three highest bits of S set is refused"""
    signature = outsider.account.sign(outsider.challenge())

    assert outsider.prove(flip_bit(signature, bit)) == no_login()


@clause("LOGIN-STRICT", level="SHOULD")
def test_small_order_point(checking: None, outsider: Peer) -> None:
    """A signature with the neutral point for R is refused, though it fits the equation"""
    signature = sign_with_the_neutral_point(outsider.account, outsider.challenge())

    assert outsider.prove(signature) == no_login()


@clause("LOGIN-STRICT", level="SHOULD")
@pytest.mark.parametrize("order", SMALL_ORDER_KEYS)
def test_small_order_key(checking: None, target: Target, stranger: Peer, order: str) -> None:
    """A key of small order is refused at the registration, or the signature that fits it is"""
    target.require("KEY-FOUND")
    reply = forged_login(stranger, SMALL_ORDER_KEYS[order], lambda _: IDENTITY_SIGNATURE)

    assert reply == one_of(register_refused(ANYTHING), login_refused(), Error(ANYTHING, ANYTHING))


@clause("LOGIN-UNKNOWN")
def test_unregistered_name(refusing: None, target: Target, stranger: Peer) -> None:
    """A name that nobody registered gets no session, whatever is signed"""
    target.require("KEY-FOUND")
    reply = stranger.ask()
    stranger.prove(stranger.account.sign(getattr(reply, "challenge", None) or bytes(32)))

    assert session_of(stranger) == turned_away()


@clause("LOGIN-UNKNOWN")
def test_unregistered_name_gets_an_answer(target: Target, stranger: Peer) -> None:
    """Asking under a name that nobody registered is answered"""
    target.require("KEY-FOUND")

    assert stranger.ask() == one_of(no_login(), challenge_given())
