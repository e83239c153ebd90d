"""Renders `messages.py`: frozen, slotted message classes and the enums."""

from __future__ import annotations

from ..model import Field, Layouts, MessageLayout, UInt
from .naming import class_name, constant_name, enum_name, exploded, groups, origin, scalar_types


def render_messages(layouts: Layouts) -> str:
    """The module of message classes, enums and the tables between codes and classes."""
    parts = [
        '"""The messages of C-Chat as frozen, slotted classes, and the numbers that have names."""\n\n'
        "from __future__ import annotations\n\n"
        "from enum import IntEnum\n"
        "from typing import ClassVar, Final\n\n"
        "from cchatspec.spec.message import Entry, Message",
        _message_types(layouts),
        _error_codes(layouts),
        *(_value_enum(m, f) for m in layouts.messages for f in m.fields if isinstance(f, UInt) and f.values),
        *(_entry_class(message.name, group.label, group.fields) for message, group in groups(layouts)),
        *(_message_class(message) for message in layouts.messages),
        _tables(layouts),
    ]
    return "\n\n\n".join(parts) + "\n"


def _message_types(layouts: Layouts) -> str:
    lines = ["class MessageType(IntEnum):", '    """The type byte of every message."""', ""]
    lines += [f"    {message.name} = 0x{message.code:02X}" for message in layouts.messages]
    return "\n".join(lines)


def _error_codes(layouts: Layouts) -> str:
    lines = [
        "class ErrorCode(IntEnum):",
        '    """The error codes; `text` is what the document says of each."""',
        "",
        "    text: str",
        "",
    ]
    lines += ["    def __new__(cls, code: int, text: str) -> ErrorCode:"]
    lines += [
        "        member = int.__new__(cls, code)",
        "        member._value_ = code",
        "        member.text = text",
        "        return member",
        "",
    ]
    lines += [f'    {constant_name(text)} = 0x{code:02X}, "{text}"' for code, text in layouts.errors]
    return "\n".join(lines)


def _value_enum(message: MessageLayout, field: UInt) -> str:
    lines = [
        f"class {enum_name(message, field)}(IntEnum):",
        f'    """The values of `{field.name}` in {message.name}."""',
        "",
    ]
    lines += [f"    {constant_name(label)} = {number}" for number, label in field.values]
    return "\n".join(lines)


def _entry_class(message: str, label: str, fields: tuple[Field, ...]) -> str:
    lines = [f"class {class_name(label)}(Entry, frozen=True, gc=False):", f'    """One entry of {message}."""', ""]
    lines += [f"    {field.name}: {scalar_types(field)}" for field in fields]
    return "\n".join(lines)


def _message_class(message: MessageLayout) -> str:
    lines = [f"class {class_name(message.name)}(Message, frozen=True, gc=False):", f'    """{origin(message)}"""', ""]
    lines += [f"    type: ClassVar[int] = MessageType.{message.name}"]
    lines += [f"    {field.name}: {scalar_types(field)}" for field in message.fields]
    return "\n".join(lines)


def _tables(layouts: Layouts) -> str:
    classes = [f"0x{m.code:02X}: {class_name(m.name)}" for m in layouts.messages]
    entries = [f'{class_name(m.name)}: {{"{g.name}": {class_name(g.label)}}}' for m, g in groups(layouts)]
    return "\n".join(
        [
            "#: The class of each message type.",
            exploded("MESSAGES: Final[dict[int, type[Message]]] = {", classes, "}"),
            "",
            "#: The class of the entries of each counted group.",
            exploded("ENTRIES: Final[dict[type[Message], dict[str, type[Entry]]]] = {", entries, "}"),
        ]
    )
