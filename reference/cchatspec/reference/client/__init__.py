"""A right client: a library to chat with, and what the commands `chat`, `send` and `recv` are made of.

`core` is the protocol's part without I/O, `client` the asyncio shell, `crypto` what only the two ends can do, `pins` and
`keyfile` what a client keeps. `Client` is where to start.
"""

from cchatspec.reference.client.client import Client
from cchatspec.reference.client.crypto import Identity, Problem, ProblemKind, Scheme, fingerprint
from cchatspec.reference.client.errors import (
    BadKey,
    ClientError,
    Disconnected,
    Ended,
    FileProblem,
    KeyChanged,
    KeyFileDamaged,
    KeyFileProblem,
    KeyFileTooOpen,
    LoginRefused,
    Misuse,
    NoReply,
    PinsDamaged,
    ProtocolViolation,
    Refused,
    Terminated,
    Undelivered,
    Unreachable,
    UserNotFound,
    WrongPassphrase,
)
from cchatspec.reference.client.pins import Pins
from cchatspec.reference.client.results import Receipt, Received, StatusChange

__all__ = [
    "BadKey",
    "Client",
    "ClientError",
    "Disconnected",
    "Ended",
    "FileProblem",
    "Identity",
    "KeyChanged",
    "KeyFileDamaged",
    "KeyFileProblem",
    "KeyFileTooOpen",
    "LoginRefused",
    "Misuse",
    "NoReply",
    "Pins",
    "PinsDamaged",
    "Problem",
    "ProblemKind",
    "ProtocolViolation",
    "Receipt",
    "Received",
    "Refused",
    "Scheme",
    "StatusChange",
    "Terminated",
    "Undelivered",
    "Unreachable",
    "UserNotFound",
    "WrongPassphrase",
    "fingerprint",
]
