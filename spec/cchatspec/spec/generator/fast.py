"""Renders `fast.py`: a codec specialised to each layout.

A rendered function takes the usual case straight to a result and hands everything else to Construct, so it never refuses
anything itself. Parsing first works out where every field ends, and builds the message only if the last one ends where the
payload does: a slice that was cut short cannot pass. Neighbouring integers are read and written by one precompiled struct.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..model import Field, FixedBytes, Group, Layouts, MessageLayout, PrefixedBytes, UInt
from .naming import LINE_LENGTH, class_name, exploded, origin

_FORMATS = {1: "B", 2: "H", 4: "I", 8: "Q"}

_IMPORTS = """\
from __future__ import annotations

from collections.abc import Callable
from struct import Struct, error
from typing import Any, Final

from cchatspec.spec.generated.messages import (
{names}
)
from cchatspec.spec.interpretive import build_by_construct, parse_by_construct
from cchatspec.spec.message import Message
"""

_API = '''\
def parse(code: int, payload: bytes) -> Message:
    """The message of a whole payload.

    Raises:
        MalformedPayload: the payload departs from the layout of its type.
        UnknownType: no message has this type.
    """
    parser = PARSERS.get(code)
    return parser(payload) if parser else parse_by_construct(code, payload)


def build(message: Message) -> bytes:
    """The whole frame of a message, header included.

    Raises:
        BuildError: a value does not fit the layout.
    """
    try:
        return BUILDERS[message.__class__](message)
    except (KeyError, TypeError, ValueError, OverflowError, error):
        return build_by_construct(message)'''


@dataclass
class _Structs:
    """The precompiled structs that the rendered functions use, by format."""

    packers: set[str] = field(default_factory=set)
    unpackers: set[str] = field(default_factory=set)

    def pack(self, formats: str) -> str:
        self.packers.add(formats)
        return f"_pack_{formats.lower()}"

    def unpack(self, formats: str) -> str:
        self.unpackers.add(formats)
        return f"_unpack_{formats.lower()}"

    def declarations(self) -> Iterator[str]:
        for formats in sorted(self.packers):
            yield f'_pack_{formats.lower()} = Struct(">{formats}").pack'
        for formats in sorted(self.unpackers):
            yield f'_unpack_{formats.lower()} = Struct(">{formats}").unpack_from'


def render_fast(layouts: Layouts) -> str:
    """The module with a parser and a builder for each message, their tables, and `parse` and `build`."""
    structs = _Structs()
    header = _FORMATS[layouts.header.length.size] + _FORMATS[layouts.header.type.size]
    functions = []
    for message in layouts.messages:
        functions.append(_Parser(structs, message).render())
        functions.append(_Builder(structs, message, header).render())
    groups = {class_name(f.label) for m in layouts.messages for f in m.fields if isinstance(f, Group)}
    names = sorted({class_name(message.name) for message in layouts.messages} | groups)
    constants = [f"_{m.name} = {class_name(m.name)}()" for m in layouts.messages if not m.fields]
    parts = [
        '"""A codec specialised to each layout; whatever is unusual is decided by Construct."""\n\n'
        + _IMPORTS.format(names="\n".join(f"    {name}," for name in names))
        + "\n"
        + "\n".join([*structs.declarations(), *constants]),
        *functions,
        _tables(layouts),
        _API,
    ]
    return "\n\n\n".join(parts) + "\n"


def _tables(layouts: Layouts) -> str:
    parsers = [f"0x{m.code:02X}: _parse_{m.name.lower()}" for m in layouts.messages]
    builders = [f"{class_name(m.name)}: _build_{m.name.lower()}" for m in layouts.messages]
    return "\n".join(
        [
            exploded("PARSERS: Final[dict[int, Callable[[bytes], Message]]] = {", parsers, "}"),
            exploded("BUILDERS: Final[dict[type[Message], Callable[[Any], bytes]]] = {", builders, "}"),
        ]
    )


def _sum(base: str, offset: int) -> str:
    if not base:
        return str(offset)
    return f"{base} + {offset}" if offset else base


def _fitted(statement: str, indent: str) -> str:
    """A return statement as the formatter would lay it out."""
    if len(indent + statement) <= LINE_LENGTH:
        return indent + statement
    if statement.endswith("])"):
        opening, _, inner = statement[:-1].partition("(")
        return f"{indent}{opening}(\n{indent}    {inner}\n{indent})"
    rows = _terms(statement.removeprefix("return "))
    return "\n".join(
        [f"{indent}return (", *(f"{indent}    {'+ ' * (i > 0)}{row}" for i, row in enumerate(rows)), f"{indent})"]
    )


def _terms(expression: str) -> list[str]:
    """The terms of a sum, split outside of brackets."""
    terms, depth, start = [], 0, 0
    for index, char in enumerate(expression):
        depth += (char in "([") - (char in ")]")
        if depth == 0 and expression.startswith(" + ", index):
            terms.append(expression[start:index])
            start = index + 3
    return [*terms, expression[start:]]


class _Parser:
    """One parser. `base` and `offset` are where the next field starts: a variable, if any, and a constant."""

    def __init__(self, structs: _Structs, message: MessageLayout) -> None:
        self.structs = structs
        self.message = message
        self.lines: list[str] = []
        self.checks: list[str] = []
        self.arguments: list[str] = []
        self.base, self.offset = "", 0
        self.indent = "        "

    def render(self) -> str:
        name = self.message.name.lower()
        code = f"0x{self.message.code:02X}"
        head = f"def _parse_{name}(payload: bytes) -> Message:\n    # {origin(self.message)}\n"
        if not self.message.fields:
            return head + f"    return parse_by_construct({code}, payload) if payload else _{self.message.name}"
        self._fields(self.message.fields, "")
        checks = " and ".join([f"len(payload) == {_sum(self.base, self.offset)}", *self.checks])
        body = "\n".join(self.lines) + "\n" if self.lines else ""
        call = f"{class_name(self.message.name)}({', '.join(self.arguments)})"
        errors = "(IndexError, error)" if "_unpack_" in body else "IndexError"
        return (
            f"{head}    try:\n{body}        if {checks}:\n{_fitted('return ' + call, ' ' * 12)}\n"
            f"    except {errors}:\n        pass\n    return parse_by_construct({code}, payload)"
        )

    def _line(self, text: str) -> None:
        self.lines.append(self.indent + text)

    def _fields(self, fields: tuple[Field, ...], prefix: str) -> None:
        run: list[tuple[str, int]] = []
        for item in fields:
            match item:
                case UInt(condition=None):
                    run.append((f"{prefix}{item.name}", item.size))
                    self._uint(item, f"{prefix}{item.name}")
                case PrefixedBytes(condition=None):
                    run.append((f"{prefix}{item.prefix_name}", item.prefix_size))
                    self._integers(run)
                    run = []
                    self._measured(f"{prefix}{item.name}_end", f"{prefix}{item.prefix_name}")
                case FixedBytes(condition=None):
                    self._integers(run)
                    run = []
                    self._fixed(item.size)
                case Group():
                    self._integers([*run, (item.count_name, item.count_size)])
                    run = []
                    self._group(item)
                case _:
                    self._integers(run)
                    run = []
                    self._conditional(item)
        self._integers(run)

    def _uint(self, item: UInt, variable: str) -> None:
        self.arguments.append(variable)
        if item.values:
            numbers = [number for number, _ in item.values]
            plain = numbers == list(range(len(numbers)))
            self.checks.append(f"{variable} < {len(numbers)}" if plain else f"{variable} in {tuple(numbers)}")

    def _integers(self, run: list[tuple[str, int]]) -> None:
        """Read a row of neighbouring integers into variables."""
        if not run:
            return
        at = _sum(self.base, self.offset)
        sizes = [size for _, size in run]
        names = ", ".join(name for name, _ in run)
        if sizes == [1]:
            self._line(f"{names} = payload[{at}]")
        elif sizes == [2]:
            self._line(f"{names} = (payload[{at}] << 8) | payload[{_sum(self.base, self.offset + 1)}]")
        else:
            unpack = self.structs.unpack("".join(_FORMATS[size] for size in sizes))
            self._line(f"{names}{',' * (len(run) == 1)} = {unpack}(payload{f', {at}' if at != '0' else ''})")
        self.offset += sum(sizes)

    def _measured(self, end: str, length: str) -> None:
        start = _sum(self.base, self.offset)
        self._line(f"{end} = {start} + {length}")
        self.arguments.append(f"payload[{start}{' : ' if ' ' in start else ':'}{end}]")
        self.base, self.offset = end, 0

    def _fixed(self, size: int) -> None:
        start, end = _sum(self.base, self.offset), _sum(self.base, self.offset + size)
        colon = " : " if " " in start + end else ":"
        self.arguments.append(f"payload[{start}{colon}{end}]")
        self.offset += size

    def _conditional(self, item: Field) -> None:
        assert item.condition is not None and isinstance(item, UInt | FixedBytes), (
            "the notation's generator covers these"
        )
        start, end = _sum(self.base, self.offset), f"{item.name}_end"
        met = _sum(self.base, self.offset + item.size)
        if isinstance(item, UInt):
            value = f"payload[{start}]" if item.size == 1 else f"int.from_bytes(payload[{start}:{met}])"
        else:
            value = f"payload[{start}:{met}]"
        self._line(f"{item.name} = None")
        self._line(f"{end} = {start}")
        self._line(f"if {item.condition.field} == {item.condition.value}:")
        self._line(f"    {item.name} = {value}")
        self._line(f"    {end} = {met}")
        self.arguments.append(item.name)
        self.base, self.offset = end, 0

    def _group(self, group: Group) -> None:
        """A loop with a running offset; its entries' slices are checked by where the last entry ends."""
        entry = class_name(group.label)
        at = f"{group.name}_at"
        self._line(f"{at} = {_sum(self.base, self.offset)}")
        self._line(f"{group.name} = []")
        self._line(f"for _ in range({group.count_name}):")
        outer, self.arguments = self.arguments, []
        self.indent += "    "
        self.base, self.offset = at, 0
        self._fields(group.fields, "")
        self._line(f"{group.name}.append({entry}({', '.join(self.arguments)}))")
        self._line(f"{at} = {_sum(self.base, self.offset)}")
        self.indent = self.indent[:-4]
        self.arguments = [*outer, f"tuple({group.name})"]
        self.base, self.offset = at, 0


