"""What the server says about itself to who runs it: lines with a level, an event and fields.

Nothing secret comes here: no keys, challenges, signatures or bodies. Names come from the wire and are escaped, so that nobody can
write a line of their own into the log or send commands to the terminal that shows it.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from cchatspec.reference.effects import Level

FORMATS: Final = ("console", "json")
LEVELS: Final = ("debug", "info", "warning", "error")

#: Takes a level, an event and its fields.
Sink = Callable[..., Any]


def escaped(name: bytes) -> str:
    """A name in printable ASCII."""
    return repr(name)[2:-1]


class Journal:
    """Where events go, from a level on; without a sink, nowhere.

    Args:
        sink: called with level, event and fields, which are keyword arguments.
        level: events below it are passed over.
    """

    def __init__(self, sink: Sink | None = None, level: Level = Level.INFO) -> None:
        self._sink = sink
        #: What is below this level goes nowhere.
        self.level: int = level if sink else Level.WARNING + 1

    def note(self, level: Level, event: str, *, name: bytes | None = None, **fields: object) -> None:
        """Says what happened; fields that are empty are left out."""
        if level < self.level or self._sink is None:
            return
        said = {key: value for key, value in fields.items() if value not in ("", None)}
        if name is not None:
            said["name"] = escaped(name)
        self._sink(level, event, **said)


class _Lines(logging.Formatter):
    """Lines for people: when, how much it matters, what, and the fields; a value that is more than a word stands in quotes."""

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{key}={self._shown(value)}" for key, value in vars(record)["fields"].items())
        return f"{_timestamp(record)} {record.levelname.lower():<8} {record.getMessage():<24} {fields}".rstrip()

    @staticmethod
    def _shown(value: object) -> str:
        text = str(value)
        return text if text.isascii() and text.isprintable() and " " not in text else ascii(text)


class _Objects(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        said = {"timestamp": _timestamp(record), "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps(said | vars(record)["fields"], default=str)


def _timestamp(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")


def structured(form: str, level: str) -> Journal:
    """A journal on standard error, as lines for people ("console") or as JSON, one object a line."""
    number = getattr(logging, level.upper())
    logger = logging.Logger("cchatspec", number)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Objects() if form == "json" else _Lines())
    logger.addHandler(handler)

    def say(level: int, event: str, **fields: object) -> None:
        logger.log(level, event, extra={"fields": fields})

    return Journal(say, number)
