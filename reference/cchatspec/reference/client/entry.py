"""How the commands come in: where their files are, how the key is opened, and registering on first use."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote_from_bytes

from cchatspec.reference.client.client import DEADLINE, Client
from cchatspec.reference.client.crypto import Identity, Scheme, fingerprint
from cchatspec.reference.client.errors import FileProblem, LoginRefused, Refused
from cchatspec.reference.client.files import make_folder
from cchatspec.reference.client.keyfile import Passphrase, load, save
from cchatspec.reference.client.pins import Pins, default_folder
from cchatspec.reference.client.text import shown_name, to_wire
from cchatspec.spec import ErrorCode

#: The environment variable that holds the passphrase, for CI.
VARIABLE: Final = "CCHATSPEC_PASSPHRASE"

_PORT_LIMIT: Final = 65_535

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """Whom to be, and where.

    Attributes:
        folder: where keys and pins are kept.
        key_path: the key file, if it is not the one of this name in the folder.
        passphrase_file: the file whose first line is the passphrase.
        deadline: how long to wait for the server each time, in seconds.
    """

    host: str
    port: int
    name: str
    folder: Path = field(default_factory=default_folder)
    key_path: Path | None = None
    passphrase_file: Path | None = None
    deadline: float = DEADLINE
    scheme: Scheme = Scheme.BOX

    @property
    def server(self) -> str:
        """The server's address, as pins name it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def key_file(self) -> Path:
        """Where the key is."""
        return self.key_path or self.folder / "keys" / f"{quote_from_bytes(to_wire(self.name), safe='')}.key"

    def client(self, pins: Pins) -> Client:
        """A client that connects when its context is entered."""
        return Client.connect(self.host, self.port, deadline=self.deadline, pins=pins, scheme=self.scheme)

    def pins(self) -> Pins:
        """The pinned keys of the server's users.

        Raises:
            FileProblem: they cannot be read.
        """
        make_folder(self.folder)
        return Pins(self.server, self.folder / "pins")


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of HOST:PORT, where an IPv6 address stands in brackets.

    Raises:
        ValueError: it is none.
    """
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not host or not (port.isascii() and port.isdigit()) or not 1 <= int(port[:6]) <= _PORT_LIMIT:
        raise ValueError(f"'{text}' is not HOST:PORT")
    return host, int(port)


class Key:
    """A user's key, and the file that it is in, or will be in once its name is to be registered."""

    def __init__(self, path: Path, identity: Identity, unsaved_under: Passphrase | None) -> None:
        self.path = path
        self.identity = identity
        self._passphrase = unsaved_under

    @property
    def is_new(self) -> bool:
        """Whether the key is not in its file yet."""
        return self._passphrase is not None

    def save(self) -> None:
        """Writes a new key to its file."""
        if self._passphrase is not None:
            make_folder(self.path.parent)
            save(self.path, self.identity, self._passphrase)
            self._passphrase = None

    def discard(self) -> None:
        """Removes the file of a key that no name was registered with."""
        with suppress(OSError):
            self.path.unlink()


def open_key(settings: Settings, environ: Mapping[str, str] = os.environ) -> Key:
    """The key in the settings' key file, or a new one if there is no such file.

    Raises:
        FileProblem: the key or the passphrase cannot be had.
    """
    path = settings.key_file
    is_new = not path.exists()
    passphrase = find_passphrase(settings.passphrase_file, environ, path, is_new=is_new)
    return Key(path, Identity.generate(), passphrase) if is_new else Key(path, load(path, passphrase), None)


def find_passphrase(file: Path | None, environ: Mapping[str, str], key_file: Path, *, is_new: bool) -> Passphrase:
    """The passphrase: of the file if one is given, else of the environment, else asked for in the terminal.

    Raises:
        FileProblem: it is nowhere to be had, or empty.
    """
    if file is not None:
        passphrase = _read_passphrase(file)
    elif VARIABLE in environ:
        passphrase = Passphrase(environ[VARIABLE])
    else:
        passphrase = _ask_passphrase(key_file, is_new=is_new)
    if not passphrase:
        raise FileProblem("the passphrase is empty")
    return passphrase


def _read_passphrase(path: Path) -> Passphrase:
    try:
        return Passphrase(path.read_bytes().partition(b"\n")[0].removesuffix(b"\r"))
    except OSError as error:
        raise FileProblem(f"cannot read the passphrase file {path}: {error.strerror}") from None


def _ask_passphrase(key_file: Path, *, is_new: bool) -> Passphrase:
    if not _has_terminal():
        raise FileProblem(f"no passphrase for {key_file}: give --passphrase-file, or set {VARIABLE}")
    try:
        first = Passphrase(getpass.getpass(f"{'New passphrase' if is_new else 'Passphrase'} for {key_file}: "))
        if is_new and first != Passphrase(getpass.getpass("The same again: ")):
            raise FileProblem("the two passphrases differ")
    except EOFError:
        raise FileProblem("no passphrase was given") from None
    return first


def _has_terminal() -> bool:
    if sys.platform == "win32":
        return sys.stdin.isatty()
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return False
    return True


async def enter(client: Client, name: str, key: Key, say: Say) -> None:
    """Logs in, and registers the name before that if nobody has it yet; what was registered is said.

    A new key is in its file before the server hears of it: a name whose key is lost is lost.

    Raises:
        Refused: the name belongs to somebody else, or is not allowed.
        FileProblem: the new key cannot be saved.
    """
    if key.is_new:
        await _register_new(client, name, key, say)
        await client.login(name, key.identity)
        return
    try:
        await client.login(name, key.identity)
    except LoginRefused as refusal:
        await _register(client, name, key, say, refusal)
        await client.login(name, key.identity)


async def _register_new(client: Client, name: str, key: Key, say: Say) -> None:
    key.save()
    try:
        await client.register(name, key.identity)
    except Refused as refusal:
        key.discard()
        raise _taken(name, "by somebody else", refusal) from None
    own = fingerprint(key.identity.public_key)
    say(f"registered {shown_name(name)} with a new key, {own}, which is kept in {key.path}")


async def _register(client: Client, name: str, key: Key, say: Say, login: LoginRefused) -> None:
    try:
        await client.register(name, key.identity)
    except Refused as refusal:
        if refusal.code == ErrorCode.USER_ALREADY_EXISTS:
            raise _taken(name, f"with another key than that in {key.path}", refusal) from login
        raise
    say(f"registered {shown_name(name)} with the key in {key.path}")


def _taken(name: str, how: str, refusal: Refused) -> Refused:
    if refusal.code != ErrorCode.USER_ALREADY_EXISTS:
        return refusal
    return Refused(shown_name(name), refusal.code, f"the name is registered already, {how}")
