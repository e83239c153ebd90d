"""Protocol values in words: what a reader of a failure sees instead of Python objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cchatspec.conformance.harness.expect import Anything, Matcher
from cchatspec.conformance.harness.outcomes import Ending, Unreadable
from cchatspec.spec import (
    HEADER_SIZE,
    Error,
    ErrorCode,
    Message,
    MessageType,
    RegisterResponse,
    User,
    WireError,
    parse,
)
from cchatspec.spec.generated import messages as generated

_SHOWN_TEXT = 32
_SHOWN_BYTES = 12
_SHOWN_ITEMS = 6
_ERROR_TEXTS = {int(code): code.text for code in ErrorCode}


def describe(value: object) -> str:
    """Any value that a case may compare, in words."""
    match value:
        case Message():
            return describe_message(value)
        case Ending():
            return value.value
        case Unreadable():
            return f"an unreadable frame: {value.reason}"
        case Matcher():
            return value.words([describe(part) for part in value.parts])
        case bytes():
            return describe_bytes(value)
        case int():
            return str(int(value))
        case list() | tuple():
            return _describe_row(value)
        case _:
            return repr(value)


def _describe_row(values: Sequence[object]) -> str:
    if not values:
        return "nothing"
    shown = [describe(value) for value in values[:_SHOWN_ITEMS]]
    more = len(values) - len(shown)
    return ", then ".join([*shown, *([f"{more} more"] if more > 0 else [])])


def describe_message(message: Message) -> str:
    """A message as its name and its fields: `ERROR 05 (Invalid message format)`, `SET_STATUS status=1 (online)`."""
    name = MessageType(message.type).name
    if isinstance(message, Error):
        text = "" if isinstance(message.error_message, Anything) else f" {describe_bytes(message.error_message)}"
        return f"{name} {_code(message.error_code)}{text}"
    fields = [
        f"{field}={_describe_field(message, field)}"
        for field in message.__struct_fields__
        if getattr(message, field) is not None
    ]
    return " ".join([name, *fields])


def _describe_field(message: Message, field: str) -> str:
    value: Any = getattr(message, field)
    if isinstance(message, RegisterResponse) and field == "error_code":
        return _code(value)
    if isinstance(value, Anything):
        return "any"
    if isinstance(value, int):
        return _number(message, field, int(value))
    if isinstance(value, tuple):
        users = [
            f"{describe_bytes(user.username)}:{user.status}" for user in value[:_SHOWN_ITEMS] if isinstance(user, User)
        ]
        return f"[{len(value)}: {' '.join(users)}{' …' if len(value) > _SHOWN_ITEMS else ''}]"
    return describe(value)


def _number(message: Message, field: str, value: int) -> str:
    enum = getattr(generated, f"{type(message).__name__}{field.capitalize()}", None)
    if enum is not None and value in set(enum):
        return f"{value} ({enum(value).name.lower().replace('_', ' ')})"
    return str(value)


def _code(code: Any) -> str:
    if isinstance(code, Anything):
        return "any code"
    return f"{code:02x} ({_ERROR_TEXTS.get(code, 'not defined')})"


def describe_bytes(data: bytes) -> str:
    """Bytes as a quoted text where they are printable ASCII, else in hex; long ones are cut, with their length."""
    printable = all(0x20 <= byte < 0x7F for byte in data)
    limit = _SHOWN_TEXT if printable else _SHOWN_BYTES
    text = f"'{data[:limit].decode('ascii')}'" if printable else f"0x{data[:limit].hex()}"
    return f"{text}… ({len(data)} bytes)" if len(data) > limit else text


def describe_wire(data: bytes) -> str:
    """What was sent or received in one write: its frames in words, and what is wrong with them."""
    texts = []
    at = 0
    while len(data) - at >= HEADER_SIZE:
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4]
        payload = data[at + HEADER_SIZE : at + HEADER_SIZE + length]
        if len(payload) < length:
            break
        texts.append(_describe_frame(kind, payload))
        at += HEADER_SIZE + length
    if at < len(data):
        rest = len(data) - at
        texts.append(f"{rest} byte{'s' * (rest != 1)} that are no whole frame: {describe_bytes(data[at:])}")
    shown = texts[:_SHOWN_ITEMS]
    return " · ".join([*shown, *([f"{len(texts) - len(shown)} more frames"] if len(texts) > len(shown) else [])])


def _describe_frame(kind: int, payload: bytes) -> str:
    try:
        return describe_message(parse(kind, payload))
    except WireError as problem:
        return f"type 0x{kind:02x}, {len(payload)} bytes ({problem})"
