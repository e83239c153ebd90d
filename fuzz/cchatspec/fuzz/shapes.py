"""The shape of a reply: its type and what decides, by which the fuzzer tells what it has seen from what is new."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Final

from cchatspec.fuzz.requests import name_of
from cchatspec.spec import Error, LoginResponse, Message, MessageAck, PublicKeyResponse, RegisterResponse

#: The values of a reply that say what became of the request.
_DECIDING: Final[dict[type[Message], Callable[[Message], int | tuple[int, int | None]]]] = {
    Error: attrgetter("error_code"),
    RegisterResponse: attrgetter("success", "error_code"),
    LoginResponse: attrgetter("success"),
    PublicKeyResponse: attrgetter("found"),
    MessageAck: attrgetter("status"),
}


def shape(reply: Message | None) -> str:
    """A reply by its type and what decides: `ERROR 05`, `LOGIN_RESPONSE 1`, `nothing`."""
    if reply is None:
        return "nothing"
    deciding = _DECIDING.get(type(reply))
    return _shape(reply.type, deciding(reply)) if deciding else name_of(reply.type)


@cache
def _shape(kind: int, deciding: int | tuple[int, int | None]) -> str:
    name = name_of(kind)
    if isinstance(deciding, tuple):
        success, code = deciding
        return f"{name} {success}" if success else f"{name} {success} {code or 0:02x}"
    return f"{name} {deciding:02x}" if kind == Error.type else f"{name} {deciding}"
