"""The key file: the Ed25519 seed, encrypted under a passphrase with Argon2id and secretbox.

It is JSON, so that people can see what it is. The parameters of Argon2id stand in it, within limits, since a damaged file must
not ask for all memory there is. A checksum over all fields tells a damaged file from a wrong passphrase: if it holds, and the
box still does not open, it is the passphrase.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.secret import SecretBox
from nacl.utils import random

from cchatspec.reference.client.crypto import Identity
from cchatspec.reference.client.errors import (
    KeyFileDamaged,
    KeyFileProblem,
    KeyFileTooOpen,
    WrongPassphrase,
)
from cchatspec.reference.client.files import write_atomically

_FORMAT: Final = "cchatspec-key/1"

#: The most that a file may ask of Argon2id: a few seconds and 1 GiB.
_OPERATIONS_LIMIT: Final = 16
_MEMORY_LIMIT: Final = 1 << 30

#: No key file is longer, in bytes.
_SIZE_LIMIT: Final = 4096

_OPEN_TO_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Passphrase:
    """A passphrase, whose text never shows it."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str | bytes) -> None:
        self._secret = secret.encode("utf-8", "surrogateescape") if isinstance(secret, str) else secret

    def __repr__(self) -> str:
        return "<Passphrase>"

    def __bool__(self) -> bool:
        return bool(self._secret)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Passphrase) and self._secret == other._secret

    __hash__ = None  # type: ignore[assignment]

    def derive(self, salt: bytes, cost: Cost) -> bytes:
        """The key that opens the file.

        Raises:
            KeyFileProblem: there is not enough memory.
        """
        try:
            return argon2id.kdf(SecretBox.KEY_SIZE, self._secret, salt, cost.operations, cost.memory)
        except RuntimeError:
            raise KeyFileProblem(f"Argon2id cannot have the {cost.memory >> 20} MiB of memory that it needs") from None


class Cost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What guessing a passphrase once costs: passes and bytes of memory of Argon2id."""

    operations: Annotated[int, msgspec.Meta(ge=argon2id.OPSLIMIT_MIN, le=_OPERATIONS_LIMIT)]
    memory: Annotated[int, msgspec.Meta(ge=argon2id.MEMLIMIT_MIN, le=_MEMORY_LIMIT)]


#: About half a second and 256 MiB.
USUAL_COST: Final = Cost(argon2id.OPSLIMIT_MODERATE, argon2id.MEMLIMIT_MODERATE)

#: As little as libsodium allows: for tests, where the passphrase guards nothing.
LEAST_COST: Final = Cost(argon2id.OPSLIMIT_MIN, argon2id.MEMLIMIT_MIN)


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal["cchatspec-key/1"]
    public_key: str
    argon2id: Cost
    salt: str
    secretbox: str
    checksum: str = ""


def save(path: Path, identity: Identity, passphrase: Passphrase, cost: Cost = USUAL_COST) -> None:
    """Writes an identity to a new key file that only its owner can read; one that is there stays.

    Raises:
        KeyFileProblem: the file is there already, or cannot be written.
    """
    salt = random(argon2id.SALTBYTES)
    box = bytes(SecretBox(passphrase.derive(salt, cost)).encrypt(identity.seed()))
    record = _KeyFile(_FORMAT, identity.public_key.hex(), cost, salt.hex(), box.hex())
    whole = msgspec.structs.replace(record, checksum=_checksum(record))
    try:
        write_atomically(path, msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n", is_new=True)
    except FileExistsError:
        raise KeyFileProblem(f"{path}: there is a key file already") from None
    except OSError as error:
        raise KeyFileProblem(f"cannot write the key file {path}: {error.strerror}") from None


def load(path: Path, passphrase: Passphrase) -> Identity:
    """Reads the identity in a key file.

    Raises:
        KeyFileTooOpen: others may read it.
        KeyFileDamaged: it does not hold what was written to it.
        WrongPassphrase: it is whole, and the passphrase does not open it.
        KeyFileProblem: it cannot be read at all.
    """
    record = _checked(path, _read(path))
    try:
        box = SecretBox(passphrase.derive(bytes.fromhex(record.salt), record.argon2id))
        identity = Identity(box.decrypt(bytes.fromhex(record.secretbox)))
    except ValueError:
        raise KeyFileDamaged(f"{path}: the key file is damaged: a field has not the size that it should") from None
    except CryptoError:
        raise WrongPassphrase(f"{path}: the passphrase does not open this key file") from None
    if identity.public_key.hex() != record.public_key:
        raise KeyFileDamaged(f"{path}: the key file is damaged: its public key does not belong to its secret key")
    return identity


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if sys.platform != "win32" and mode & _OPEN_TO_OTHERS:
                raise KeyFileTooOpen(f"{path}: others may use this key file (mode {mode:04o}); run: chmod 600 {path}")
            return file.read(_SIZE_LIMIT + 1)
    except OSError as error:
        raise KeyFileProblem(f"cannot read the key file {path}: {error.strerror}") from None


def _checked(path: Path, data: bytes) -> _KeyFile:
    try:
        record = msgspec.json.decode(data, type=_KeyFile)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise KeyFileDamaged(f"{path}: this is not a key file, or it is damaged") from None
    if record.checksum != _checksum(record):
        raise KeyFileDamaged(f"{path}: the key file is damaged: its checksum does not fit")
    return record


def _checksum(record: _KeyFile) -> str:
    return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(record, checksum=""))).hexdigest()
