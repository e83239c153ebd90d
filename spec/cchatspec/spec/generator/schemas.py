"""Renders `schemas.py`: the layouts as Construct declarations."""

from __future__ import annotations

import re

from ..model import Field, FixedBytes, Group, Layouts, MessageLayout, PrefixedBytes, ScalarField, UInt
from .naming import constant_name, exploded, groups, origin

_IMPORTS = (
    "Bytes",
    "GreedyBytes",
    "IfThenElse",
    "Int8ub",
    "Int16ub",
    "Int32ub",
    "Int64ub",
    "OneOf",
    "Prefixed",
    "Struct",
    "Terminated",
    "this",
)


def render_schemas(layouts: Layouts) -> str:
    """The module of Construct schemas, one per message, and the header's."""
    entries = [_entry(message, group) for message, group in groups(layouts)]
    schemas = [_schema(message) for message in layouts.messages]
    body = "\n\n".join([_header(layouts), *entries, *schemas, _table(layouts)])
    used = [name for name in _IMPORTS if re.search(rf"\b{name}\b", body)]
    own = [name for name in ("ABSENT", "CountedGroup") if name in body]
    return "\n".join(
        [
            '"""The layouts of C-Chat, declared with Construct. What is malformed is decided here."""',
            "",
            "from typing import Final",
            "",
            exploded("from construct import (", used, ")"),
            "",
            *([f"from cchatspec.spec.constructs import {', '.join(own)}", ""] if own else []),
            body + "\n",
        ]
    )


def _header(layouts: Layouts) -> str:
    fields = [_field(layouts.header.length), _field(layouts.header.type)]
    return "#: What stands in front of every payload.\n" + exploded("HEADER: Final = Struct(", fields, ")")


def _schema(message: MessageLayout) -> str:
    fields = [_field(field, message.name) for field in message.fields]
    declaration = exploded(f"{message.name}: Final = Struct(", [*fields, "Terminated"], ")")
    return f"#: {origin(message)}\n{declaration}"


def _entry(message: MessageLayout, group: Group) -> str:
    declaration = exploded(
        f"{_entry_name(message.name, group)}: Final = Struct(", [_field(field) for field in group.fields], ")"
    )
    return f"#: One entry of {message.name}.\n{declaration}"


def _entry_name(message: str, group: Group) -> str:
    return f"{message}_{constant_name(group.label)}"


def _field(field: Field, message: str = "") -> str:
    if isinstance(field, Group):
        return f'"{field.name}" / CountedGroup({_integer(field.count_size)}, {_entry_name(message, field)})'
    if not field.condition:
        return f'"{field.name}" / {_kind(field)}'
    return (
        f'"{field.name}" / IfThenElse(this.{field.condition.field} == {field.condition.value}, {_kind(field)}, ABSENT)'
    )


def _kind(field: ScalarField) -> str:
    match field:
        case UInt(size=size, values=()):
            return _integer(size)
        case UInt(size=size, values=values):
            return (
                f"OneOf({_integer(size)}, ({', '.join(str(number) for number, _ in values)}{',' * (len(values) == 1)}))"
            )
        case FixedBytes(size=size):
            return f"Bytes({size})"
        case PrefixedBytes(prefix_size=size):
            return f"Prefixed({_integer(size)}, GreedyBytes)"


def _integer(size: int) -> str:
    return f"Int{size * 8}ub"


def _table(layouts: Layouts) -> str:
    rows = [f"0x{message.code:02X}: {message.name}" for message in layouts.messages]
    return "#: The schema of each message type's payload.\n" + exploded("SCHEMAS: Final = {", rows, "}")
