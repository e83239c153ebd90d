"""How names of the document become names in Python."""

from __future__ import annotations

import re

from ..model import Direction, Field, Group, Layouts, MessageLayout, UInt

#: Where the formatter breaks lines.
LINE_LENGTH = 120


def class_name(name: str) -> str:
    """`REGISTER_USER` and `Register User` to `RegisterUser`."""
    return "".join(part.capitalize() for part in re.split(r"[_ ]+", name))


def constant_name(text: str) -> str:
    """`User not found` to `USER_NOT_FOUND`."""
    return "_".join(re.findall(r"[A-Za-z0-9]+", text)).upper()


def enum_name(message: MessageLayout, field: Field) -> str:
    """The class of a field's named values: message and field together."""
    return class_name(message.name) + class_name(field.name)


def origin(message: MessageLayout) -> str:
    """The line that says where a generated piece comes from: `0x01 REGISTER_USER, client to server.`"""
    sender = "client to server" if message.direction is Direction.CLIENT_TO_SERVER else "server to client"
    return f"0x{message.code:02x} {message.name}, {sender}."


def scalar_types(field: Field) -> str:
    """The annotation of a message attribute."""
    if isinstance(field, Group):
        plain = f"tuple[{class_name(field.label)}, ...]"
    else:
        plain = "int" if isinstance(field, UInt) else "bytes"
    return f"{plain} | None = None" if field.condition else plain


def groups(layouts: Layouts) -> list[tuple[MessageLayout, Group]]:
    """All counted groups with the message that each is in."""
    return [(message, field) for message in layouts.messages for field in message.fields if isinstance(field, Group)]


def exploded(opening: str, items: list[str], closing: str, indent: str = "") -> str:
    """A bracketed row, one item a line, with the trailing comma that keeps the formatter from joining it."""
    return "\n".join([indent + opening, *(f"{indent}    {item}," for item in items), indent + closing])
