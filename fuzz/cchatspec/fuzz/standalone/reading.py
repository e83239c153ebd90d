"""What came, in words that are the same each time: names, keys and bodies are called by whose they are, ids by their order."""

from __future__ import annotations

import time
from typing import Any

DAY_S = 86_400
STATUS_UPDATE = 0x87


class Unreadable(Exception):
    """A payload is not what its layout says."""


class Words:
    """Puts frames into words.

    Args:
        layouts: the layouts by message type.
        known: what to call bytes that are known.
    """

    def __init__(self, layouts: Any, known: dict[bytes, str]) -> None:
        self.layouts = layouts
        self.known = known
        self.ids: dict[int, int] = {}

    def frame(self, data: bytes) -> str | None:
        """A whole frame in words; None if it tells of somebody who has no part in this."""
        if int.from_bytes(data[:4], "big") != len(data) - 5:
            return "bytes that no frame begins with"
        kind, payload = data[4], data[5:]
        layout = self.layouts.get(kind)
        if layout is None or layout["direction"] != "server-to-client":
            return f"type 0x{kind:02x}, which no server sends"
        try:
            values = self._payload(layout["fields"], payload)
        except Unreadable as problem:
            return "{} that cannot be read: {}".format(layout["name"], problem)
        if kind == STATUS_UPDATE and not values[0].startswith("username=name of "):
            return None
        return " ".join([layout["name"], *[value for value in values if value]])

    def _payload(self, fields: Any, payload: bytes) -> list[str]:
        values, at = self._fields(fields, payload, 0)
        if at < len(payload):
            raise Unreadable(f"{len(payload) - at} bytes too many")
        return values

    def _fields(self, fields: Any, payload: bytes, at: int) -> tuple[list[str], int]:
        found: list[str] = []
        numbers: dict[str, int] = {}
        for field in fields:
            condition = field["condition"]
            if condition and numbers.get(condition["field"]) != condition["equals"]:
                continue
            if field["kind"] == "counted group":
                text, at = self._group(field, payload, at)
            elif field["kind"] == "uint":
                data, at = _taken(payload, at, field["size"], field["name"])
                numbers[field["name"]] = int.from_bytes(data, "big")
                text = self._number(field, numbers[field["name"]])
            else:
                size = field.get("size")
                if size is None:
                    data, at = _taken(payload, at, field["prefix_size"], field["prefix_name"])
                    size = int.from_bytes(data, "big")
                data, at = _taken(payload, at, size, field["name"])
                text = self._bytes(field["name"], data)
            found.append(text)
        return found, at

    def _group(self, field: Any, payload: bytes, at: int) -> tuple[str, int]:
        """The entries that tell of somebody who has a part in this, in the order of their names."""
        data, at = _taken(payload, at, field["count_size"], field["count_name"])
        entries = []
        for _ in range(int.from_bytes(data, "big")):
            values, at = self._fields(field["fields"], payload, at)
            entries.append(" ".join(values))
        return "{}=[{}]".format(field["name"], ", ".join(sorted(one for one in entries if "=name of " in one))), at

    def _number(self, field: Any, value: int) -> str:
        name = field["name"]
        if name == "message_id":
            return f"{name}=#{self.ids.setdefault(value, len(self.ids) + 1)}"
        if name == "timestamp" and abs(value - time.time()) < DAY_S:
            return "timestamp=today"
        if field["values"] and str(value) not in field["values"]:
            raise Unreadable(f"{name} is {value}")
        return f"{name}={value}"

    def _bytes(self, name: str, data: bytes) -> str:
        if name == "error_message":
            return ""
        if name == "challenge":
            return "challenge=..."
        if data in self.known:
            return f"{name}={self.known[data]}"
        return f"{name}={len(data)} other bytes"


def _taken(payload: bytes, at: int, size: int, name: str) -> tuple[bytes, int]:
    if at + size > len(payload):
        raise Unreadable(f"{name} ends after {max(len(payload) - at, 0)} of {size} bytes")
    return payload[at : at + size], at + size


def frames_of(data: bytes, limit: int) -> tuple[list[bytes], bytes]:
    """The whole frames in a stream, and what is left; a frame longer than the limit is none, and is as long as what there is."""
    found = []
    while len(data) >= 5:
        end = 5 + int.from_bytes(data[:4], "big")
        end = len(data) if end > 5 + limit else end
        if end > len(data):
            break
        found.append(data[:end])
        data = data[end:]
    return found, data
