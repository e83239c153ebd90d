"""Hypothesis strategies for C-Chat, for property tests of your own parser, server or client.

Everything is derived from the layouts of PROTOCOL.md, so a strategy cannot disagree with the codec. Install them with
`pip install 'cchatspec[fuzz]'` and use them like any other:

    from cchatspec.fuzz.strategies import frames, messages, mutated_frames
    from hypothesis import given

    @given(messages(SendMessage))
    def test_my_parser_reads_what_the_spec_builds(message):
        assert my_parser(build(message)) == message

    @given(mutated_frames())
    def test_my_parser_never_crashes(frame):
        my_parser(frame)

    @given(conversations())
    def test_my_server_lives(script):
        play(script)

`messages` and `frames` are always right by the layouts, and not always sensible: names may hold any bytes, and a key is 32 bytes
that need not be one. `mutated_frames` are right frames with something done to them, and most of them are wrong. A strategy takes
a message class or a type number, and without one draws from all types. `conversations` are whole scripts of the fuzzer, by the
same choices as its own; `cchatspec.fuzz.encode` turns their frames into bytes, and you say what names and keys stand for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, TypeVar

from hypothesis import strategies as st

from cchatspec.fuzz.dice import Table
from cchatspec.fuzz.generate import conversation
from cchatspec.fuzz.script import Script
from cchatspec.spec import HEADER_SIZE, MESSAGES, Message, build, frame_bytes
from cchatspec.spec.document import protocol_path, read_document
from cchatspec.spec.generated.messages import ENTRIES
from cchatspec.spec.message import Entry
from cchatspec.spec.model import Field, FixedBytes, Group, MessageLayout, PrefixedBytes, ScalarField, UInt

#: Which messages a strategy draws from: a class, a type number, or all.
Kind = type[Message] | int | None

#: Strings behind a length field are drawn up to this many bytes, or as long as the field allows if that is less.
USUAL_BYTES = 300
_T = TypeVar("_T")

#: Groups are drawn up to this many entries.
USUAL_ENTRIES = 8


def messages(
    kind: Kind = None, *, max_bytes: int = USUAL_BYTES, max_entries: int = USUAL_ENTRIES
) -> st.SearchStrategy[Message]:
    """Messages that are right by their layout.

    Args:
        kind: a message class or type number; all of them if None.
        max_bytes: how long strings get, if their length field allows it.
        max_entries: how many entries a group gets.
    """
    return st.one_of([_message(layout, max_bytes, max_entries) for layout in _layouts(kind)])


def payloads(kind: Kind = None) -> st.SearchStrategy[tuple[int, bytes]]:
    """Message types with payloads that are right by their layout."""
    return messages(kind).map(lambda message: (message.type, build(message)[HEADER_SIZE:]))


def frames(kind: Kind = None) -> st.SearchStrategy[bytes]:
    """Whole frames that are right by their layout."""
    return messages(kind).map(build)


def mutated_payloads(kind: Kind = None) -> st.SearchStrategy[tuple[int, bytes]]:
    """Message types with payloads that were right until something was done to them.

    Payloads are cut and grown, their bytes are flipped, and their length and count fields are made one too small, one too large,
    or as small or large as they can be. Now and then one is still right.
    """
    return messages(kind).flatmap(_mutations)


def mutated_frames(kind: Kind = None) -> st.SearchStrategy[bytes]:
    """Frames that were right until something was done to them.

    Either the payload was mutated, and the header agrees with it so that a stream stays in step, or the header lies about the
    payload's length, or the type is another one, or the frame is cut off.
    """
    in_step = mutated_payloads(kind).map(lambda pair: frame_bytes(*pair))
    lying = st.builds(_with_length, payloads(kind), _wrong_integers(4))
    mistyped = st.builds(lambda pair, code: frame_bytes(code, pair[1]), payloads(kind), st.integers(0, 255))
    cut = frames(kind).flatmap(lambda frame: st.integers(0, len(frame) - 1).map(lambda size: frame[:size]))
    return st.one_of(in_step, lying, mistyped, cut)


def conversations() -> st.SearchStrategy[Script]:
    """Scripts of one or more connections and users that are legal up to a point, and then go wrong.

    They shrink to fewer and plainer requests.
    """
    return _conversations()


class _Drawn:
    """Choices that Hypothesis makes, and shrinks towards the first of each."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def below(self, count: int) -> int:
        return self._draw(st.integers(0, count - 1)) if count > 1 else 0

    def chance(self, percent: float) -> bool:
        return self.below(1000) >= 1000 - 10 * percent

    def one(self, items: Sequence[_T]) -> _T:
        return items[self.below(len(items))]

    def pick(self, table: Table[_T]) -> _T:
        return table.at(self.below(table.total))

    def octets(self, count: int) -> bytes:
        return self._draw(st.binary(min_size=count, max_size=count))


