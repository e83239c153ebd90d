"""From a frame of a script to the bytes on the wire, and which field each of them belongs to.

Each layout of PROTOCOL.md is compiled once to a template: the fields in their order, each with its label, its size and how it is
measured. Filling a template gives the parts of a right payload, and edits change these parts. Where each field stands is worked
out from the sizes of the parts, and only when somebody asks for it.

A value that is not given is 0, zero bytes, or an empty string, so LOGIN_USER without a signature asks for a challenge. A field
with a condition is there only if the condition holds. The entries of a group are counted from 0 by their labels, such as
`users.0.username`. An edit whose field is not there does nothing, so a frame stays a frame whatever is taken from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple, Protocol

from msgspec import Struct

from cchatspec.fuzz.edits import LARGEST_FIELD, LENGTH, LENGTH_SIZE, PAYLOAD, TYPE, apply, unhex
from cchatspec.fuzz.script import Body, Bytes, Frame, Key, Name, Proof, ScriptError, Value
from cchatspec.spec import Message
from cchatspec.spec.document import protocol_path, read_document
from cchatspec.spec.model import Condition, Field, FixedBytes, Group, MessageLayout, PrefixedBytes, UInt


class Resolver(Protocol):
    """Knows what the references of a script stand for in this run."""

    def name(self, user: str) -> bytes:
        """The name of a user."""

    def key(self, user: str) -> bytes:
        """A user's public key."""

    def proof(self, user: str, connection: int, age: int) -> bytes:
        """A user's signature over a challenge that came on a connection; see `cchatspec.fuzz.script.Proof`."""

    def body(self, number: int, size: int) -> bytes:
        """The body of that number; see `cchatspec.fuzz.script.Body`."""


class Span(NamedTuple):
    """The bytes of one field, as offsets into the frame; it is empty where the field is."""

    label: str
    start: int
    end: int


class Encoded(Struct, frozen=True, gc=False):
    """A frame as it goes over the wire, and the parts that it consists of."""

    data: bytes
    labels: Sequence[str]
    parts: Sequence[bytes]

    @property
    def spans(self) -> tuple[Span, ...]:
        """Where each field stands: all bytes of the frame, in their order."""
        found = []
        end = 0
        for label, part in zip(self.labels, self.parts, strict=True):
            start, end = end, end + len(part)
            found.append(Span(label, start, end))
        return tuple(found)


def encode(frame: Frame, resolver: Resolver, connection: int) -> Encoded:
    """The bytes of a frame that is sent on a connection.

    Raises:
        ScriptError: a value does not fit its field.
    """
    try:
        filling = _Filling(frame.kind, frame.values, resolver, connection)
        for slot in _TEMPLATES.get(frame.kind, _UNKNOWN):
            slot(filling)
        labels, parts = filling.labels, filling.parts
        if frame.edits:
            apply(frame.edits, labels, parts)
        else:
            parts[0] = (sum(map(len, parts)) - 1).to_bytes(LENGTH_SIZE)
    except ScriptError as problem:
        raise ScriptError(f"frame of type {frame.kind}: {problem}") from None
    return Encoded(b"".join(parts), labels, parts)


def frame_of(message: Message) -> Frame:
    """The frame that encodes to what `cchatspec.spec.build` makes of a message."""
    values: dict[str, Value] = {}
    for field in _layouts()[message.type].fields:
        item = getattr(message, field.name)
        if isinstance(field, Group):
            for number, entry in enumerate(item):
                for inner in field.fields:
                    label = f"{field.name}.{number}.{inner.name}"
                    values[label] = _as_value(getattr(entry, inner.name))
        elif item is not None:
            values[field.name] = _as_value(item)
    return Frame(message.type, values)


def fields_of(kind: int) -> tuple[Field, ...]:
    """The fields in the layout of a message type, none for a type without a layout."""
    layout = _layouts().get(kind)
    return layout.fields if layout else ()


def _as_value(item: int | bytes) -> Value:
    return int(item) if isinstance(item, int) else Bytes(item.hex())


# --- Templates: one slot for each field, which adds its parts.


