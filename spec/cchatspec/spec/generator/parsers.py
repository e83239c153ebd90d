"""Renders the parsers of `fast.py`.

A row of neighbouring fields is read by one precompiled struct. A row may hold one string behind a length byte: that byte is
looked at first and picks the struct from a table. A string behind a longer length is cut out of the payload. The message is
built only if the last field ends where the payload does, so a slice that was cut short cannot pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..model import Field, FixedBytes, Group, MessageLayout, PrefixedBytes, UInt
from .naming import class_name, origin
from .tables import (
    FORMATS,
    VARIABLE,
    Structs,
    fitted,
    fixed_format,
    is_covered,
    is_plain,
    is_switch,
    others_test,
    row,
    sum_of,
)


def render_parser(message: MessageLayout, structs: Structs) -> str:
    """The function that parses a payload of this message."""
    code, call = f"0x{message.code:02X}", class_name(message.name)
    head = f"def _parse_{message.name.lower()}(payload: bytes) -> Message:\n    # {origin(message)}\n"
    if not message.fields:
        return head + f"    return parse_by_construct({code}, payload) if payload else _{message.name}"
    if not is_covered(message.fields):
        return head + f"    return parse_by_construct({code}, payload)"
    render = _switch if is_switch(message.fields) else _straight
    body = render(message.fields, call, structs)
    errors = "(IndexError, error)" if "_unpack_" in body or "_read_" in body else "IndexError"
    return f"{head}    try:\n{body}\n    except {errors}:\n        pass\n    return parse_by_construct({code}, payload)"


def _straight(fields: tuple[Field, ...], call: str, structs: Structs) -> str:
    return _Parser(structs).render(fields, call)


def _switch(fields: tuple[Field, ...], call: str, structs: Structs) -> str:
    first, second = fields
    assert isinstance(first, UInt) and isinstance(second, UInt | FixedBytes) and second.condition is not None
    name, size = first.name, first.size + second.size
    if isinstance(second, FixedBytes):
        value = f"payload[{first.size}:]"
    elif second.size == 1:
        value = f"payload[{first.size}]"
    else:
        value = f"*{structs.reader([FORMATS[second.size]])}(payload, {first.size})"
    return "\n".join(
        [
            f"        {name} = payload[0]",
            f"        if {name} == {second.condition.value} and len(payload) == {size}:",
            fitted(f"return {call}({name}, {value})", " " * 12),
            f"        if len(payload) == {first.size} and {others_test(first, second.condition.value)}:",
            fitted(f"return {call}({name})", " " * 12),
        ]
    )


@dataclass
class _Row:
    """Neighbouring fields that one struct reads: formats, the variables that take them, and all bytes of known size."""

    formats: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    size: int = 0
    length: str = ""
    length_at: int = 0

    def add(self, item: UInt | FixedBytes) -> None:
        self.formats.append(fixed_format(item))
        self.names.append(item.name)
        self.size += item.size

    def add_integer(self, name: str, size: int) -> None:
        self.formats.append(FORMATS[size])
        self.names.append(name)
        self.size += size

    def add_measured(self, item: PrefixedBytes) -> None:
        self.length, self.length_at = item.prefix_name, self.size
        self.formats += ["x", VARIABLE]
        self.names.append(item.name)
        self.size += 1


class _Parser:
    """One parser. `base` and `offset` are where the next row starts: a variable, if any, and a constant."""

    def __init__(self, structs: Structs) -> None:
        self.structs = structs
        self.lines: list[str] = []
        self.checks: list[str] = []
        self.arguments: list[str] = []
        self.base, self.offset = "", 0
        self.indent = "        "

    def render(self, fields: tuple[Field, ...], call: str) -> str:
        """The lines of the `try` block."""
        exact = self._fields(fields, whole=True)
        checks = [*([] if exact else [f"len(payload) == {sum_of(self.base, self.offset)}"]), *self.checks]
        made = f"return {call}({', '.join(self.arguments)})"
        if exact and not checks and self.lines[-1] == self._assignment(self.arguments):
            made = f"return {call}(*{self._source(self.lines.pop())})"
        if checks:
            self._line(f"if {' and '.join(checks)}:")
            return "\n".join([*self.lines, fitted(made, self.indent + "    ")])
        return "\n".join([*self.lines, fitted(made, self.indent)])

    def _assignment(self, names: list[str]) -> str:
        """The last line, if it assigns to just these names."""
        last = self.lines[-1]
        return last if last.strip().startswith(f"{row(names)} = ") and "(payload" in last else ""

    def _source(self, line: str) -> str:
        return line.partition(" = ")[2]

    def _line(self, text: str) -> None:
        self.lines.append(self.indent + text)

    def _fields(self, fields: tuple[Field, ...], whole: bool = False) -> bool:
        """Read fields; whether the last row was held to be all of the payload."""
        pending = _Row()
        for index, item in enumerate(fields):
            match item:
                case UInt() | FixedBytes():
                    pending.add(item)
                    self.arguments.append(item.name)
                    self._check_values(item)
                case PrefixedBytes(prefix_size=1) if not pending.length and len(fields) > 1:
                    pending.add_measured(item)
                    self.arguments.append(item.name)
                case PrefixedBytes():
                    pending.add_integer(item.prefix_name, item.prefix_size)
                    self._read(pending)
                    self._cut(item, is_last=whole and index == len(fields) - 1)
                    pending = _Row()
                case Group():
                    pending.add_integer(item.count_name, item.count_size)
                    self._read(pending)
                    self._group(item)
                    pending = _Row()
        return self._read(pending, whole and not (self.base or self.offset))

    def _check_values(self, item: UInt | FixedBytes) -> None:
        if isinstance(item, UInt) and item.values:
            numbers = tuple(number for number, _ in item.values)
            self.checks.append(f"{item.name} < {len(numbers)}" if is_plain(item) else f"{item.name} in {numbers}")

    def _read(self, fields: _Row, whole: bool = False) -> bool:
        """Read a row into variables; with `whole`, by a struct that takes all of the payload, if one is used."""
        if not fields.names:
            return False
        at = sum_of(self.base, self.offset)
        whole = whole and fields.formats != ["B"]
        if fields.formats == ["B"]:
            self._line(f"{fields.names[0]} = payload[{at}]")
        elif fields.formats == ["H"] and not whole:
            self._line(f"{fields.names[0]} = (payload[{at}] << 8) | payload[{sum_of(self.base, self.offset + 1)}]")
        else:
            struct = (self.structs.unpacker if whole else self.structs.reader)(fields.formats)
            if fields.length:
                length = f"payload[{sum_of(self.base, self.offset + fields.length_at)}]"
                if not whole:
                    self._line(f"{fields.length} = {length}")
                struct += f"[{length if whole else fields.length}]"
            self._line(f"{row(fields.names)} = {struct}(payload{'' if at == '0' else f', {at}'})")
        if fields.length and not whole:
            self._move(fields.length, fields.size)
        else:
            self.offset += fields.size
        return whole

    def _move(self, length: str, size: int) -> None:
        """Go on behind a string: where that is gets its own variable."""
        end = f"{length.removesuffix('_length')}_end"
        self._line(f"{end} = {sum_of(self.base, self.offset + size, length)}")
        self.base, self.offset = end, 0

    def _cut(self, item: PrefixedBytes, is_last: bool) -> None:
        start = sum_of(self.base, self.offset)
        if is_last:
            self.arguments.append(f"payload[{start}{' ' if ' ' in start else ''}:]")
            self.base = sum_of(self.base, item.prefix_name)
            return
        end = f"{item.name}_end"
        self._line(f"{end} = {start} + {item.prefix_name}")
        self._line(f"{item.name} = payload[{start}{' : ' if ' ' in start else ':'}{end}]")
        self.arguments.append(item.name)
        self.base, self.offset = end, 0

    def _group(self, group: Group) -> None:
        """A loop with a running offset; its entries' slices are checked by where the last entry ends."""
        entry, at = class_name(group.label), f"{group.name}_at"
        self._line(f"{at} = {sum_of(self.base, self.offset)}")
        self._line(f"{group.name} = []")
        self._line(f"for _ in range({group.count_name}):")
        inner = _Parser(self.structs)
        inner.indent = self.indent + "    "
        inner.base = at
        inner._fields(group.fields)
        if inner.checks:
            inner._line(f"if not ({' and '.join(inner.checks)}):")
            inner._line("    break")
        inner._line(f"{group.name}.append({entry}({', '.join(inner.arguments)}))")
        inner._line(f"{at} = {sum_of(inner.base, inner.offset)}")
        self.lines += inner.lines
        self.arguments.append(f"tuple({group.name})")
        self.base, self.offset = at, 0
