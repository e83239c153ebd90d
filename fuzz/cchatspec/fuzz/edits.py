"""What the edits of a frame do to it: a list of parts, each with the label of its field, that is changed in place.

The first part is the header's length and the second its type; the payload is what follows. An edit whose field is not there, or
whose place is beyond its end, does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cchatspec.fuzz.script import Edit, ScriptError

#: The labels of the header, and of the payload as a whole.
LENGTH: Final = "length"
TYPE: Final = "type"
PAYLOAD: Final = "payload"

#: No field gets longer than this, in bytes, whatever is done to it; a script that asks for more is refused.
LARGEST_FIELD: Final = 2**20

LENGTH_SIZE: Final = 4

#: The order of Ed25519's group: a signature whose second half is larger by this signs the same to a careless verifier.
GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493


def apply(edits: tuple[Edit, ...], labels: list[str], parts: list[bytes]) -> None:
    """Apply edits in place, those to `length` last, and make the length right if there are none.

    Raises:
        ScriptError: an edit has no hexadecimal digits where it needs them, or makes a field too long.
    """
    last = []
    for edit in edits:
        if edit.field == LENGTH:
            last.append(edit)
        elif edit.field == PAYLOAD:
            _edit_payload(labels, parts, edit)
        elif edit.field in labels:
            _edit_field(labels, parts, labels.index(edit.field), edit)
    size = sum(map(len, parts)) - len(parts[0])
    if TYPE in labels:
        size -= len(parts[labels.index(TYPE)])
    parts[0] = size.to_bytes(LENGTH_SIZE)
    for edit in last:
        if LENGTH in labels:
            _edit_field(labels, parts, labels.index(LENGTH), edit)


def _edit_field(labels: list[str], parts: list[bytes], at: int, edit: Edit) -> None:
    if edit.kind == "drop":
        del labels[at], parts[at]
    elif edit.kind == "swap":
        labels[at : at + 2] = reversed(labels[at : at + 2])
        parts[at : at + 2] = reversed(parts[at : at + 2])
    else:
        parts[at] = _CHANGES[edit.kind](parts[at], edit)


def _edit_payload(labels: list[str], parts: list[bytes], edit: Edit) -> None:
    """Edit what follows the type. The fields keep their labels where their bytes stay."""
    start = labels.index(TYPE) + 1 if TYPE in labels else 1
    match edit.kind:
        case "grow":
            labels.append(PAYLOAD)
            parts.append(unhex(edit.hex, PAYLOAD))
        case "cut":
            _cut_payload(labels, parts, start, edit.number)
        case "drop":
            del labels[start:], parts[start:]
        case "repeat":
            _sized(sum(map(len, parts[start:])), edit)
            labels[start:] = labels[start:] * edit.number
            parts[start:] = parts[start:] * edit.number
        case "flip":
            _flip_payload(parts, start, edit)
        case "set" | "add" | "replace" | "malleate":
            whole = _CHANGES[edit.kind](b"".join(parts[start:]), edit)
            labels[start:], parts[start:] = [PAYLOAD], [whole]
        case "swap":
            pass  # nothing follows


def _cut_payload(labels: list[str], parts: list[bytes], start: int, left: int) -> None:
    for at in range(start, len(parts)):
        if len(parts[at]) > left:
            parts[at] = parts[at][: max(left, 0)]
            del labels[at + 1 :], parts[at + 1 :]
            return
        left -= len(parts[at])


def _flip_payload(parts: list[bytes], start: int, edit: Edit) -> None:
    place = edit.at
    for at in range(start, len(parts)):
        if 0 <= place < len(parts[at]):
            parts[at] = _flipped(parts[at], place, edit.number)
            return
        place -= len(parts[at])


def _set(part: bytes, edit: Edit) -> bytes:
    return _number(edit.number, len(part))


def _add(part: bytes, edit: Edit) -> bytes:
    return _number(int.from_bytes(part, "big") + edit.number, len(part))


def _number(number: int, size: int) -> bytes:
    return (number & (1 << 8 * size) - 1).to_bytes(size, "big")


def _flip(part: bytes, edit: Edit) -> bytes:
    return _flipped(part, edit.at, edit.number) if 0 <= edit.at < len(part) else part


def _flipped(part: bytes, at: int, bits: int) -> bytes:
    return part[:at] + bytes([part[at] ^ bits & 0xFF]) + part[at + 1 :]


def _cut(part: bytes, edit: Edit) -> bytes:
    return part[: max(edit.number, 0)]


def _grow(part: bytes, edit: Edit) -> bytes:
    return part + unhex(edit.hex, edit.field)


def _replace(part: bytes, edit: Edit) -> bytes:
    return unhex(edit.hex, edit.field)


def _repeat(part: bytes, edit: Edit) -> bytes:
    _sized(len(part), edit)
    return part * edit.number


def _malleate(part: bytes, edit: Edit) -> bytes:
    start = max(len(part) - 32, 0)
    more = int.from_bytes(part[start:], "little") + GROUP_ORDER
    return part[:start] + _number(more, len(part) - start)[::-1]


def _sized(size: int, edit: Edit) -> None:
    if not 0 <= size * edit.number <= LARGEST_FIELD or edit.number > LARGEST_FIELD:
        raise ScriptError(f"{edit.field}: expected at most {LARGEST_FIELD} bytes, not {size} bytes {edit.number} times")


_CHANGES: Final[dict[str, Callable[[bytes, Edit], bytes]]] = {
    "set": _set,
    "add": _add,
    "flip": _flip,
    "cut": _cut,
    "grow": _grow,
    "replace": _replace,
    "repeat": _repeat,
    "malleate": _malleate,
}


def unhex(text: str, label: str) -> bytes:
    """The bytes that hexadecimal digits stand for.

    Raises:
        ScriptError: they are none; it names the field.
    """
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ScriptError(f"{label}: expected hexadecimal digits, not {text[:40]!r}") from None
