"""Crowds: more of something than a number of one byte counts.

Nothing is wrong in these either. Counters that wrap, tables that are full and slots that are taken twice show in a script that
does the same some 300 times, and chance makes few of those. There are not many, and each takes no longer than a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cchatspec.fuzz import frames
from cchatspec.fuzz.dice import Dice
from cchatspec.fuzz.draft import KNOWN, UNKNOWN, Draft, Line
from cchatspec.fuzz.frames import edited
from cchatspec.fuzz.script import NAME_SIZE, Close, Edit, Script
from cchatspec.fuzz.users import MARK_SIZE

#: So often that a number of one byte has wrapped, and exactly so often that it stands at nothing.
_MANY: Final = 270
_WRAPPED: Final = 256

#: So many sessions come one after the other, and so many connections are open at once: more than a small table holds.
_SESSIONS: Final = 80
_OPEN: Final = 120

#: So many names of some 255 bytes are more than a page of memory holds.
_LONG_NAMES: Final = 20

#: So many bytes, in messages of that size, are more than the buffers on both sides of a connection take.
_FLOOD: Final = 5_000_000
_LARGE: Final = 1 << 14

#: Messages are as short as can be told apart.
_SIZE: Final = MARK_SIZE

_FIRST, _SECOND = KNOWN[:2]


def crowds(dice: Dice) -> list[Script]:
    """One script of each."""
    return [made(dice).script() for made in _CROWDS]


def _inside(dice: Dice) -> tuple[Draft, Line]:
    """A user who is logged in, and another who is only registered."""
    draft = Draft(dice, 2)
    draft.patient, draft.cut = False, 0
    line = draft.connect()
    draft.login(line, _FIRST)
    return draft, line


def _write(draft: Draft, line: Line, count: int) -> None:
    draft.add(line, *[frames.send(_SECOND, draft.body(_SIZE)) for _ in range(count)])


def _queued(dice: Dice, count: int = _MANY) -> Draft:
    """Messages for somebody who is not there, who then comes and asks for them."""
    draft, line = _inside(dice)
    _write(draft, line, count)
    second = draft.connect()
    draft.login(second, _SECOND)
    draft.add(second, frames.POLL)
    return draft


def _queued_to_nothing(dice: Dice) -> Draft:
    return _queued(dice, _WRAPPED)


def _pushed(dice: Dice) -> Draft:
    """Messages for somebody who is there, and a request of theirs."""
    draft, line = _inside(dice)
    second = draft.connect()
    draft.login(second, _SECOND)
    _write(draft, line, _MANY)
    draft.add(second, frames.POLL)
    return draft


def flood(dice: Dice) -> Script:
    """More messages than buffers hold for somebody who does not read, and then reads on.

    What shows in this shows in no small script, so whatever else does had better be found before.
    """
    draft, line = _inside(dice)
    second = draft.connect()
    draft.login(second, _SECOND)
    draft.stall(second)
    draft.add(line, *[frames.send(_SECOND, draft.body(_LARGE)) for _ in range(_FLOOD // _LARGE)])
    draft.fence(line)
    draft.resume(second)
    draft.add(second, frames.POLL)
    return draft.script()


def _asked(dice: Dice) -> Draft:
    """Requests of one session."""
    draft, line = _inside(dice)
    draft.add(line, *[frames.get_key(_SECOND)] * _MANY, frames.LIST)
    return draft


def _visited(dice: Dice) -> Draft:
    """Connections that come and go, while a session goes on."""
    draft, line = _inside(dice)
    for _ in range(_MANY):
        draft.end(draft.connect(), Close)
    draft.add(line, frames.get_key(_SECOND))
    _write(draft, line, 1)
    return draft


def _came_back(dice: Dice) -> Draft:
    """Sessions of one user that end without LOGOUT, one after the other."""
    draft, _ = _inside(dice)
    for _ in range(_SESSIONS):
        line = draft.connect()
        draft.login(line, _SECOND)
        draft.end(line, Close)
    draft.login(draft.connect(), _SECOND)
    return draft


def _at_once(dice: Dice) -> Draft:
    """Many connections that are open at the same time."""
    draft, line = _inside(dice)
    others = [draft.connect() for _ in range(_OPEN)]
    draft.add(others[-1], frames.ask(_SECOND))
    draft.add(line, frames.get_key(_SECOND))
    return draft


def _long_named(dice: Dice) -> Draft:
    """Users with the longest names, and a list of all of them."""
    draft, line = _inside(dice)
    for shorter in range(_LONG_NAMES):
        size = 255 - NAME_SIZE - shorter
        grown = Edit("username", "grow", hex="61" * size), Edit("username_length", "add", size)
        draft.add(line, edited(frames.register(UNKNOWN[0]), *grown))
    draft.add(line, frames.LIST)
    return draft


_CROWDS: Final[tuple[Callable[[Dice], Draft], ...]] = (
    _long_named,
    _at_once,
    _came_back,
    _queued,
    _queued_to_nothing,
    _pushed,
    _asked,
    _visited,
)
