"""Who takes part in scripts: accounts whose names, keys and bodies all follow from the campaign's seed.

Same seed, same order of use, same names and keys. A server that was there before knows the names of an earlier campaign with
this seed; then the next `tag` is taken, and all names are others. Names tell nothing about each other: none begins another.

Accounts are registered before they are lent to a script, and come back afterwards. They are lent in turn, so that a server that
limits each user sees little of each.
"""

from __future__ import annotations

import string
from collections import deque
from dataclasses import dataclass, field
from hashlib import blake2b

from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

from cchatspec.fuzz.script import NAME_SIZE

_DIGITS = (string.ascii_lowercase + string.digits).encode()

#: How many bytes of a body tell it from all others.
MARK_SIZE = 16

#: What follows the mark: all values of a byte, over and over.
_FILLING = bytes(range(256)) * 257

NO_CHALLENGE = bytes(32)


class Account:
    """A name and its key pair, both worked out when they are first needed; `uses` counts how often it was lent."""

    __slots__ = ("_pair", "_source", "name", "uses")

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._pair: tuple[bytes, bytes] | None = None
        number = int.from_bytes(blake2b(source, digest_size=16, person=b"name").digest(), "big")
        name = bytearray()
        for _ in range(NAME_SIZE):
            number, digit = divmod(number, len(_DIGITS))
            name.append(_DIGITS[digit])
        self.name = bytes(name)
        self.uses = 0

    def _keys(self) -> tuple[bytes, bytes]:
        if self._pair is None:
            seed = blake2b(self._source, digest_size=32, person=b"key").digest()
            self._pair = crypto_sign_seed_keypair(seed)
        return self._pair

    @property
    def key(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._keys()[0]

    def sign(self, challenge: bytes) -> bytes:
        """The 64 bytes of the detached signature."""
        return crypto_sign(challenge, self._keys()[1])[:64]


@dataclass(slots=True)
class Users:
    """All accounts of a campaign: those that are registered and free stand in `pool`.

    Attributes:
        seed: the campaign's.
        tag: which of the sequences of names of this seed is in use.
        size: so many accounts are kept for scripts to use in turn.
        grows: whether more are registered by and by, which takes memory on the target.
        signatures: every signature that was made, with whose it is and over what; nobody else can make one that verifies.
    """

    seed: int
    tag: int = 0
    size: int = 256
    grows: bool = True
    pool: deque[Account] = field(default_factory=deque)
    signatures: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    _number: int = 0

    def new(self) -> Account:
        """The next account that nobody has heard of."""
        self._number += 1
        return Account(b"%d/%d/%d" % (self.seed, self.tag, self._number))

    def restart(self, tag: int) -> None:
        """Forget all accounts, and go on with other names."""
        self.tag, self._number = tag, 0
        self.pool.clear()
        self.signatures.clear()

    def lend(self) -> Account | None:
        """A registered account that was not used for longest, if there is one."""
        if not self.pool:
            return None
        account = self.pool.popleft()
        account.uses += 1
        return account

    def take_back(self, account: Account) -> None:
        """Take an account that is registered with its own key and has no messages waiting."""
        if len(self.pool) < self.size:
            self.pool.append(account)

    def sign(self, account: Account, challenge: bytes) -> bytes:
        """The signature of an account over a challenge, remembered."""
        made = account.sign(challenge)
        self.signatures[made] = (account.key, challenge)
        return made

    def is_signed(self, key: bytes, challenge: bytes, signature: bytes) -> bool:
        """Whether a strict verifier takes the signature."""
        return self.signatures.get(signature) == (key, challenge)


class Cast:
    """The accounts that play the users of one script, and what its references stand for.

    Args:
        users: the campaign's accounts.
        registered: who plays each of the registered users.
        execution: counts scripts; bodies of different executions have different marks.
    """

    def __init__(self, users: Users, registered: dict[str, Account], execution: int) -> None:
        self._users = users
        self.accounts = dict(registered)
        self.execution = execution
        self._marks: dict[int, bytes] = {}
        #: The challenges that came on each connection, in their order.
        self.challenges: dict[int, list[bytes]] = {}

    def account(self, user: str) -> Account:
        """Who plays a user."""
        found = self.accounts.get(user)
        if found is None:
            found = self.accounts[user] = self._users.new()
        return found

    def name(self, user: str) -> bytes:
        """The name of a user."""
        return self.account(user).name

    def key(self, user: str) -> bytes:
        """A user's public key."""
        return self.account(user).key

    def proof(self, user: str, connection: int, age: int) -> bytes:
        """A user's signature over the last challenge on a connection, or one before that."""
        came = self.challenges.get(connection, ())
        challenge = came[-1 - age] if 0 <= age < len(came) else NO_CHALLENGE
        return self._users.sign(self.account(user), challenge)

    def body(self, number: int, size: int) -> bytes:
        """The body of that number: a mark, and behind it all values of a byte in turn."""
        mark = self._marks.get(number)
        if mark is None:
            source = b"%d/%d/%d/%d" % (self._users.seed, self._users.tag, self.execution, number)
            mark = self._marks[number] = blake2b(source, digest_size=MARK_SIZE, person=b"body").digest()
        if size < MARK_SIZE:
            return mark[MARK_SIZE - size :]
        return mark + _FILLING[: size - MARK_SIZE]
