"""From a layout block to fields: what the notation's brackets mean together.

The grammar has said that the block is well formed. Here length fields meet the `N bytes` that they measure, counts meet their
groups, and conditions meet the values that they name. Whatever does not fit is an error at its own place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lark import Token, Tree

from .model import (
    INTEGER_SIZES,
    Condition,
    Field,
    FixedBytes,
    Group,
    Header,
    MeasuredBytes,
    PrefixedBytes,
    ScalarField,
    UInt,
)
from .notation import DocumentError, Fragment, parse, reject, shown, tokens

#: No payload is longer, whatever the size of its length field.
_MOST_BYTES = 2**32 - 1


@dataclass(frozen=True, slots=True)
class _Entry:
    """One `[… bytes: Label] (…)` before it is known what it is to its neighbours."""

    count: Token
    unit: Token
    label: Token
    values: tuple[tuple[Token, Token], ...]
    condition: Token | None

    def note(self) -> Token | None:
        """The first token of what stands in parentheses behind it."""
        return self.values[0][0] if self.values else self.condition

    def is_plain_integer(self) -> bool:
        """Whether it can be a length or a count: a known size of 1, 2, 4 or 8 bytes, and no note."""
        return self.count in {str(size) for size in INTEGER_SIZES} and self.note() is None


def read_header(fragment: Fragment) -> Header:
    """The header's three fields.

    Raises:
        DocumentError: it is anything but a length, a type and a payload of N bytes.
    """
    fail = reject(fragment)
    entries = [entry for line in parse("header", fragment).children for entry in _entries(line, fragment)]
    if len(entries) != 3:
        raise DocumentError(
            fragment.locate(1, 1), f"expected a header of length, type and payload, found {len(entries)} fields"
        )
    length, kind, payload = entries
    for entry, suffix in ((length, "Length"), (kind, "Type")):
        if not entry.is_plain_integer() or not entry.label.endswith(suffix):
            raise fail(entry.count, f"expected an integer field '… {suffix}' in the header, found '{entry.label}'")
    if int(kind.count) != 1:
        raise fail(kind.count, f"expected a message type of 1 byte, found {kind.count}")
    if payload.count != "N" or payload.unit != "bytes":
        raise fail(payload.count, "expected a payload of N bytes, measured by the header's length field")
    if note := payload.note():
        raise fail(note, "expected the end of the header, found a note on the payload")
    measured = MeasuredBytes(_identifier(payload.label), str(payload.label), _identifier(length.label))
    header = _scalars([length, kind], [], fragment)
    assert isinstance(header[0], UInt) and isinstance(header[1], UInt)
    return Header(header[0], header[1], measured)


def read_payload(fragment: Fragment) -> tuple[Field, ...]:
    """The fields of a payload block; none for `Payload: Empty`.

    Raises:
        DocumentError: a size, length, count, condition or value doesn't fit, or a name comes twice.
    """
    tree = parse("payload", fragment)
    fields: list[Field] = []
    pending: list[_Entry] = []
    for line in tree.children:
        if isinstance(line, Token):
            continue
        if line.data == "group":
            counted = pending.pop() if pending else None
            fields += _scalars(pending, fields, fragment)
            fields.append(_group(line, counted, fields, fragment))
            pending = []
        else:
            pending += _entries(line, fragment)
    fields += _scalars(pending, fields, fragment)
    return tuple(fields)


def _entries(line: Tree[Token] | Token, fragment: Fragment) -> list[_Entry]:
    if isinstance(line, Token) or line.data != "fields":
        place = fragment.locate(1, 1) if isinstance(line, Token) else fragment.locate(line.meta.line, line.meta.column)
        raise DocumentError(place, "expected fields in brackets, found a group")
    return [_entry(child) for child in line.children if isinstance(child, Tree)]


def _entry(tree: Tree[Token]) -> _Entry:
    size, label, *notes = tree.children
    assert isinstance(size, Tree) and isinstance(label, Token)
    count, unit = tokens(size, "COUNT")[0], tokens(size, "UNIT")[0]
    values: tuple[tuple[Token, Token], ...] = ()
    condition = None
    for note in notes:
        assert isinstance(note, Tree)
        if note.data == "values":
            pairs = [pair for pair in note.children if isinstance(pair, Tree)]
            values = tuple((tokens(pair, "INT")[0], tokens(pair, "LABEL")[0]) for pair in pairs)
        else:
            condition = tokens(note, "LABEL")[0]
    return _Entry(count, unit, label, values, condition)


def _scalars(entries: list[_Entry], before: list[Field], fragment: Fragment) -> list[ScalarField]:
    """The fields of a row of entries, where a length field and the bytes it measures become one."""
    made: list[ScalarField] = []
    previous: _Entry | None = None
    for entry in entries:
        earlier = [*before, *made]
        if entry.count == "N":
            field: ScalarField = _prefixed(entry, previous, fragment)
            made.pop()
            earlier = [*before, *made]
        else:
            field = _fixed(entry, fragment)
        if entry.condition is not None:
            field = replace(field, condition=_condition(entry.condition, earlier, fragment))
        _check_new(field.name, entry.label, earlier, fragment)
        made.append(field)
        previous = entry
    return made


def _fixed(entry: _Entry, fragment: Fragment) -> UInt | FixedBytes:
    size = _size(entry, fragment)
    if size in INTEGER_SIZES:
        return _uint(entry, fragment)
    if entry.values:
        raise reject(fragment)(
            entry.values[0][0], f"expected named values at an integer field only, and '{entry.label}' has {size} bytes"
        )
    return FixedBytes(_identifier(entry.label), str(entry.label), size)


def _size(entry: _Entry, fragment: Fragment) -> int:
    """The number of bytes of an entry of known size, which agrees with its unit."""
    fail = reject(fragment)
    if len(entry.count) > len(str(_MOST_BYTES)) or int(entry.count) > _MOST_BYTES:
        raise fail(entry.count, f"expected a size of at most {_MOST_BYTES} bytes, found {shown(entry.count)}")
    size = int(entry.count)
    if size == 0:
        raise fail(entry.count, "expected a size of at least 1 byte, found 0")
    if (entry.unit == "byte") != (size == 1):
        raise fail(entry.unit, f"expected '{'byte' if size == 1 else 'bytes'}' after {size}, found '{entry.unit}'")
    return size


def _uint(entry: _Entry, fragment: Fragment) -> UInt:
    size = int(entry.count)
    seen: dict[int, str] = {}
    for number, label in entry.values:
        most = 256**size - 1
        if len(number) > len(str(most)) or int(number) > most:
            raise reject(fragment)(number, f"expected a value up to {most}, found {shown(number)}")
        if int(number) in seen or label.lower() in {name.lower() for name in seen.values()}:
            raise reject(fragment)(number, f"expected a new value, found {number}={label}, which is there already")
        seen[int(number)] = str(label)
    return UInt(_identifier(entry.label), str(entry.label), size, tuple(seen.items()))


def _prefixed(entry: _Entry, length: _Entry | None, fragment: Fragment) -> PrefixedBytes:
    if entry.unit != "bytes":
        raise reject(fragment)(entry.unit, "expected 'bytes' after N, found 'byte'")
    wanted = (
        f"expected a length field right before '[N bytes: {entry.label}]', such as '[1 byte: {entry.label} Length]'"
    )
    if length is None or not length.label.endswith(" Length"):
        raise reject(fragment)(entry.count, f"{wanted}: without it the size is unknown")
    subject = length.label.removesuffix(" Length")
    if not f" {entry.label}".endswith(f" {subject}"):
        raise reject(fragment)(entry.label, f"{wanted}; '{length.label}' does not measure it")
    if not length.is_plain_integer():
        problem = (
            f"expected a length to be a plain integer of 1, 2, 4 or 8 bytes, such as '[1 byte: {entry.label} Length]'"
        )
        raise reject(fragment)(length.count, problem)
    if entry.values:
        raise reject(fragment)(
            entry.values[0][0], f"expected named values at an integer field only, and '{entry.label}' is bytes"
        )
    if entry.condition is not None:
        raise reject(fragment)(
            entry.condition, "expected a condition at a field of fixed size only, and 'N bytes' is none"
        )
    return PrefixedBytes(_identifier(entry.label), str(entry.label), _identifier(length.label), int(length.count))


def _condition(label: Token, earlier: list[Field], fragment: Fragment) -> Condition:
    for field in reversed(earlier):
        for number, name in field.values if isinstance(field, UInt) else ():
            if name == str(label):
                return Condition(field.name, number, name)
    raise reject(fragment)(
        label, f"expected the name of a value of an earlier field, found '{label}', which no field before it has"
    )


def _group(tree: Tree[Token], counted: _Entry | None, earlier: list[Field], fragment: Fragment) -> Group:
    fail = reject(fragment)
    label = tokens(tree, "LABEL")[0]
    wanted = f"expected a count right before 'For each {label}:', such as '[2 bytes: {str(label).title()} Count]'"
    if counted is None or counted.label.lower() != f"{label} count".lower():
        raise fail(label, wanted)
    if not counted.is_plain_integer():
        raise fail(
            counted.count, f"expected a count to be a plain integer of 1, 2, 4 or 8 bytes, found '{counted.label}'"
        )
    size = _size(counted, fragment)
    lines = [child for child in tree.children if isinstance(child, Tree)]
    entries = [entry for line in lines for entry in _entries(line, fragment)]
    fields = tuple(_scalars(entries, [], fragment))
    name = f"{_identifier(label)}s"
    _check_new(name, label, earlier, fragment)
    return Group(name, str(label).title(), _identifier(counted.label), size, fields)


def _check_new(name: str, label: Token, earlier: list[Field], fragment: Fragment) -> None:
    if any(name == field.name for field in earlier):
        raise reject(fragment)(label, f"expected a new field, found '{label}', which the payload already has")


def _identifier(label: str) -> str:
    return str(label).lower().replace(" ", "_")
