"""What the server says about itself to who runs it: lines with a level, an event and fields.

Nothing secret comes here: no keys, challenges, signatures or bodies. Names come from the wire and are escaped, so that nobody can
write a line of their own into the log or send commands to the terminal that shows it.
"""

from __future__ import annotations

from collections.abc import Callable
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
        sink: called with level, event and fields, such as the `log` method of a structlog logger.
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


def structured(form: str, level: str) -> Journal:
    """A journal on standard error, as lines for people ("console") or as JSON, one object a line."""
    import logging
    import sys

    import structlog

    number = getattr(logging, level.upper())
    last: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    logger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper("iso", utc=True), last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
    )
    return Journal(logger.log, number)
