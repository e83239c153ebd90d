"""How many connections more a target takes. Open point connection-limit.

A connection that is one too many is ended at once or after an ERROR, whatever was sent on it, so it must not be taken for the
answer to a request. That is found out by opening more of them, until one is not served or there are as many as anybody needs.
"""

from __future__ import annotations

from typing import Final

from cchatspec.fuzz.line import Journal, Line, Setting
from cchatspec.spec import RegisterUser, build

#: More connections at a time than the fuzzer opens by itself.
MOST: Final = 48

_NUMBER: Final = -6


def room(setting: Setting) -> int | None:
    """How many connections more are served now; None if that is as many as anybody needs."""
    lines: list[Line] = []
    try:
        for count in range(MOST):
            lines.append(Line(setting, _NUMBER, Journal()))
            if not _is_served(lines[-1]):
                return count
        return None
    finally:
        for line in lines:
            line.close()
            setting.model.forget(line.tracker)


def _is_served(line: Line) -> bool:
    """Whether a request is answered on a connection, and not by ERROR alone; nobody is accused of what comes."""
    tracker = line.tracker
    tracker.give_up()
    line.queue(build(RegisterUser(*line.setting.resident)))
    line.flush()
    line.wait(until=lambda: tracker.has_answered or tracker.ended)
    return tracker.has_answered and not tracker.said_error
