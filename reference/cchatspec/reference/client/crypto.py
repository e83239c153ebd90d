"""Keys and bodies: what only the two ends of a conversation can do. Pure functions of bytes on libsodium, and a cache of boxes.

Users have one Ed25519 key, which proves who they are and, turned into X25519, encrypts. A body is `nonce(24) || crypto_box`,
which also proves its sender to the recipient, or, if both choose so, a sealed box, which proves nobody. CLIENT-CRYPTO

A body that cannot be opened is a `Problem` with a kind and words, not an exception: it is an event of a conversation, to be
shown in it. A box that does not open cannot tell why; that it was made with another key is only known if another key opens it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from nacl.exceptions import CryptoError
from nacl.public import Box, PrivateKey, PublicKey, SealedBox
from nacl.signing import SigningKey, VerifyKey

from cchatspec.reference.client.errors import BadKey

SEED_BYTES: Final = 32
KEY_BYTES: Final = 32

#: How many bytes a body is longer than what it says: nonce and authenticator, or a sealed box's key and authenticator.
BOX_OVERHEAD: Final = Box.NONCE_SIZE + 16
SEALED_OVERHEAD: Final = 32 + 16

#: How many correspondents' boxes are kept.
_CACHE_SIZE: Final = 1024


class Scheme(Enum):
    """How bodies are encrypted."""

    BOX = "box"
    SEALED = "sealed"


class ProblemKind(StrEnum):
    """Why a body cannot be read; the value is its name in JSON."""

    EMPTY = "empty"
    SHORT = "short"
    ALTERED = "altered"
    WRONG_KEY = "wrong-key"
    SEALED = "sealed"
    BAD_KEY = "bad-key"
    NO_KEY = "no-key"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a body cannot be read, and the same in words."""

    kind: ProblemKind
    words: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What a body says, and whether it proves its sender."""

    content: bytes
    is_authenticated: bool


EMPTY: Final = Problem(ProblemKind.EMPTY, "the body is empty")
ALTERED: Final = Problem(
    ProblemKind.ALTERED, "the body does not open: it was altered on the way, or encrypted with or for another key"
)
UNPROVED: Final = Problem(
    ProblemKind.SEALED, "the body is a sealed box, which does not prove its sender; those are not accepted here"
)
BAD_KEY: Final = Problem(ProblemKind.BAD_KEY, "the sender's public key is no point on the curve")


def fingerprint(key: bytes) -> str:
    """A public key in a form that people can compare: 128 bits of its SHA-256 as eight groups of hexadecimal digits."""
    digits = hashlib.sha256(key).hexdigest()[:32]
    return "-".join(digits[start : start + 4] for start in range(0, 32, 4))


class Identity:
    """A user's own key. It is shown by its fingerprint; the secret part is never in its text."""

    __slots__ = ("_signing_key", "public_key")

    def __init__(self, seed: bytes) -> None:
        self._signing_key = SigningKey(seed)
        self.public_key = bytes(self._signing_key.verify_key)

    @classmethod
    def generate(cls) -> Identity:
        """A new identity."""
        return cls(bytes(SigningKey.generate()))

    def __repr__(self) -> str:
        return f"<Identity {fingerprint(self.public_key)}>"

    def prove(self, challenge: bytes) -> bytes:
        """The detached signature over a challenge. CLIENT-PROOF"""
        return self._signing_key.sign(challenge).signature

    def seed(self) -> bytes:
        """The secret itself, for the key file alone."""
        return bytes(self._signing_key)

    def exchange_key(self) -> PrivateKey:
        """The X25519 key that goes with this one."""
        return self._signing_key.to_curve25519_private_key()


class Cipher:
    """Encrypts to others and decrypts from them, with one box for each key."""

    def __init__(self, identity: Identity, scheme: Scheme = Scheme.BOX) -> None:
        self._private = identity.exchange_key()
        self._scheme = scheme
        self._boxes: dict[bytes, Box] = {}

    @property
    def overhead(self) -> int:
        """How many bytes a body is longer than its content."""
        return SEALED_OVERHEAD if self._scheme is Scheme.SEALED else BOX_OVERHEAD

    def seal(self, content: bytes, key: bytes) -> bytes:
        """The body that says this to the owner of a public key.

        Raises:
            BadKey: the key is none.
        """
        if self._scheme is Scheme.SEALED:
            return SealedBox(_exchange_key(key)).encrypt(content)
        return bytes(self._box(key).encrypt(content))

    def open(self, body: bytes, key: bytes) -> Opened | Problem:
        """What a body from the owner of a public key says."""
        if problem := shape_problem(body):
            return problem
        try:
            return Opened(self._box(key).decrypt(body), is_authenticated=True)
        except BadKey:
            return self._open_sealed(body) or BAD_KEY
        except CryptoError:
            return self._open_sealed(body) or ALTERED

    def _open_sealed(self, body: bytes) -> Opened | Problem | None:
        if len(body) < SEALED_OVERHEAD:
            return None
        try:
            content = SealedBox(self._private).decrypt(body)
        except CryptoError:
            return None
        return Opened(content, is_authenticated=False) if self._scheme is Scheme.SEALED else UNPROVED

    def _box(self, key: bytes) -> Box:
        box = self._boxes.get(key)
        if box is None:
            box = Box(self._private, _exchange_key(key))
            if len(self._boxes) >= _CACHE_SIZE:
                del self._boxes[next(iter(self._boxes))]
            self._boxes[key] = box
        return box


def shape_problem(body: bytes) -> Problem | None:
    """What is wrong with a body whatever its key, if anything is."""
    if not body:
        return EMPTY
    if len(body) < BOX_OVERHEAD:
        words = f"the body has {len(body)} bytes, and no encrypted one has less than {BOX_OVERHEAD}"
        return Problem(ProblemKind.SHORT, words)
    return None


def is_altered(opened: Opened | Problem) -> bool:
    """Whether a body did not open, and nothing is known of why."""
    return isinstance(opened, Problem) and opened.kind is ProblemKind.ALTERED


def proves(opened: Opened | Problem) -> bool:
    """Whether a body opened and proves its sender."""
    return isinstance(opened, Opened) and opened.is_authenticated


def made_with_another_key(pinned: bytes, used: bytes) -> Problem:
    """The problem of a body that opens with a key which is not the one that is pinned for its sender."""
    words = f"the body was made with the key {fingerprint(used)}, and {fingerprint(pinned)} is pinned for its sender"
    return Problem(ProblemKind.WRONG_KEY, words)


def no_key(why: str) -> Problem:
    """The problem of a body whose sender's key could not be had."""
    return Problem(ProblemKind.NO_KEY, f"the sender's public key could not be had: {why}")


def _exchange_key(key: bytes) -> PublicKey:
    try:
        return VerifyKey(key).to_curve25519_public_key()
    except CryptoError:
        raise BadKey(f"the public key {fingerprint(key)} is no point on the curve") from None
