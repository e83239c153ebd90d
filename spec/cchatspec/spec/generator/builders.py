"""Renders the builders of `fast.py`.

A builder guards against the unusual and then writes the frame, header included, as a sum of as few packed rows as possible. A
row may hold one string behind a length byte: the length picks the struct from a table. Frames whose bytes are all known before
are constants.
"""

from __future__ import annotations

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
    literal,
    others_test,
    sum_of,
)


def render_builder(message: MessageLayout, structs: Structs, header: list[str]) -> str:
    """The function that builds a frame of this message."""
    name, cls = message.name.lower(), class_name(message.name)
    head = f"def _build_{name}(message: {cls}) -> bytes:\n    # {origin(message)}\n"
    fields = message.fields
    if not is_covered(fields):
        return head + "    return build_by_construct(message)"
    if not fields:
        return head + f"    return {literal(_constant(message, b''))}"
    if len(fields) == 1 and isinstance(fields[0], UInt) and fields[0].size == 1 and is_plain(fields[0]):
        return head + _choice(message, fields[0], structs)
    if is_switch(fields):
        return head + _switch(message, structs)
    return head + _Builder(structs).render(message, header)


def _constant(message: MessageLayout, payload: bytes, missing: int = 0) -> bytes:
    """A frame, or its first bytes if `missing` more are to follow."""
    return (len(payload) + missing).to_bytes(4, "big") + bytes([message.code]) + payload


def _choice(message: MessageLayout, item: UInt, structs: Structs) -> str:
    frames = structs.frames(message.name, [_constant(message, bytes([number])) for number, _ in item.values])
    return "\n".join(
        [
            f"    {item.name} = message.{item.name}",
            f"    if {item.name} < 0:",
            "        return build_by_construct(message)",
            f"    return {frames}[{item.name}]",
        ]
    )


def _switch(message: MessageLayout, structs: Structs) -> str:
    first, second = message.fields
    assert isinstance(first, UInt) and isinstance(second, UInt | FixedBytes) and second.condition is not None
    met = second.condition.value
    heads = [_constant(message, bytes([number]), second.size * (number == met)) for number, _ in first.values]
    frame = f"{structs.frames(message.name, heads)}[{first.name}]"
    if isinstance(second, FixedBytes):
        rest, check = second.name, f" and {second.name} is not None and len({second.name}) == {second.size}"
    else:
        rest, check = f"{structs.packer([FORMATS[second.size]])}({second.name})", ""
    lines = [f"{item.name} = message.{item.name}" for item in (first, second)]
    lines += [f"if {first.name} == {met}{check}:", f"    return {frame} + {rest}"]
    lines += [f"if {second.name} is None and {others_test(first, met)}:", f"    return {frame}"]
    lines += ["return build_by_construct(message)"]
    return "\n".join(f"    {line}" for line in lines)


class _Builder:
    """One builder: the lines before the return, and the parts of the frame: a format and a value, or bytes to add."""

    def __init__(self, structs: Structs, source: str = "message") -> None:
        self.structs = structs
        self.source = source
        self.lines: list[str] = []
        self.parts: list[tuple[str, str]] = []
        self.constant = 0
        self.lengths: list[str] = []

    def render(self, message: MessageLayout, header: list[str]) -> str:
        """The body of the function."""
        for item in message.fields:
            self.add(item)
        total = sum_of(self.constant, *self.lengths)
        front = [(header[0], total), (header[1], f"0x{message.code:02X}")]
        body = "\n".join(f"    {line}" for line in self.lines)
        return f"{body}\n{fitted('return ' + self.bytes_of([*front, *self.parts]), '    ')}"

    def bytes_of(self, parts: list[tuple[str, str]]) -> str:
        """The sum of all parts, neighbours packed together as far as one struct of a table can."""
        terms: list[str] = []
        packed: list[tuple[str, str]] = []
        length = ""
        for kind, value in [*parts, ("", "")]:
            if kind == VARIABLE and not length and packed and packed[-1][0] == "B":
                length = packed[-1][1]
            elif kind in ("", VARIABLE):
                terms += self._packed(packed, length) + ([value] if value else [])
                packed, length = [], ""
                continue
            packed.append((kind, value))
        return " + ".join(terms)

    def _packed(self, parts: list[tuple[str, str]], length: str) -> list[str]:
        if not parts:
            return []
        struct = self.structs.packer([kind for kind, _ in parts])
        return [f"{struct}{f'[{length}]' if length else ''}({', '.join(value for _, value in parts)})"]

    def add(self, item: Field) -> None:
        """Add a field."""
        self.lines.append(f"{item.name} = {self.source}.{item.name}")
        match item:
            case UInt() | FixedBytes():
                self._guard(item)
                self.parts.append((fixed_format(item), item.name))
                self.constant += item.size
            case PrefixedBytes():
                length = f"{item.name}_length"
                self.lines.append(f"{length} = len({item.name})")
                self.parts += [(FORMATS[item.prefix_size], length), (VARIABLE, item.name)]
                self.constant += item.prefix_size
                self.lengths.append(length)
            case Group():
                self._group(item)

    def _guard(self, item: UInt | FixedBytes) -> None:
        if isinstance(item, FixedBytes):
            condition = f"len({item.name}) != {item.size}"
        elif item.values:
            condition = f"{item.name} not in {tuple(number for number, _ in item.values)}"
        else:
            return
        self.lines += [f"if {condition}:", "    return build_by_construct(message)"]

    def _group(self, group: Group) -> None:
        inner = _Builder(self.structs, "entry")
        for item in group.fields:
            inner.add(item)
        entries, body = f"{group.name}_entries", f"{group.name}_bytes"
        self.lines += [f"{entries} = []", f"for entry in {group.name}:"]
        self.lines += [f"    {line}" for line in inner.lines]
        self.lines += [f"    {entries}.append({inner.bytes_of(inner.parts)})", f'{body} = b"".join({entries})']
        self.parts += [(FORMATS[group.count_size], f"len({group.name})"), (VARIABLE, body)]
        self.constant += group.count_size
        self.lengths.append(f"len({body})")
