"""What a client may do: how conversations begin, and the requests of one that is logged in.

How often a conversation begins in which way:

    member    30   a user registered before, who logs in
    arrival   24   a user who is registered and logs in within the script
    fresh     16   a connection on which nothing was said
    pair      14   two users on two connections
    asked      8   a user who has a challenge
    three      4   three users on three connections
    away       4   a user who writes to others who are not there
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cchatspec.fuzz import frames
from cchatspec.fuzz.boundaries import TEXTS
from cchatspec.fuzz.dice import Dice, Table
from cchatspec.fuzz.draft import ENDINGS, UNKNOWN, Draft, Line
from cchatspec.fuzz.script import Bytes, Frame

Opening = Callable[[Dice], Draft]

_ACTS: Final = Table(
    (30, "send"), (20, "set_status"), (15, "get_key"), (13, "poll"), (10, "list"), (6, "register"), (6, "ask")
)


def request(draft: Draft, line: Line) -> Frame:
    """One request that does not depend on a challenge, for any state of the session."""
    dice = draft.dice
    match dice.pick(_ACTS):
        case "send":
            return letter(draft, line)
        case "set_status":
            return frames.set_status(dice.below(3))
        case "get_key":
            return frames.get_key(someone(draft, line))
        case "poll":
            return frames.POLL
        case "list":
            return frames.LIST
        case "register":
            return frames.register(someone(draft, line))
    return frames.ask(someone(draft, line))


def letter(draft: Draft, line: Line, to: str | None = None) -> Frame:
    """A message to a user; now and then its body is made of bytes that mean something to somebody."""
    dice = draft.dice
    to = to or (draft.other(line) if dice.chance(50) else someone(draft, line))
    return frames.send(to, Bytes(dice.one(TEXTS).hex(), dice.one((1, 1, 1, 40))) if dice.chance(6) else draft.body())


def someone(draft: Draft, line: Line) -> str:
    """Oneself, another registered user, or one whom nobody knows."""
    roll = draft.dice.below(100)
    if roll < 40 and line.user:
        return line.user
    return draft.other(line) if roll < 75 else draft.newcomer() if roll < 90 else draft.dice.one(UNKNOWN)


def act(draft: Draft, line: Line) -> None:
    """One request of a client that knows its state: none before the login but for registering and logging in."""
    dice = draft.dice
    if line.state == "in":
        frame = request(draft, line)
        if frame.kind == frames.LOGIN_TYPE:
            frame = frames.POLL
        draft.add(line, frame)
        return
    if line.state == "challenged":
        draft.prove(line)
    elif dice.chance(70):
        draft.login(line, draft.member()) if draft.registered else draft.ask(line, draft.newcomer())
    else:
        draft.register(line, draft.newcomer())


def talk(draft: Draft, count: int) -> None:
    """So many requests, spread over the connections that are logged in, or on one that is not."""
    for _ in range(count):
        inside = draft.inside()
        act(draft, draft.dice.one(inside) if inside else draft.line())


def leave(draft: Draft, line: Line) -> None:
    """End a session in one of the ways that there are."""
    dice = draft.dice
    if dice.chance(40):
        draft.logout(line)
        draft.flush()
        return
    draft.end(line, dice.one(ENDINGS), waits=dice.chance(50))


def _member(dice: Dice) -> Draft:
    draft = Draft(dice, 1 + dice.below(2))
    draft.login(draft.connect(), "a")
    return draft


def _arrival(dice: Dice) -> Draft:
    draft = Draft(dice, dice.below(2))
    line = draft.connect()
    draft.register(line, "e")
    draft.login(line, "e")
    return draft


def _fresh(dice: Dice) -> Draft:
    draft = Draft(dice, 1)
    draft.connect()
    return draft


def _asked(dice: Dice) -> Draft:
    draft = Draft(dice, 1 + dice.below(2))
    draft.ask(draft.connect(), "a")
    return draft


def _several(dice: Dice, count: int) -> Draft:
    draft = Draft(dice, count)
    for user in draft.registered:
        draft.ask(draft.connect(), user)
    for line in draft.lines:
        draft.prove(line)
    return draft


def _pair(dice: Dice) -> Draft:
    return _several(dice, 2)


def _three(dice: Dice) -> Draft:
    return _several(dice, 3)


def _away(dice: Dice) -> Draft:
    draft = Draft(dice, 2)
    line = draft.connect()
    draft.login(line, "a")
    for _ in range(1 + dice.below(3)):
        draft.add(line, letter(draft, line, "b"))
    return draft


OPENINGS: Final[Table[Opening]] = Table(
    (16, _fresh), (30, _member), (24, _arrival), (8, _asked), (14, _pair), (4, _away), (4, _three)
)
