"""Trust on first use: the key that a correspondent had when they were first met is pinned, and any other is held up.

The server gives out the public keys, so it could give out its own in somebody's place. Whoever compares fingerprints once by
another way knows that it did not; the pin then sees to it that it stays so. Pins belong to a server, since the same name on two
servers is two users. The file has one line for each: server, name, key.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from cchatspec.reference.client.crypto import KEY_BYTES, fingerprint
from cchatspec.reference.client.errors import FileProblem, KeyChanged, PinsDamaged
from cchatspec.reference.client.files import locked, write_atomically
from cchatspec.reference.client.text import from_wire, to_wire

_Pinned = dict[tuple[str, str], bytes]


class Pins:
    """The pinned keys of the users of one server.

    Args:
        server: what stands for the server, such as `chat.example.org:4000`.
        path: the file that holds them; without one they live as long as this object.

    Raises:
        FileProblem: the file cannot be read.
        PinsDamaged: the file holds something else.
    """

    def __init__(self, server: str = "", path: Path | None = None) -> None:
        self._server = server
        self._path = path
        self._pinned: _Pinned = _read(path) if path else {}

    def get(self, name: str) -> bytes | None:
        """The key that is pinned for a name."""
        return self._pinned.get((self._server, name))

    def check(self, name: str, offered: bytes) -> bool:
        """Compares the key that the server gives out with the pinned one, or pins it; true if it was pinned just now.

        Raises:
            KeyChanged: another key is pinned.
            FileProblem: the pin cannot be written.
        """
        pinned = self.get(name)
        if pinned is None:
            self.accept(name, offered)
            return True
        if pinned != offered:
            raise KeyChanged(name, fingerprint(pinned), fingerprint(offered))
        return False

    def accept(self, name: str, key: bytes) -> None:
        """Pins a key, in the place of another if there is one.

        Raises:
            FileProblem: the pin cannot be written.
        """
        if self._path is not None:
            self._merge(self._path, name, key)
        self._pinned[self._server, name] = key

    def _merge(self, path: Path, name: str, key: bytes) -> None:
        """Writes one pin, and keeps what other processes have pinned since the file was read."""
        try:
            with locked(path):
                pinned = _read(path)
                pinned[self._server, name] = key
                write_atomically(path, _text(pinned))
        except OSError as error:
            raise FileProblem(f"cannot write the pinned keys to {path}: {error.strerror}") from None
        self._pinned = pinned


def _text(pinned: _Pinned) -> bytes:
    rows = (f"{_quoted(server)} {_quoted(name)} {key.hex()}\n" for (server, name), key in sorted(pinned.items()))
    return "".join(rows).encode()


def _read(path: Path) -> _Pinned:
    try:
        text = path.read_text("ascii", "strict")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise PinsDamaged(f"{path}: this is not a file of pinned keys") from None
    except OSError as error:
        raise FileProblem(f"cannot read the pinned keys from {path}: {error.strerror}") from None
    return dict(_row(path, number, line) for number, line in enumerate(text.split("\n"), 1) if line)


def _row(path: Path, number: int, line: str) -> tuple[tuple[str, str], bytes]:
    try:
        server, name, digits = line.split(" ")
        key = bytes.fromhex(digits)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise PinsDamaged(
            f"{path}:{number}: a line holds a server, a name and a key of {KEY_BYTES} bytes in hexadecimal"
        )
    return (_unquoted(server), _unquoted(name)), key


def _quoted(text: str) -> str:
    return quote_from_bytes(to_wire(text), safe=":[]") or "%"


def _unquoted(text: str) -> str:
    return "" if text == "%" else from_wire(unquote_to_bytes(text))


def default_folder() -> Path:
    """Where a client keeps its files: CCHATSPEC_HOME, or cchatspec in the user's configuration folder."""
    if home := os.environ.get("CCHATSPEC_HOME"):
        return Path(home)
    configuration = os.environ.get("XDG_CONFIG_HOME")
    return (Path(configuration) if configuration else Path.home() / ".config") / "cchatspec"
