"""From a frame of a script to bytes, as `cchatspec.fuzz.encode` does it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from cchatspec.fuzz.standalone.signing import GROUP_ORDER, public_key, sign


def number_bytes(number: int, size: int) -> bytes:
    """A number as so many bytes, modulo their range."""
    return (number & ((1 << 8 * size) - 1)).to_bytes(size, "big")


class User:
    """Somebody with a name and a key."""

    def __init__(self) -> None:
        self.name = os.urandom(6).hex().encode()
        self.seed = os.urandom(32)
        self.key = public_key(self.seed)


class Cast:
    """Who plays the users of a script, and the challenges that came on each connection."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.bodies: dict[int, bytes] = {}
        self.challenges: dict[int, list[bytes]] = {}

    def user(self, letter: str) -> User:
        """Who plays a user."""
        if letter not in self.users:
            self.users[letter] = User()
        return self.users[letter]

    def body(self, number: int, size: int) -> bytes:
        """A body that no other is like."""
        mark = self.bodies.setdefault(number, os.urandom(16))
        return mark[16 - size :] if size < 16 else mark + (bytes(range(256)) * 257)[: size - 16]

    def value(self, value: Any, connection: int) -> bytes:
        """The bytes that a value of a script stands for."""
        kind = value["is"]
        if kind == "name":
            return self.user(value["user"]).name
        if kind == "key":
            return self.user(value["user"]).key
        if kind == "bytes":
            return bytes(bytes.fromhex(value["hex"]) * value.get("times", 1))
        if kind == "body":
            return self.body(value["number"], value.get("size", 16))
        there = value.get("connection")
        came = self.challenges.get(connection if there is None else there, [])
        age = value.get("age", 0)
        return sign(self.user(value["user"]).seed, came[-1 - age] if 0 <= age < len(came) else bytes(32))

    def words(self) -> dict[bytes, str]:
        """What to call the names and keys that come back."""
        known = {}
        for letter, user in self.users.items():
            is_ours = letter != "resident"
            known[user.name] = "name of " + letter if is_ours else "somebody else"
            known[user.key] = "key of " + letter if is_ours else "somebody else's key"
        return known


def encode(frame: Any, layouts: Any, value_of: Callable[[Any], bytes]) -> bytes:
    """The bytes of a frame of a script, edits and all."""
    labels, parts = ["length", "type"], [b"", bytes([frame["kind"]])]
    values = frame.get("values", {})
    layout = layouts.get(frame["kind"])
    if layout is None:
        labels.append("payload")
        parts.append(value_of(values["payload"]) if "payload" in values else b"")
    else:
        _fill(layout["fields"], "", values, value_of, labels, parts)
    edits = frame.get("edits", ())
    for edit in edits:
        if edit["field"] == "payload":
            _edit_payload(labels, parts, edit)
        elif edit["field"] != "length" and edit["field"] in labels:
            _edit_field(labels, parts, labels.index(edit["field"]), edit)
    size = sum(len(part) for label, part in zip(labels, parts) if label not in ("length", "type"))
    parts[0] = number_bytes(size, 4)
    for edit in edits:
        if edit["field"] == "length" and "length" in labels:
            _edit_field(labels, parts, labels.index("length"), edit)
    return b"".join(parts)


def _fill(
    fields: Any, scope: str, values: Any, value_of: Callable[[Any], bytes], labels: list[str], parts: list[bytes]
) -> None:
    for field in fields:
        label, condition = scope + field["name"], field["condition"]
        if condition and values.get(condition["field"], 0) != condition["equals"]:
            continue
        value = values.get(label)
        if field["kind"] == "counted group":
            count = 0
            while any(f"{field['name']}.{count}.{one['name']}" in values for one in field["fields"]):
                count += 1
            labels.append(scope + field["count_name"])
            parts.append(number_bytes(count, field["count_size"]))
            for at in range(count):
                _fill(field["fields"], f"{label}.{at}.", values, value_of, labels, parts)
        elif field["kind"] == "uint":
            labels.append(label)
            parts.append(number_bytes(value or 0, field["size"]))
        elif field["kind"] == "bytes":
            labels.append(label)
            parts.append(bytes(field["size"]) if value is None else value_of(value))
        else:
            data = b"" if value is None else value_of(value)
            labels += [scope + field["prefix_name"], label]
            parts += [number_bytes(len(data), field["prefix_size"]), data]


def _edited(part: bytes, edit: Any) -> bytes:
    kind: str = edit["kind"]
    number: int = edit.get("number", 0)
    if kind == "set":
        return number_bytes(number, len(part))
    if kind == "add":
        return number_bytes(int.from_bytes(part, "big") + number, len(part))
    if kind == "flip":
        at = edit.get("at", 0)
        return part[:at] + bytes([part[at] ^ number & 0xFF]) + part[at + 1 :] if 0 <= at < len(part) else part
    if kind == "cut":
        return part[: max(number, 0)]
    if kind == "grow":
        return part + bytes.fromhex(edit.get("hex", ""))
    if kind == "replace":
        return bytes.fromhex(edit.get("hex", ""))
    if kind == "repeat":
        return part * number
    start = max(len(part) - 32, 0)
    more = int.from_bytes(part[start:], "little") + GROUP_ORDER
    return part[:start] + number_bytes(more, len(part) - start)[::-1]


def _edit_field(labels: list[str], parts: list[bytes], at: int, edit: Any) -> None:
    if edit["kind"] == "drop":
        del labels[at], parts[at]
    elif edit["kind"] == "swap":
        labels[at : at + 2] = labels[at : at + 2][::-1]
        parts[at : at + 2] = parts[at : at + 2][::-1]
    else:
        parts[at] = _edited(parts[at], edit)


def _edit_payload(labels: list[str], parts: list[bytes], edit: Any) -> None:
    start = labels.index("type") + 1 if "type" in labels else 1
    kind = edit["kind"]
    if kind == "grow":
        labels.append("payload")
        parts.append(bytes.fromhex(edit.get("hex", "")))
    elif kind == "drop":
        del labels[start:], parts[start:]
    elif kind == "repeat":
        labels[start:] = labels[start:] * edit.get("number", 0)
        parts[start:] = parts[start:] * edit.get("number", 0)
    elif kind in ("cut", "flip"):
        _edit_within(labels, parts, start, edit)
    elif kind != "swap":
        parts[start:] = [_edited(b"".join(parts[start:]), edit)]
        labels[start:] = ["payload"]


def _edit_within(labels: list[str], parts: list[bytes], start: int, edit: Any) -> None:
    """Cut the payload, or flip bits in it, at the part in which the place is."""
    is_cut = edit["kind"] == "cut"
    place = edit.get("number" if is_cut else "at", 0)
    for at in range(start, len(parts)):
        if len(parts[at]) > place:
            if is_cut:
                parts[at] = parts[at][: max(place, 0)]
                del labels[at + 1 :], parts[at + 1 :]
            elif place >= 0:
                parts[at] = _edited(parts[at], {"kind": "flip", "at": place, "number": edit.get("number", 0)})
            return
        place -= len(parts[at])
