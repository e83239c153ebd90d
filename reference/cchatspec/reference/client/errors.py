"""What can go wrong for a client, as exceptions. All of them are `ClientError`, and the text of each is one line for people.

There are three families. *Ended*: the connection is over, and everything that waits on it fails with the same words. *Refused*:
the server said no to one request, and the connection lives on. *Misuse* and *KeyChanged*: nothing was sent at all. Text that
came from the server is escaped before it becomes part of an exception.
"""

from __future__ import annotations

from typing import Final

from cchatspec.reference.client.text import shown, shown_name
from cchatspec.spec import Error, ErrorCode

_WORDS: Final = {int(code): code.text for code in ErrorCode}


def code_words(code: int) -> str:
    """An error code in the words of the document."""
    return _WORDS.get(code, f"error code 0x{code:02x}, which the protocol does not define")


def error_words(error: Error) -> str:
    """An ERROR in words: what its code means, and what the server added."""
    words = code_words(error.error_code)
    detail = shown(error.error_message.decode("utf-8", "replace")).removeprefix(words).lstrip(": ")
    return f"{words}: {detail}" if detail else words


class ClientError(Exception):
    """Something went wrong that a client is expected to deal with."""


class Misuse(ClientError):
    """The request makes no sense as things stand, so nothing was sent."""


class Ended(ClientError):
    """The connection is over."""


class Unreachable(Ended):
    """No connection came about."""


class Disconnected(Ended):
    """The connection ended, by the server or by the network."""


class Terminated(Disconnected):
    """The server ended the connection with ERROR 08."""


class NoReply(Ended):
    """A reply did not come before the deadline.

    The connection is given up with it: on a connection that goes on, a late reply could be taken for that of a later request.
    """


class ProtocolViolation(Ended):
    """The server sent what the protocol does not allow."""


class Refused(ClientError):
    """The server refused a request; `code` says why, if the server did."""

    def __init__(self, what: str, code: int | None, words: str) -> None:
        super().__init__(f"{what}: {words}")
        self.code = code


class LoginRefused(Refused):
    """The server did not accept the name, or the proof of it."""


class UserNotFound(Refused):
    """Nobody has registered the name."""

    def __init__(self, name: str) -> None:
        super().__init__(shown_name(name), ErrorCode.USER_NOT_FOUND, ErrorCode.USER_NOT_FOUND.text)
        self.name = name


class Undelivered(Refused):
    """The server took the message and could not deliver it: MESSAGE_ACK status 0."""

    def __init__(self, message_id: int) -> None:
        super().__init__(f"message {message_id}", None, "the server failed to deliver it")
        self.message_id = message_id


class BadKey(ClientError):
    """A public key is no point on the curve, so that nothing can be encrypted to it."""


class KeyChanged(ClientError):
    """The key that the server gives out is not the one that is pinned; nothing is sent until it is accepted."""

    def __init__(self, name: str, pinned: str, offered: str) -> None:
        super().__init__(
            f"the key of {shown_name(name)} has changed: {pinned} is pinned, and the server now gives out {offered}"
        )
        self.name = name
        self.pinned = pinned
        self.offered = offered


class FileProblem(ClientError):
    """A file that a client keeps cannot be used."""


class PinsDamaged(FileProblem):
    """The file of pinned keys does not hold what was written to it."""


class KeyFileProblem(FileProblem):
    """The key file cannot be used."""


class KeyFileDamaged(KeyFileProblem):
    """The key file does not hold what was written to it."""


class KeyFileTooOpen(KeyFileProblem):
    """Others than its owner may read or change the key file."""


class WrongPassphrase(KeyFileProblem):
    """The key file is whole, and the passphrase does not open it."""
