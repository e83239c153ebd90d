"""One user's connection to the target: a line with an account, and the steps that cases take with it.

That nothing came is shown by a *fence*, a request whose reply is certain and told apart from all others.
"""

from __future__ import annotations

from nacl.signing import SigningKey

from cchatspec.conformance.harness.line import Line, Surroundings
from cchatspec.conformance.harness.outcomes import Blocked, Ending, Reply, Unreadable
from cchatspec.conformance.harness.reading import Deviation
from cchatspec.conformance.harness.wirelog import FENCE, WireLog
from cchatspec.spec import (
    GetPublicKey,
    IncomingMessage,
    LoginResponse,
    LoginUser,
    PublicKeyResponse,
    RegisterResponse,
    RegisterUser,
    SendMessage,
    build,
)

#: What a client sends in place of a signature to ask for a challenge.
NO_SIGNATURE = bytes(64)

#: Bytes in a key that text handling damages: NUL, line feed, carriage return, space. Only REG-KEY asks for them.
_FRAGILE = frozenset(b"\x00\n\r ")

#: The bit of a key's last byte that is the sign of a coordinate, and that code for other curves clears.
_SIGN_BIT = 0x80


def sturdy_key() -> SigningKey:
    """A fresh key whose public half has no byte that text handling damages, and no sign bit.

    So REG-KEY, and LOGIN-PROOF for the sign, alone meet such damage, and always.
    """
    while _is_fragile(bytes((key := SigningKey.generate()).verify_key)):
        pass
    return key


def _is_fragile(public_key: bytes) -> bool:
    return bool(public_key[-1] & _SIGN_BIT) or not _FRAGILE.isdisjoint(public_key)


class Account:
    """A name and its key pair, registered or not."""

    def __init__(self, name: bytes, key: SigningKey | None = None) -> None:
        self.name = name
        self._key = key

    @property
    def key(self) -> SigningKey:
        """The key pair, made when it is first needed."""
        if self._key is None:
            self._key = sturdy_key()
        return self._key

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that are registered."""
        return bytes(self.key.verify_key)

    def sign(self, challenge: bytes) -> bytes:
        """The 64 bytes of the detached signature."""
        return self.key.sign(challenge).signature


class Peer(Line):
    """A line; `account` is who it stands for, logged in or not.

    Raises:
        Blocked: the target does not accept the connection.
    """

    def __init__(
        self, target: Surroundings, account: Account, log: WireLog, who: str = "", *, elsewhere: bool = False
    ) -> None:
        super().__init__(target, log, who, elsewhere=elsewhere)
        self.account = account
        self.logged_in = False

    @property
    def name(self) -> bytes:
        """The name that this peer stands for."""
        return self.account.name

    def until_fence(self) -> list[Reply]:
        """All that comes before the reply to a fence that is sent now; if the connection ends first, how it did comes last.

        The fence of a session is the request for its own key; before login it is a registration of the peer's own name, which
        is taken.
        """
        fence = GetPublicKey(self.name) if self.logged_in else RegisterUser(self.name, self.account.public_key)
        self.send_bytes(build(fence), FENCE)
        came = self.collect(lambda reply: isinstance(reply, Unreadable) or self._is_fence(reply))
        if self.logged_in and came[-1] is Ending.DEADLINE and isinstance(came[-2:][0], PublicKeyResponse):
            return self._without_wrong_key(came)
        return came[:-1] if self._is_fence(came[-1]) else came

    def _without_wrong_key(self, came: list[Reply]) -> list[Reply]:
        """What came before a fence that was answered, though not with one's own key: which is a fault of its own."""
        wrong = came[-2]
        assert isinstance(wrong, PublicKeyResponse)
        self.note(Deviation("KEY-FOUND", "a user who asked for their own key did not get it", build(wrong)))
        return came[:-2]

    def _is_fence(self, reply: Reply) -> bool:
        if self.logged_in:
            return reply == PublicKeyResponse(1, self.account.public_key)
        return isinstance(reply, RegisterResponse)

    # Steps that a case takes on its way to its question

    def register(self) -> Reply:
        """Register this peer's account."""
        return self.request(RegisterUser(self.name, self.account.public_key))

    def ask(self, name: bytes | None = None) -> Reply:
        """Ask for a challenge."""
        return self.request(LoginUser(self.name if name is None else name, NO_SIGNATURE))

    def prove(self, signature: bytes, name: bytes | None = None) -> Reply:
        """Send a proof. Messages that are pushed before its reply are put behind it."""
        self.send(LoginUser(self.name if name is None else name, signature))
        *pushed, reply = self.collect(lambda reply: not isinstance(reply, IncomingMessage))
        self._inbox.extendleft(reversed(pushed))
        self.logged_in = isinstance(reply, LoginResponse) and reply.success == 1
        return reply

    def challenge(self) -> bytes:
        """Ask for a challenge and give back its 32 bytes.

        Raises:
            Blocked: none came.
        """
        reply = self.ask()
        if not isinstance(reply, LoginResponse) or not reply.challenge:
            raise Blocked("LOGIN-CHALLENGE", "the target gave no challenge")
        self._target.challenged(reply.challenge)
        return reply.challenge

    def ask_and_prove(self) -> Reply:
        """Log in, and give back the first refusal, of the challenge or of the proof, or the final success."""
        reply = self.ask()
        if not isinstance(reply, LoginResponse) or not reply.challenge:
            return reply
        self._target.challenged(reply.challenge)
        return self.prove(self.account.sign(reply.challenge))

    def login(self) -> Reply:
        """Log in: ask, sign, prove. Gives back the reply to the proof.

        Raises:
            Blocked: no challenge came.
        """
        return self.prove(self.account.sign(self.challenge()))

    def send_message(self, recipient: bytes, body: bytes) -> Reply:
        """Send a message to a user and give back the first reply that is not the message itself."""
        return self.request(SendMessage(recipient, body))
