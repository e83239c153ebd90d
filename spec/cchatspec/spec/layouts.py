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
from .notation import DocumentError, Fragment, parse, reject, tokens


@dataclass(frozen=True, slots=True)
class _Entry:
    """One `[… bytes: Label] (…)` before it is known what it is to its neighbours."""

    count: Token
    unit: Token
    label: Token
    values: tuple[tuple[Token, Token], ...]
    condition: Token | None


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
        if entry.count == "N" or int(entry.count) not in INTEGER_SIZES or not entry.label.endswith(suffix):
            raise fail(entry.label, f"expected an integer field '… {suffix}' in the header, found '{entry.label}'")
    if int(kind.count) != 1:
        raise fail(kind.count, "expected a message type of 1 byte")
    if payload.count != "N":
        raise fail(payload.count, "expected a payload of N bytes, measured by the header's length field")
    measured = MeasuredBytes(_identifier(payload.label), str(payload.label), _identifier(length.label))
    return Header(_uint(length, fragment), _uint(kind, fragment), measured)


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
            fields.append(_group(line, counted, fragment))
            pending = []
        else:
            pending += _entries(line, fragment)
    fields += _scalars(pending, fields, fragment)
    _check_names(fields, fragment)
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
        made.append(field)
        previous = entry
    return made


def _fixed(entry: _Entry, fragment: Fragment) -> UInt | FixedBytes:
    size = int(entry.count)
    if size == 0:
        raise reject(fragment)(entry.count, "expected a size of at least 1 byte, found 0")
    if (entry.unit == "byte") != (size == 1):
        raise reject(fragment)(
            entry.unit, f"expected '{'byte' if size == 1 else 'bytes'}' after {size}, found '{entry.unit}'"
        )
    if size in INTEGER_SIZES:
        return _uint(entry, fragment)
    if entry.values:
        raise reject(fragment)(
            entry.values[0][0], f"named values belong to an integer field, and '{entry.label}' has {size} bytes"
        )
    return FixedBytes(_identifier(entry.label), str(entry.label), size)


def _uint(entry: _Entry, fragment: Fragment) -> UInt:
    size = int(entry.count)
    seen: dict[int, str] = {}
    for number, label in entry.values:
        if int(number) >= 256**size:
            raise reject(fragment)(number, f"the value {number} does not fit into {size} byte{'s' * (size > 1)}")
        if int(number) in seen or str(label) in seen.values():
            raise reject(fragment)(number, f"the value {number}={label} comes twice")
        seen[int(number)] = str(label)
    return UInt(_identifier(entry.label), str(entry.label), size, tuple(seen.items()))


def _prefixed(entry: _Entry, length: _Entry | None, fragment: Fragment) -> PrefixedBytes:
    if entry.unit != "bytes":
        raise reject(fragment)(entry.unit, "expected 'bytes' after N, found 'byte'")
    wanted = (
        f"expected a length field right before '[N bytes: {entry.label}]', such as '[1 byte: {entry.label} Length]'"
    )
    if length is None or not length.label.endswith(" Length"):
        raise reject(fragment)(entry.count, f"the size is unknown: {wanted}")
    subject = length.label.removesuffix(" Length")
    if not f" {entry.label}".endswith(f" {subject}"):
        raise reject(fragment)(entry.label, f"'{length.label}' does not measure '{entry.label}': {wanted}")
    if length.count == "N" or int(length.count) not in INTEGER_SIZES or length.values or length.condition is not None:
        raise reject(fragment)(length.label, f"a length is a plain integer of 1, 2, 4 or 8 bytes: {wanted}")
    if entry.values:
        raise reject(fragment)(
            entry.values[0][0], f"named values belong to an integer field, and '{entry.label}' is bytes"
        )
    if entry.condition is not None:
        raise reject(fragment)(entry.condition, "a condition belongs to a field of fixed size, and 'N bytes' is none")
    return PrefixedBytes(_identifier(entry.label), str(entry.label), _identifier(length.label), int(length.count))


def _condition(label: Token, earlier: list[Field], fragment: Fragment) -> Condition:
    for field in reversed(earlier):
        for number, name in field.values if isinstance(field, UInt) else ():
            if name == str(label):
                return Condition(field.name, number, name)
    raise reject(fragment)(
        label, f"expected the name of a value of an earlier field, found '{label}', which no field before it has"
    )


def _group(tree: Tree[Token], counted: _Entry | None, fragment: Fragment) -> Group:
    label = tokens(tree, "LABEL")[0]
    wanted = f"expected a count right before 'For each {label}:', such as '[2 bytes: {str(label).title()} Count]'"
    if counted is None or counted.label.lower() != f"{label} count".lower():
        raise reject(fragment)(label, wanted)
    if (
        counted.count == "N"
        or int(counted.count) not in INTEGER_SIZES
        or counted.values
        or counted.condition is not None
    ):
        raise reject(fragment)(counted.label, f"a count is a plain integer of 1, 2, 4 or 8 bytes: {wanted}")
    lines = [child for child in tree.children if isinstance(child, Tree)]
    entries = [entry for line in lines for entry in _entries(line, fragment)]
    fields = tuple(_scalars(entries, [], fragment))
    _check_names(list(fields), fragment)
    return Group(f"{_identifier(label)}s", str(label).title(), _identifier(counted.label), int(counted.count), fields)


def _check_names(fields: list[Field], fragment: Fragment) -> None:
    seen: set[str] = set()
    for field in fields:
        if field.name in seen:
            raise DocumentError(fragment.locate(1, 1), f"the field '{field.label}' comes twice in one payload")
        seen.add(field.name)


def _identifier(label: str) -> str:
    return str(label).lower().replace(" ", "_")
