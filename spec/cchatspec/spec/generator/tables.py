"""What the rendered parsers and builders share: the precompiled structs, expressions, and how statements are broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..model import Field, FixedBytes, UInt
from .naming import LINE_LENGTH

#: The format of an integer of each size.
FORMATS = {1: "B", 2: "H", 4: "I", 8: "Q"}

#: The format of a string of bytes whose length is known when the struct is chosen from its table.
VARIABLE = "{}s"


@dataclass
class Structs:
    """The precompiled structs and constant frames that the rendered functions use: names, and how each is declared."""

    declared: dict[str, str] = field(default_factory=dict)

    def packer(self, formats: list[str]) -> str:
        """A struct's `pack`, or the table of them if the formats have a variable length."""
        return self._declare("_pack", formats, "packers", "pack")

    def unpacker(self, formats: list[str]) -> str:
        """A struct's `unpack`, which takes a whole payload."""
        return self._declare("_unpack", formats, "unpackers", "unpack")

    def reader(self, formats: list[str]) -> str:
        """A struct's `unpack_from`."""
        return self._declare("_read", formats, "readers", "unpack_from")

    def frames(self, message: str, frames: list[bytes]) -> str:
        """A tuple of frames, or of their beginnings."""
        name = f"_FRAMES_{message}"
        self.declared[name] = f"({', '.join(literal(frame) for frame in frames)}{',' * (len(frames) == 1)})"
        return name

    def declarations(self) -> Iterator[str]:
        """The lines that declare all structs."""
        for name, value in sorted(self.declared.items()):
            yield f"{name} = {value}"

    def _declare(self, prefix: str, formats: list[str], table: str, method: str) -> str:
        joined = "".join(formats)
        name = f"{prefix}_{joined.replace(VARIABLE, '_n_').strip('_').lower()}"
        value = f'{table}(">{joined}")' if VARIABLE in formats else f'Struct(">{joined}").{method}'
        self.declared[name] = value
        return name


def fixed_format(item: UInt | FixedBytes) -> str:
    """The format of a field of fixed size."""
    return FORMATS[item.size] if isinstance(item, UInt) else f"{item.size}s"


def is_plain(item: Field) -> bool:
    """Whether the field has named values, and they are 0, 1, 2 and so on."""
    numbers = [number for number, _ in item.values] if isinstance(item, UInt) else []
    return numbers != [] and numbers == list(range(len(numbers)))


def others_test(item: UInt, met: int) -> str:
    """The test for a named value other than this one."""
    others = tuple(number for number, _ in item.values if number != met)
    return f"{item.name} == {others[0]}" if len(others) == 1 else f"{item.name} in {others}"


def is_covered(fields: tuple[Field, ...]) -> bool:
    """Whether the fast codec has code for this layout; a condition elsewhere is left to Construct."""
    return not any(item.condition for item in fields) or is_switch(fields)


def is_switch(fields: tuple[Field, ...]) -> bool:
    """Whether these are one integer with named values and one field of fixed size that is there for one of them."""
    match fields:
        case (UInt(condition=None, size=1) as first, UInt() | FixedBytes() as second) if is_plain(first):
            return second.condition is not None and not (isinstance(second, UInt) and second.values)
    return False


def literal(data: bytes) -> str:
    """Bytes as source, each escaped."""
    return 'b"' + "".join(f"\\x{byte:02x}" for byte in data) + '"'


def sum_of(*terms: str | int) -> str:
    """A sum without its zeros; empty names count as zero."""
    parts = [str(term) for term in terms if term not in ("", 0)]
    return " + ".join(parts) if parts else "0"


def row(names: list[str]) -> str:
    """The left side of an assignment from a tuple."""
    return ", ".join(names) + "," * (len(names) == 1)


def fitted(statement: str, indent: str) -> str:
    """A return statement as the formatter would lay it out."""
    if len(indent + statement) <= LINE_LENGTH:
        return indent + statement
    terms = split_outside(statement.removeprefix("return "), " + ")
    if len(terms) == 1:
        return _broken_call(statement, indent)
    inner = f"{indent}    "
    rows = [f"{'+ ' * (index > 0)}{term}" for index, term in enumerate(terms)]
    broken = [inner + text if len(inner + text) <= LINE_LENGTH else _broken_call(text, inner) for text in rows]
    return "\n".join([f"{indent}return (", *broken, f"{indent})"])


def _broken_call(text: str, indent: str) -> str:
    opening, _, arguments = text[:-1].partition("(")
    inner = f"{indent}    "
    rows = [arguments]
    if len(inner + arguments) > LINE_LENGTH:
        rows = [f"{argument}," for argument in split_outside(arguments, ", ")]
    return "\n".join([f"{indent}{opening}(", *(inner + text for text in rows), f"{indent})"])


def split_outside(expression: str, separator: str) -> list[str]:
    """The parts of an expression, split outside of brackets."""
    parts, depth, start = [], 0, 0
    for index, char in enumerate(expression):
        depth += (char in "([") - (char in ")]")
        if depth == 0 and expression.startswith(separator, index):
            parts.append(expression[start:index])
            start = index + len(separator)
    return [*parts, expression[start:]]
