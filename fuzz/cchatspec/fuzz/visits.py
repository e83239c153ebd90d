"""First visits: a user who registers, logs in, and then makes every request directly behind every other one.

Nothing is wrong in these. They are few and short, and show early what a server does where no step is out of order, so that there
is something to change; and what only comes about behind some other request shows in them, if two requests are all that it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Final

from cchatspec.fuzz import frames
from cchatspec.fuzz.boundaries import LARGE, SMALL
from cchatspec.fuzz.dice import Dice
from cchatspec.fuzz.draft import KNOWN, UNKNOWN, Draft
from cchatspec.fuzz.requests import SURE_SIZE
from cchatspec.fuzz.script import Frame, Script

_OTHER, _SELF = KNOWN[0], UNKNOWN[0]

#: What a SEND_MESSAGE may have beside its body: the header, the longest name, and two lengths.
_BESIDES: Final = 5 + 1 + 255 + 2

#: Bodies with which a request is long, and which every server takes, so that what comes of one has another reason than its size.
_LONG: Final = tuple(size for size in LARGE if size + _BESIDES <= SURE_SIZE)

#: One of each request that a user can make, and two of that whose size says most.
_REQUESTS: Final[tuple[Callable[[Draft], Frame], ...]] = (
    lambda draft: frames.send(_OTHER, draft.body(draft.dice.one(SMALL))),
    lambda draft: frames.send(_OTHER, draft.body(draft.dice.one(_LONG))),
    lambda draft: frames.set_status(1 + draft.dice.below(2)),
    lambda draft: frames.get_key(_OTHER),
    lambda draft: frames.POLL,
    lambda draft: frames.LIST,
    lambda draft: frames.LOGOUT,
)


def visits(dice: Dice) -> list[Script]:
    """All of them, in an order of chance."""
    pairs = [pair for pair in product(_REQUESTS, repeat=2) if pair[0] is not _REQUESTS[-1]]
    made = [_visit(dice, *pair) for pair in pairs]
    return [made.pop(dice.below(len(made))) for _ in range(len(made))]


def _visit(dice: Dice, first: Callable[[Draft], Frame], second: Callable[[Draft], Frame]) -> Script:
    draft = Draft(dice, 1)
    line = draft.connect()
    draft.register(line, _SELF)
    draft.login(line, _SELF)
    draft.add(line, first(draft), second(draft))
    if second is _REQUESTS[-1]:
        line.state = "out"
    return draft.script()