class _Builder:
    """One builder: guards for the unusual, then the frame as one sum of packed integers and bytes."""

    def __init__(self, structs: _Structs, message: MessageLayout, header: str) -> None:
        self.structs = structs
        self.message = message
        self.header = header
        self.lines: list[str] = []
        self.parts: list[str | tuple[str, str]] = []
        self.constant = 0
        self.lengths: list[str] = []

    def render(self) -> str:
        name, cls = self.message.name.lower(), class_name(self.message.name)
        head = f"def _build_{name}(message: {cls}) -> bytes:\n    # {origin(self.message)}\n"
        if not self.message.fields:
            frame = (0).to_bytes(4, "big") + bytes([self.message.code])
            text = "".join(f"\\x{byte:02x}" for byte in frame)
            return head + f'    return b"{text}"'
        for item in self.message.fields:
            self._field(item)
        total = " + ".join([*([str(self.constant)] if self.constant else []), *self.lengths])
        integers = [(self.header[0], total), (self.header[1], f"0x{self.message.code:02X}")]
        body = "\n".join(f"    {line}" for line in self.lines)
        return f"{head}{body}\n{_fitted('return ' + self._frame(integers), '    ')}"

    def _frame(self, integers: list[tuple[str, str]]) -> str:
        """The sum of all parts, neighbouring integers packed together."""
        terms: list[str] = []
        run = list(integers)
        for part in [*self.parts, ""]:
            if isinstance(part, tuple):
                run.append(part)
                continue
            if run:
                pack = self.structs.pack("".join(formats for formats, _ in run))
                terms.append(f"{pack}({', '.join(value for _, value in run)})")
                run = []
            if part:
                terms.append(part)
        return " + ".join(terms)

    def _guard(self, condition: str) -> None:
        self.lines += [f"if {condition}:", "    return build_by_construct(message)"]

    def _field(self, item: Field) -> None:
        match item:
            case UInt(condition=None):
                self._uint(item)
            case FixedBytes(condition=None):
                self._take(item)
                self._guard(f"len({item.name}) != {item.size}")
                self.parts.append(item.name)
                self.constant += item.size
            case PrefixedBytes(condition=None):
                self._take(item)
                length = f"{item.name}_length"
                self.lines.append(f"{length} = len({item.name})")
                self.parts += [(_FORMATS[item.prefix_size], length), item.name]
                self.constant += item.prefix_size
                self.lengths.append(length)
            case Group():
                self._group(item)
            case _:
                self._conditional(item)

    def _take(self, item: Field) -> None:
        self.lines.append(f"{item.name} = message.{item.name}")

    def _uint(self, item: UInt) -> None:
        self._take(item)
        if item.values:
            self._guard(f"{item.name} not in ({', '.join(str(number) for number, _ in item.values)})")
        self.parts.append((_FORMATS[item.size], item.name))
        self.constant += item.size

    def _conditional(self, item: Field) -> None:
        assert item.condition is not None and isinstance(item, UInt | FixedBytes), (
            "the notation's generator covers these"
        )
        met = f"{item.condition.field} == {item.condition.value}"
        self._take(item)
        self._guard(f"({item.name} is not None) != ({met})")
        if isinstance(item, FixedBytes):
            self._guard(f"{item.name} is not None and len({item.name}) != {item.size}")
        if isinstance(item, UInt):
            pack = self.structs.pack(_FORMATS[item.size])
            self.lines.append(f'{item.name}_bytes = b"" if {item.name} is None else {pack}({item.name})')
        else:
            self.lines.append(f'{item.name}_bytes = b"" if {item.name} is None else {item.name}')
        self.parts.append(f"{item.name}_bytes")
        self.lengths.append(f"len({item.name}_bytes)")

    def _group(self, group: Group) -> None:
        inner = _Builder(self.structs, self.message, "")
        for item in group.fields:
            inner._field(item)
        self.lines += [f"{group.name} = message.{group.name}", "entries = []", "for entry in " + group.name + ":"]
        self.lines += [f"    {line.replace('message.', 'entry.')}" for line in inner.lines]
        self.lines += [f"    entries.append({inner._frame([])})", 'body = b"".join(entries)']
        self.parts += [(_FORMATS[group.count_size], f"len({group.name})"), "body"]
        self.constant += group.count_size
        self.lengths.append("len(body)")