@st.composite
def _conversations(draw: st.DrawFn) -> Script:
    return conversation(_Drawn(draw))


@cache
def _all_layouts() -> tuple[MessageLayout, ...]:
    return read_document(protocol_path().read_text(encoding="utf-8")).layouts.messages


def _layouts(kind: Kind) -> list[MessageLayout]:
    code = kind if isinstance(kind, int) or kind is None else kind.type
    found = [layout for layout in _all_layouts() if code is None or layout.code == code]
    if not found:
        raise ValueError(f"no message has the type {kind!r}")
    return found


@st.composite
def _message(draw: st.DrawFn, layout: MessageLayout, max_bytes: int, max_entries: int) -> Message:
    cls = MESSAGES[layout.code]
    values: dict[str, Any] = {}
    for field in layout.fields:
        if isinstance(field, Group):
            entry = _entry(field, ENTRIES[cls][field.name], max_bytes)
            values[field.name] = tuple(draw(st.lists(entry, max_size=min(max_entries, _most(field.count_size)))))
        elif field.condition and values[field.condition.field] != field.condition.value:
            values[field.name] = None
        else:
            values[field.name] = draw(_scalar(field, max_bytes))
    return cls(**values)


def _entry(group: Group, cls: type[Entry], max_bytes: int) -> st.SearchStrategy[Entry]:
    return st.builds(cls, **{field.name: _scalar(field, max_bytes) for field in group.fields})


def _scalar(field: ScalarField, max_bytes: int) -> st.SearchStrategy[Any]:
    match field:
        case UInt(values=()):
            return st.integers(0, _most(field.size))
        case UInt():
            return st.sampled_from([number for number, _ in field.values])
        case FixedBytes():
            return st.binary(min_size=field.size, max_size=field.size)
        case PrefixedBytes():
            return st.binary(max_size=min(max_bytes, _most(field.prefix_size)))


def _most(size: int) -> int:
    """The largest integer of so many bytes."""
    return int(256**size - 1)


def _with_length(pair: tuple[int, bytes], length: int) -> bytes:
    return frame_bytes(*pair, length=length)


def _wrong_integers(size: int) -> st.SearchStrategy[int]:
    edges = [0, 1, _most(size) // 2, _most(size) // 2 + 1, _most(size) - 1, _most(size)]
    return st.one_of(st.sampled_from(edges), st.integers(0, _most(size)))


def _mutations(message: Message) -> st.SearchStrategy[tuple[int, bytes]]:
    payload = build(message)[HEADER_SIZE:]
    ways = [st.binary(min_size=1, max_size=40).map(lambda more: payload + more)]
    if payload:
        place = st.integers(0, len(payload) - 1)
        ways.append(place.map(lambda size: payload[:size]))
        flips = st.dictionaries(place, st.integers(1, 255), min_size=1, max_size=4)
        ways.append(flips.map(lambda masks: _flipped(payload, masks)))
    for offset, size in _length_fields(message):
        ways.append(_relengthened(payload, offset, size))
    return st.one_of(ways).map(lambda changed: (message.type, changed))


def _flipped(payload: bytes, masks: dict[int, int]) -> bytes:
    changed = bytearray(payload)
    for place, mask in masks.items():
        changed[place] ^= mask
    return bytes(changed)


def _relengthened(payload: bytes, offset: int, size: int) -> st.SearchStrategy[bytes]:
    right = int.from_bytes(payload[offset : offset + size])
    near = st.sampled_from([right - 1, right + 1]).map(lambda wrong: wrong % 256**size)
    return st.one_of(near, _wrong_integers(size)).map(
        lambda wrong: payload[:offset] + wrong.to_bytes(size, "big") + payload[offset + size :]
    )


def _length_fields(message: Message) -> Iterator[tuple[int, int]]:
    """Where in the payload the length and count fields stand, and of how many bytes each is."""
    (layout,) = _layouts(type(message))
    yield from _walk(layout.fields, message, 0)


def _walk(fields: tuple[Field, ...], value: Message | Entry, at: int) -> Iterator[tuple[int, int]]:
    for field in fields:
        item = getattr(value, field.name)
        match field:
            case PrefixedBytes():
                yield at, field.prefix_size
            case Group():
                yield at, field.count_size
                inner = at + field.count_size
                for entry in item:
                    yield from _walk(field.fields, entry, inner)
                    inner += _size(field.fields, entry)
        at += _size((field,), value)


def _size(fields: tuple[Field, ...], value: Message | Entry) -> int:
    total = 0
    for field in fields:
        item = getattr(value, field.name)
        match field:
            case PrefixedBytes():
                total += field.prefix_size + len(item)
            case Group():
                total += field.count_size + sum(_size(field.fields, entry) for entry in item)
            case _:
                total += field.size if item is not None else 0
    return total
