"""The deciding codec: Construct reads and writes by the generated schemas, and explains what is wrong.

Everything unusual that the fast codec meets ends here. A payload is always parsed as a whole, with `Terminated` behind its last
field, since Construct reports short and malformed input alike. `dissect` also tells where every field stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

from construct import (
    Construct,
    ConstructError,
    FormatFieldError,
    IntegerError,
    StreamError,
    Struct,
    Subconstruct,
    TerminatedError,
    ValidationError,
)

from cchatspec.spec.constructs import CountedGroup
from cchatspec.spec.errors import BuildError, MalformedPayload, UnknownType
from cchatspec.spec.generated.messages import ENTRIES, MESSAGES, MessageType
from cchatspec.spec.generated.schemas import HEADER, SCHEMAS
from cchatspec.spec.message import Entry, Message


@dataclass(frozen=True, slots=True)
class FieldSpan:
    """A field that was read: its path, its place in the payload from `start` to before `end`, and its value."""

    path: str
    start: int
    end: int
    value: Any


@dataclass(frozen=True, slots=True)
class Dissection:
    """All fields that could be read, and the error that ended the reading, if one did."""

    fields: tuple[FieldSpan, ...]
    error: MalformedPayload | None
    message: Message | None


class _Traced(Subconstruct):  # type: ignore[misc]  # Construct has no type information
    """Notes where its field starts and ends in the list that the caller hands in as `trace`."""

    def __init__(self, subcon: Construct) -> None:
        super().__init__(subcon)
        self.name = subcon.name

    def _parse(self, stream: BytesIO, context: Any, path: str) -> Any:
        trace = context._params.trace
        start = stream.tell()
        trace.started = start
        value = self.subcon._parsereport(stream, context, path)
        if self.name and value is not None and not isinstance(value, list):
            trace.append(FieldSpan(f"{path} -> {self.name}", start, stream.tell(), value))
        return value


class _Trace(list[FieldSpan]):
    started = 0


@cache
def _traced_schema(code: int) -> Construct:
    return _traced(SCHEMAS[code])


def _traced(schema: Struct) -> Struct:
    return Struct(*(_Traced(_with_traced_entries(subcon)) for subcon in schema.subcons))


def _with_traced_entries(subcon: Construct) -> Construct:
    group = subcon.subcon if isinstance(subcon, Subconstruct) else None
    if isinstance(group, CountedGroup):
        return subcon.name / CountedGroup(_Traced("count" / group.count), _traced(group.subcon))
    return subcon


def parse_by_construct(code: int, payload: bytes) -> Message:
    """The message of a whole payload, as Construct reads it.

    Raises:
        MalformedPayload: the payload departs from the layout of its type.
        UnknownType: no message has this type.
    """
    dissection = dissect(code, payload)
    if dissection.message is None:
        assert dissection.error is not None
        raise dissection.error
    return dissection.message


def dissect(code: int, payload: bytes) -> Dissection:
    """Every field of a payload with its place, and what is wrong, if anything is.

    Raises:
        UnknownType: no message has this type.
    """
    if code not in SCHEMAS:
        raise UnknownType(code)
    trace = _Trace()
    try:
        container = _traced_schema(code).parse_stream(BytesIO(payload), trace=trace)
    except ConstructError as error:
        offset = trace[-1].end if isinstance(error, TerminatedError) and trace else trace.started
        return Dissection(_named(code, trace), _malformed(code, error, offset, len(payload)), None)
    return Dissection(_named(code, trace), None, _message(MESSAGES[code], container))


def build_by_construct(message: Message) -> bytes:
    """The whole frame of a message, header included, as Construct writes it.

    Raises:
        BuildError: a value does not fit the layout.
    """
    if MESSAGES.get(getattr(message, "type", -1)) is not type(message):
        raise BuildError(type(message).__name__, "is not a message")
    code = message.type
    _check_types(message, MessageType(code).name)
    try:
        payload = SCHEMAS[code].build(_values(message))
    except ConstructError as error:
        raise BuildError(_path(code, error.path or ""), _words(error)) from None
    return bytes(HEADER.build({"message_length": len(payload), "message_type": code})) + bytes(payload)


def _named(code: int, trace: list[FieldSpan]) -> tuple[FieldSpan, ...]:
    return tuple(FieldSpan(_path(code, span.path), span.start, span.end, span.value) for span in trace)


def _message(cls: type[Message], container: Any) -> Message:
    groups = ENTRIES.get(cls, {})
    values = {
        name: tuple(groups[name](**_public(entry)) for entry in value) if name in groups else value
        for name, value in _public(container).items()
    }
    return cls(**values)


def _public(container: Any) -> dict[str, Any]:
    return {name: value for name, value in container.items() if not name.startswith("_")}


def _values(value: Message | Entry) -> dict[str, Any]:
    return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}


def _plain(item: Any) -> Any:
    if isinstance(item, tuple | list):
        return [_values(entry) for entry in item]
    return bytes(item) if isinstance(item, bytearray | memoryview) else item


def _check_types(value: Message | Entry, path: str) -> None:
    """Construct converts some wrong types in silence, such as an integer for bytes."""
    hints = {
        name: str(hint) for cls in type(value).__mro__ for name, hint in getattr(cls, "__annotations__", {}).items()
    }
    for name in value.__struct_fields__:
        item, hint = getattr(value, name), hints[name]
        if isinstance(item, tuple | list) and hint.startswith("tuple["):
            for index, entry in enumerate(item):
                _check_entry(entry, f"{path}.{name}[{index}]")
        elif not _fits(item, hint):
            raise BuildError(f"{path}.{name}", f"expected {hint}, found {type(item).__name__}")


def _check_entry(entry: object, path: str) -> None:
    if not isinstance(entry, Entry):
        raise BuildError(path, f"expected an entry, found {type(entry).__name__}")
    _check_types(entry, path)


def _fits(item: object, hint: str) -> bool:
    if item is None:
        return "None" in hint
    if isinstance(item, int):
        return hint.startswith("int")
    return isinstance(item, bytes | bytearray | memoryview) and hint.startswith("bytes")


def _path(code: int, construct_path: str) -> str:
    """`(parsing) -> users -> [3] -> username` to `USER_LIST_RESPONSE.users[3].username`."""
    _, *parts = construct_path.split(" -> ")
    path = MessageType(code).name
    for part in parts:
        path += part if part.startswith("[") else f".{part}"
    return path


def _malformed(code: int, error: ConstructError, offset: int, size: int) -> MalformedPayload:
    if isinstance(error, TerminatedError):
        over = size - offset
        return MalformedPayload(_path(code, ""), offset, f"{over} byte{'s' * (over != 1)} after the last field")
    return MalformedPayload(_path(code, error.path or ""), offset, _words(error))


def _words(error: ConstructError) -> str:
    """Construct's own explanation without the path in front of it."""
    detail = str(error).split("\n", 1)[-1] if error.path else str(error)
    match error:
        case StreamError() if error.path and "(building)" in error.path:
            return f"a string of bytes of the wrong length ({detail})"
        case StreamError():
            return f"the payload ends too early ({detail})"
        case ValidationError():
            return f"a value that the layout does not name ({detail})"
        case FormatFieldError() | IntegerError():
            return f"a number that does not fit ({detail})"
        case _:
            return detail