class _Filling:
    """A template that is being filled: the parts so far, and what the values stand for."""

    __slots__ = ("connection", "labels", "parts", "resolver", "values")

    def __init__(self, kind: int, values: Mapping[str, Value], resolver: Resolver, connection: int) -> None:
        if not 0 <= kind < 256:
            raise ScriptError("a message type is a number from 0 to 255")
        self.labels = [LENGTH, TYPE]
        self.parts = [b"", _TYPE_BYTES[kind]]
        self.values = values
        self.resolver = resolver
        self.connection = connection

    def bytes_of(self, label: str) -> bytes:
        """The bytes that the value of a field stands for."""
        value = self.values.get(label)
        if value is None:
            return b""
        match value:
            case Name():
                return self.resolver.name(value.user)
            case Bytes():
                return _literal(value, label)
            case Body():
                return self.resolver.body(value.number, value.size)
            case Proof():
                on = self.connection if value.connection is None else value.connection
                return self.resolver.proof(value.user, on, value.age)
            case Key():
                return self.resolver.key(value.user)
        raise ScriptError(f"{label}: expected bytes, a name, a key, a proof or a body, not the number {value}")


_Slot = Callable[[_Filling], None]


def _literal(value: Bytes, label: str) -> bytes:
    data = unhex(value.hex, label)
    if not 0 <= len(data) * value.times <= LARGEST_FIELD:
        raise ScriptError(f"{label}: expected at most {LARGEST_FIELD} bytes, not {len(data)} bytes {value.times} times")
    return data * value.times


def _integer_slot(label: str, size: int) -> _Slot:
    most = 256**size - 1

    def slot(filling: _Filling) -> None:
        value = filling.values.get(label, 0)
        if not isinstance(value, int) or not 0 <= value <= most:
            raise ScriptError(f"{label}: expected a number from 0 to {most}, not {value!r}")
        filling.labels.append(label)
        filling.parts.append(value.to_bytes(size))

    return slot


def _fixed_slot(label: str, size: int) -> _Slot:
    zeros = bytes(size)

    def slot(filling: _Filling) -> None:
        data = filling.bytes_of(label) if label in filling.values else zeros
        if len(data) != size:
            raise ScriptError(f"{label}: expected {size} bytes, not {len(data)}")
        filling.labels.append(label)
        filling.parts.append(data)

    return slot


def _prefixed_slot(label: str, prefix: str, size: int) -> _Slot:
    most = 256**size - 1
    labels = prefix, label

    def slot(filling: _Filling) -> None:
        data = filling.bytes_of(label)
        if len(data) > most:
            raise ScriptError(f"{label}: expected at most {most} bytes, not {len(data)}")
        filling.labels += labels
        filling.parts += (len(data).to_bytes(size), data)

    return slot


def _conditional_slot(condition: Condition, inner: _Slot) -> _Slot:
    def slot(filling: _Filling) -> None:
        if filling.values.get(condition.field, 0) == condition.value:
            inner(filling)

    return slot


def _group_slot(group: Group) -> _Slot:
    @cache
    def entry(number: int) -> tuple[_Slot, ...]:
        return tuple(_slot(field, f"{group.name}.{number}.") for field in group.fields)

    def slot(filling: _Filling) -> None:
        count = _entries(group, filling.values)
        if count >= 256**group.count_size:
            raise ScriptError(f"{group.name}: expected at most {256**group.count_size - 1} entries, not {count}")
        filling.labels.append(group.count_name)
        filling.parts.append(count.to_bytes(group.count_size, "big"))
        for number in range(count):
            for inner in entry(number):
                inner(filling)

    return slot


def _entries(group: Group, values: Mapping[str, Value]) -> int:
    """How many entries a group has: as many as have a value, counted from 0 without a gap."""
    count = 0
    while any(f"{group.name}.{count}.{field.name}" in values for field in group.fields):
        count += 1
    return count


def _slot(field: Field, scope: str = "") -> _Slot:
    slot: _Slot
    match field:
        case UInt():
            slot = _integer_slot(scope + field.name, field.size)
        case FixedBytes():
            slot = _fixed_slot(scope + field.name, field.size)
        case PrefixedBytes():
            slot = _prefixed_slot(scope + field.name, scope + field.prefix_name, field.prefix_size)
        case Group():
            slot = _group_slot(field)
    return _conditional_slot(field.condition, slot) if field.condition else slot


def _payload_slot(filling: _Filling) -> None:
    filling.labels.append(PAYLOAD)
    filling.parts.append(filling.bytes_of(PAYLOAD))


@cache
def _layouts() -> dict[int, MessageLayout]:
    document = read_document(protocol_path().read_text(encoding="utf-8"))
    return {layout.code: layout for layout in document.layouts.messages}


_UNKNOWN: Final[tuple[_Slot, ...]] = (_payload_slot,)
_TEMPLATES: Final = {code: tuple(_slot(field) for field in layout.fields) for code, layout in _layouts().items()}
_TYPE_BYTES: Final = [bytes([kind]) for kind in range(256)]
