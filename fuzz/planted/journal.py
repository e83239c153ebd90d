"""What outlives the server: a file to which registrations and queued messages are appended, and that is read at the start."""

from __future__ import annotations

import os
from collections.abc import Iterator
from struct import Struct

_HEAD = Struct(">cI")


class Journal:
    """A file of records, each a letter and some fields; without a path nothing is kept."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600) if path else -1

    def write(self, letter: bytes, *fields: bytes) -> None:
        """Append a record; it outlives the process from now on."""
        if self._file >= 0:
            data = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
            os.write(self._file, _HEAD.pack(letter, len(data)) + data)

    def read(self) -> Iterator[tuple[bytes, list[bytes]]]:
        """All records, up to one that was cut by a crash."""
        if self._file < 0:
            return
        with os.fdopen(os.dup(self._file), "rb") as source:
            source.seek(0)
            while len(head := source.read(_HEAD.size)) == _HEAD.size:
                letter, size = _HEAD.unpack(head)
                data = source.read(size)
                if len(data) < size:
                    return
                yield letter, _fields(data)


def _fields(data: bytes) -> list[bytes]:
    fields, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        fields.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return fields
