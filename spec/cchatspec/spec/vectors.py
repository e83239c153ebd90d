"""Test vectors as data, for implementations in any language: right and wrong frames, and a login with its keys.

Right frames are built from the layouts at the sizes where codecs go wrong; wrong ones are right ones with one thing spoiled, and
say at which field a strict reader stops. All of it follows from PROTOCOL.md and from fixed bytes, so that the file is always
the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from nacl.signing import SigningKey

from cchatspec.spec.framing import HEADER_SIZE, frame_bytes
from cchatspec.spec.generated.messages import ENTRIES, MESSAGES, MessageType
from cchatspec.spec.interpretive import build_by_construct, dissect
from cchatspec.spec.message import Message
from cchatspec.spec.model import Document, Field, FixedBytes, Group, MessageLayout, PrefixedBytes, UInt

_SCHEMA = "cchatspec-vectors/1"


def vectors_text(document: Document) -> str:
    """The vectors of all messages as JSON."""
    vectors = {
        "schema": _SCHEMA,
        "frames": [vector for layout in document.layouts.messages for vector in _frames(layout)],
        "login": _login(),
    }
    return json.dumps(vectors, indent=1) + "\n"


def _frames(layout: MessageLayout) -> Iterator[dict[str, Any]]:
    seen: set[bytes] = set()
    for name, message in _messages(layout):
        frame = build_by_construct(message)
        if frame not in seen:
            seen.add(frame)
            yield {
                "message": layout.name,
                "name": name,
                "valid": True,
                "frame": frame.hex(),
                "fields": _fields(message),
            }
    for name, payload in _spoiled(layout, frame[HEADER_SIZE:]):
        error = dissect(layout.code, payload).error
        if error is not None:
            data = frame_bytes(layout.code, payload)
            where = {"path": error.path, "offset": error.offset}
            yield {"message": layout.name, "name": name, "valid": False, "frame": data.hex(), "stops_at": where}


def _messages(layout: MessageLayout) -> Iterator[tuple[str, Message]]:
    """The smallest, an ordinary and the largest message, one for each named value."""
    sizes = {"smallest": 0, "ordinary": 5, "longest-name": 255}
    for name, size in sizes.items():
        yield name, _message(layout, size, {})
    for field in layout.fields:
        for number, label in field.values if isinstance(field, UInt) else ():
            yield f"{field.name}-{label.replace(' ', '-')}", _message(layout, 5, {field.name: number})


def _message(layout: MessageLayout, size: int, fixed: dict[str, int]) -> Message:
    values: dict[str, Any] = {}
    for field in layout.fields:
        met = field.condition is None or values[field.condition.field] == field.condition.value
        values[field.name] = fixed.get(field.name, _value(field, size, layout)) if met else None
    return MESSAGES[layout.code](**values)


def _value(field: Field, size: int, layout: MessageLayout) -> Any:
    match field:
        case UInt(values=values, size=width):
            return values[-1][0] if values else min(7 * 256 ** (width - 1), 256**width - 1)
        case FixedBytes(size=width):
            return _bytes(field.name, width)
        case PrefixedBytes():
            return b"alice"[:size] if size <= len(b"alice") else b"n" * size
        case Group():
            entry = ENTRIES[MESSAGES[layout.code]][field.name]
            return tuple(
                entry(**{inner.name: _value(inner, size, layout) for inner in field.fields})
                for _ in range(min(size, 3))
            )


def _bytes(label: str, size: int) -> bytes:
    """Bytes that look like nothing, and are the same each time."""
    return hashlib.shake_128(label.encode()).digest(size)


def _spoiled(layout: MessageLayout, payload: bytes) -> Iterator[tuple[str, bytes]]:
    """A right payload with one thing wrong; what turns out right again is left out by the caller."""
    yield "nothing", b""
    yield "cut-by-one", payload[:-1]
    yield "one-too-many", payload + b"\x00"
    yield "first-byte-ff", b"\xff" + payload[1:]
    yield "last-byte-ff", payload[:-1] + b"\xff"


def _fields(message: Message) -> dict[str, Any]:
    return {name: _plain(getattr(message, name)) for name in message.__struct_fields__}


def _plain(value: Any) -> Any:
    """Bytes in hex, entries as objects; an absent field is null."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, tuple):
        return [{name: _plain(getattr(entry, name)) for name in entry.__struct_fields__} for entry in value]
    return value


def _login() -> dict[str, Any]:
    """One login, from the seed of the key to the proof."""
    seed, challenge = _bytes("seed", 32), _bytes("challenge", 32)
    key = SigningKey(seed)
    return {
        "seed": seed.hex(),
        "public_key": bytes(key.verify_key).hex(),
        "challenge": challenge.hex(),
        "signature": key.sign(challenge).signature.hex(),
        "ask": _login_frame(bytes(64)),
        "prove": _login_frame(key.sign(challenge).signature),
    }


def _login_frame(signature: bytes) -> str:
    return build_by_construct(MESSAGES[MessageType.LOGIN_USER](b"alice", signature)).hex()
