"""Frames that are wrong: what is done to a right one, by the layout of its type.

For each type, the edits that suit its fields are worked out once. Which of the ways are taken how often:

    length    20   a length field inside the payload is one too large or too small, 0, half, or at the edge of its range
    name      18   the name is nearly that of a user, or has bytes that mean something to somebody
    number    14   an integer has any of its values, or one at the edge of its range
    secret    12   a signature or a key is flipped, malleated, zero, or of small order
    cut       10   the payload ends early
    field     10   a field is cut, grown, repeated, dropped, or changes places with the next
    trailing   8   bytes follow the payload, and its length includes them
    type       6   the type is one that nobody has, or that of another message
    header    10   the header's length is wrong, so that what follows is read at another place; only where that is wanted

Ways that a type has no field for are left out. One frame in seven is wrong in more than one way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

from cchatspec.fuzz.boundaries import PAYLOAD_SIZES, TEXTS, Edits, integers, name_edits
from cchatspec.fuzz.dice import Dice, Table
from cchatspec.fuzz.encode import fields_of
from cchatspec.fuzz.frames import edited, frame_size, size_of
from cchatspec.fuzz.script import NAME_SIZE, Bytes, Edit, Frame, Value
from cchatspec.spec import CLIENT_PAYLOAD_LIMIT, HEADER_SIZE, MESSAGES, PAYLOAD_LIMIT
from cchatspec.spec.model import Field, FixedBytes, Group, PrefixedBytes, UInt

Way = Callable[[Dice, Frame], Edits]

#: Points of Ed25519 of small order, as keys and as first halves of signatures.
SMALL_ORDER: Final = (
    b"\x01" + bytes(31),
    bytes(32),
    b"\xec" + b"\xff" * 30 + b"\x7f",
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    b"\x01" + bytes(30) + b"\x80",
    b"\xee" + b"\xff" * 30 + b"\x7f",
)

#: Encodings that no point has.
_NO_POINTS: Final = (b"\x02" + bytes(31), b"\xff" * 32)

_KINDS: Final = Table(
    (30, range(0x09, 0x80)),
    (10, (0x00, 0x09, 0x7F, 0x80, 0x89, 0xFF)),
    (30, range(0x81, 0x89)),
    (20, range(0x89, 0x100)),
    (10, range(1, 9)),
)


def wrong(dice: Dice, frame: Frame, *, in_step: bool = False) -> Frame:
    """The frame with one to three things wrong with it; now and then it is still right.

    With `in_step`, its header is right for its payload, so that the next frame is found where it begins.
    """
    ways = _ways(frame.kind, in_step)
    edits = dice.pick(ways)(dice, frame)
    while dice.chance(14) and len(edits) < 6:
        edits += tuple(edit for edit in dice.pick(ways)(dice, frame) if edit.kind != "repeat")
    return edited(frame, *edits)


def strange(dice: Dice) -> Frame:
    """A frame that no client sends: of a type without a layout, or of the server."""
    kind = dice.one(dice.pick(_KINDS))
    if kind not in MESSAGES or dice.chance(20):
        payload = Bytes(dice.octets(dice.below(20)).hex(), dice.one((1, 1, 1, 0, 3, 60)))
        return Frame(kind, {"payload": payload}) if kind not in MESSAGES else _payload(kind, payload)
    return Frame(kind, {field.name: _value(dice, field) for field in fields_of(kind) if not isinstance(field, Group)})


def _payload(kind: int, payload: Bytes) -> Frame:
    return Frame(kind, {}, (Edit("payload", "replace", hex=payload.hex * payload.times),))


def _value(dice: Dice, field: Field) -> Value:
    match field:
        case UInt():
            return dice.one(integers(field.size))
        case FixedBytes():
            return Bytes(dice.octets(1).hex(), field.size)
    return Bytes(dice.one(TEXTS).hex())


@cache
def _ways(kind: int, in_step: bool) -> Table[Way]:
    ways: list[tuple[int, Way]] = [(10, _cut), (8, _trailing), (6, _type)]
    fields = fields_of(kind)
    texts = [field for field in fields if isinstance(field, PrefixedBytes)]
    if texts:
        ways.append((20, _one_of([_length_way(field) for field in texts])))
    if names := [field for field in texts if field.prefix_size == 1]:
        ways.append((18, _one_of([_name_way(field) for field in names])))
    if numbers := [_number_way(label, size) for label, size in _numbers(fields)]:
        ways.append((14, _one_of(numbers)))
    if secrets := [_secret_way(field) for field in fields if isinstance(field, FixedBytes)]:
        ways.append((12, _one_of(secrets)))
    if labels := _labels(fields):
        ways.append((10, _one_of([_field_way(label) for label in labels])))
    if not in_step:
        ways.append((10, _header))
    return Table(*ways)


def _numbers(fields: tuple[Field, ...]) -> list[tuple[str, int]]:
    integers_alone = [(field.name, field.size) for field in fields if isinstance(field, UInt)]
    return integers_alone + [(field.count_name, field.count_size) for field in fields if isinstance(field, Group)]


def _labels(fields: tuple[Field, ...]) -> list[str]:
    labels: list[str] = []
    for field in fields:
        if isinstance(field, PrefixedBytes):
            labels += (field.prefix_name, field.name)
        else:
            labels.append(field.count_name if isinstance(field, Group) else field.name)
    return labels


def _one_of(ways: list[Way]) -> Way:
    return ways[0] if len(ways) == 1 else lambda dice, frame: dice.one(ways)(dice, frame)


def _listed(choices: tuple[Edits, ...]) -> Way:
    return lambda dice, frame: dice.one(choices)


def _name_way(field: PrefixedBytes) -> Way:
    table = name_edits(field.prefix_name, field.name, NAME_SIZE)
    return lambda dice, frame: dice.one(dice.pick(table))


def _length_way(field: PrefixedBytes) -> Way:
    prefix, most = field.prefix_name, 256**field.prefix_size - 1
    near: list[Edits] = [(Edit(prefix, "add", more),) for more in (1, -1, 1, -1, 2, -2, 10, 64)]
    near += [(Edit(prefix, "flip", 0x80),), (Edit(prefix, "set", 0),), (Edit(prefix, "set", most),)] * 2
    edges: list[Edits] = [(Edit(prefix, "set", number),) for number in integers(field.prefix_size)]
    table = Table((60, near), (30, edges))

    def way(dice: Dice, frame: Frame) -> Edits:
        if dice.chance(10):
            return (Edit(prefix, "set", size_of(frame.values.get(field.name)) // 2),)
        return dice.one(dice.pick(table))

    return way


def _number_way(label: str, size: int) -> Way:
    if size == 1:
        return lambda dice, frame: (Edit(label, "set", dice.below(256)),)
    return _listed(tuple((Edit(label, "set", number),) for number in integers(size)))


def _secret_way(field: FixedBytes) -> Way:
    """A signature has two halves, of which the second is a number; a key is a point."""
    label, size = field.name, field.size
    firsts = (*SMALL_ORDER, *_NO_POINTS)
    points: list[Edits] = [(Edit(label, "replace", hex=(first + bytes(size - 32)).hex()),) for first in firsts]
    points.append((Edit(label, "replace", hex=b"\xff".hex() * size),))
    if size > 32:
        points += [(Edit(label, "malleate"),)] * 8

    def way(dice: Dice, frame: Frame) -> Edits:
        if dice.chance(50):
            return dice.one(points)
        return (Edit(label, "flip", 1 << dice.below(8), at=dice.one((0, 31, 32, size - 1, dice.below(size)))),)

    return way


def _field_way(label: str) -> Way:
    fixed: list[Edits] = [
        (Edit(label, "swap"),),
        (Edit(label, "drop"),),
        (Edit(label, "repeat", 2),),
        (Edit(label, "cut", 0),),
        (Edit(label, "cut", 1),),
        (Edit(label, "cut", 31),),
        (Edit(label, "grow", hex="00"),),
    ]

    def way(dice: Dice, frame: Frame) -> Edits:
        if dice.chance(20):
            return (Edit(label, "grow", hex=dice.octets(1 + dice.below(8)).hex()),)
        if dice.chance(10):
            return (Edit(label, "repeat", 100 if size_of(frame.values.get(label)) < 300 else 2),)
        return dice.one(fixed)

    return way


def _cut(dice: Dice, frame: Frame) -> Edits:
    size = frame_size(frame) - HEADER_SIZE
    left = dice.one((0, 1, size - 1, size // 2, dice.below(size + 1)))
    return (Edit("payload", "cut", max(left, 0)),)


_MORE: Final = Table(
    (60, (1, 1, 2, 4, 5)), (30, (13, 32, 64, 255, 256)), (8, (1024, 4096)), (1, (65535, CLIENT_PAYLOAD_LIMIT))
)


def _trailing(dice: Dice, frame: Frame) -> Edits:
    """Zeros, bytes of any value, or a whole frame; so many that the payload ends where a buffer may, or some."""
    count = dice.one(dice.pick(_MORE))
    if dice.chance(25):
        count = max(dice.one(PAYLOAD_SIZES) - frame_size(frame) + HEADER_SIZE, 1)
    more = dice.one(("00", "ff", "41", "0000000005")) * count if count > 5 else dice.octets(count).hex()
    return (Edit("payload", "grow", hex=more[: 2 * count]),)


def _type(dice: Dice, frame: Frame) -> Edits:
    return (Edit("type", "set", dice.one(dice.pick(_KINDS))),)


_HEADERS: Final[tuple[Edits, ...]] = (
    *((Edit("length", "add", more),) for more in (1, -1, 1, -1, 2, -2, 5, -5, 256)),
    (Edit("length", "flip", 0x80),),
    (Edit("length", "flip", 0x01),),
    (Edit("length", "flip", 0x01, at=1),),
    *(
        (Edit("length", "set", number),)
        for number in (0, 1, 4, CLIENT_PAYLOAD_LIMIT - 1, CLIENT_PAYLOAD_LIMIT, CLIENT_PAYLOAD_LIMIT + 1, PAYLOAD_LIMIT)
    ),
    *((Edit("length", "set", number),) for number in integers(4)),
    *((Edit("length", "set", 2**bits),) for bits in (12, 16, 20, 24, 28, 30)),
    (Edit("length", "cut", 2),),
    (Edit("length", "drop"),),
    (Edit("length", "swap"),),
    (Edit("type", "drop"),),
    (Edit("type", "repeat", 2),),
)


def _header(dice: Dice, frame: Frame) -> Edits:
    if dice.chance(10):
        return (Edit("length", "set", (frame_size(frame) - HEADER_SIZE) // 2),)
    return dice.one(_HEADERS)
