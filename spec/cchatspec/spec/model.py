"""What a protocol document says, as plain data: the intermediate representation between the text and all that is generated.

These types know the notation's concepts (an unsigned integer, fixed bytes, length-prefixed bytes, a counted group) and the
text's (clause, open point). They know nothing of Markdown, of Construct or of Python source.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

#: A fixed field of one of these sizes, in bytes, is an unsigned big-endian integer; any other is a string of bytes.
INTEGER_SIZES = (1, 2, 4, 8)


class Direction(Enum):
    """Who sends a message."""

    CLIENT_TO_SERVER = "client-to-server"
    SERVER_TO_CLIENT = "server-to-client"


class Level(Enum):
    """How binding a clause is."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    OPEN = "OPEN"


@dataclass(frozen=True, slots=True)
class Condition:
    """The field is there only if an earlier field of the same scope has this value."""

    field: str
    value: int
    label: str

    def to_json(self) -> dict[str, Any]:
        """The JSON form, as `cchatspec spec layouts` prints it."""
        return {"field": self.field, "equals": self.value, "label": self.label}


@dataclass(frozen=True, slots=True)
class UInt:
    """An unsigned big-endian integer of `size` bytes; with `values`, no other value is legal."""

    name: str
    label: str
    size: int
    values: tuple[tuple[int, str], ...] = ()
    condition: Condition | None = None

    def to_json(self) -> dict[str, Any]:
        """The JSON form, as `cchatspec spec layouts` prints it."""
        return _field_json(self, "uint", {"size": self.size})


@dataclass(frozen=True, slots=True)
class FixedBytes:
    """A string of exactly `size` bytes."""

    name: str
    label: str
    size: int
    condition: Condition | None = None

    def to_json(self) -> dict[str, Any]:
        """The JSON form, as `cchatspec spec layouts` prints it."""
        return _field_json(self, "bytes", {"size": self.size})


@dataclass(frozen=True, slots=True)
class PrefixedBytes:
    """A string of bytes behind its own length, an unsigned integer of `prefix_size` bytes."""

    name: str
    label: str
    prefix_name: str
    prefix_size: int
    condition: Condition | None = None

    def to_json(self) -> dict[str, Any]:
        """The JSON form, as `cchatspec spec layouts` prints it."""
        extra = {"prefix_size": self.prefix_size, "prefix_name": self.prefix_name}
        return _field_json(self, "length-prefixed bytes", extra)


@dataclass(frozen=True, slots=True)
class Group:
    """A row of entries with the same fields, behind their count, an unsigned integer of `count_size` bytes."""

    name: str
    label: str
    count_name: str
    count_size: int
    fields: tuple[ScalarField, ...]
    condition: Condition | None = None

    def to_json(self) -> dict[str, Any]:
        """The JSON form, as `cchatspec spec layouts` prints it."""
        extra = {
            "count_size": self.count_size,
            "count_name": self.count_name,
            "fields": [field.to_json() for field in self.fields],
        }
        return _field_json(self, "counted group", extra)


@dataclass(frozen=True, slots=True)
class MeasuredBytes:
    """The header's payload: as many bytes as the header field `size_from` says."""

    name: str
    label: str
    size_from: str
    condition: Condition | None = None

    def to_json(self) -> dict[str, Any]:
        """The JSON form, as `cchatspec spec layouts` prints it."""
        return _field_json(self, "bytes", {"size_from": self.size_from})


ScalarField = UInt | FixedBytes | PrefixedBytes
Field = ScalarField | Group


def _field_json(field: Field | MeasuredBytes, kind: str, extra: dict[str, Any]) -> dict[str, Any]:
    values = field.values if isinstance(field, UInt) else ()
    return {
        "name": field.name,
        "label": field.label,
        "kind": kind,
        **extra,
        "condition": field.condition.to_json() if field.condition else None,
        "values": {str(number): label for number, label in values},
    }


@dataclass(frozen=True, slots=True)
class Header:
    """The three fields of every frame: the payload's length, the message type, the payload."""

    length: UInt
    type: UInt
    payload: MeasuredBytes

    @property
    def size(self) -> int:
        """Bytes in front of the payload."""
        return self.length.size + self.type.size


@dataclass(frozen=True, slots=True)
class MessageLayout:
    """One message type and the fields of its payload; `line` is where its heading stands."""

    code: int
    name: str
    direction: Direction
    fields: tuple[Field, ...]
    line: int

    def to_json(self) -> dict[str, Any]:
        """The JSON form, as `cchatspec spec layouts` prints it."""
        return {
            "code": self.code,
            "name": self.name,
            "direction": self.direction.value,
            "fields": [field.to_json() for field in self.fields],
        }


@dataclass(frozen=True, slots=True)
class Layouts:
    """The header, all messages by code, and the error codes."""

    header: Header
    messages: tuple[MessageLayout, ...]
    errors: tuple[tuple[int, str], ...]

    def to_json(self) -> dict[str, Any]:
        """The layouts as JSON values, in one order whatever the order of the document."""
        header = (self.header.length, self.header.type, self.header.payload)
        return {
            "header": [field.to_json() for field in header],
            "messages": [message.to_json() for message in sorted(self.messages, key=lambda m: m.code)],
            "errors": {str(code): text for code, text in sorted(self.errors)},
        }


@dataclass(frozen=True, slots=True)
class Clause:
    """One normative sentence, with what it follows from and why it matters.

    `sources` are section headings; `untestable` is the reason why no case can test it from outside, if none can.
    """

    id: str
    level: Level
    roles: tuple[str, ...]
    sources: tuple[str, ...]
    text: str
    why: str
    untestable: str | None = None

    @property
    def family(self) -> str:
        """The part before the hyphen, such as `LOGIN`."""
        return self.id.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Reading:
    """One of the right ways to read an open point."""

    value: str
    text: str


@dataclass(frozen=True, slots=True)
class OpenPoint:
    """A place where the protocol can be read in more than one way."""

    id: str
    sources: tuple[str, ...]
    text: str
    readings: tuple[Reading, ...]
    reference: str
    why: str


@dataclass(frozen=True, slots=True)
class Family:
    """A group of clauses with its title, in the order of the document."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Document:
    """All that a protocol document says. The seed document has layouts alone."""

    layouts: Layouts
    families: tuple[Family, ...]
    clauses: tuple[Clause, ...]
    open_points: tuple[OpenPoint, ...]
