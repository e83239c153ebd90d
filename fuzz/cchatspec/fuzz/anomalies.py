"""What no client should do, and a server must stand: one function for each, which adds it to a draft.

Each is right up to its point, and goes on with requests that show what the server made of it. How often each is taken stands in
the tables at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cchatspec.fuzz import frames
from cchatspec.fuzz.acts import act, leave, letter, request
from cchatspec.fuzz.boundaries import TIMES, name_edits
from cchatspec.fuzz.dice import Table
from cchatspec.fuzz.draft import Draft, Line
from cchatspec.fuzz.frames import edited
from cchatspec.fuzz.script import NAME_SIZE, Bytes, Edit
from cchatspec.fuzz.wrong import SMALL_ORDER, strange, wrong

Anomaly = Callable[[Draft], None]

_NAMES: Final = name_edits("username_length", "username", NAME_SIZE)
_RECIPIENTS: Final = name_edits("recipient_length", "recipient", NAME_SIZE)
_ALIASES: Final = [list(zip(*both, strict=True)) for both in zip(_NAMES.items, _RECIPIENTS.items, strict=True)]


def _inside(draft: Draft) -> Line:
    """A connection that is logged in."""
    inside = draft.inside()
    if inside:
        return draft.dice.one(inside)
    line = draft.line()
    draft.login(line, line.asked or draft.member())
    return line


def _show(draft: Draft, line: Line) -> None:
    """One or two requests that are served only to a session that is logged in."""
    for _ in range(1 + draft.dice.below(2)):
        frame = request(draft, line)
        draft.add(line, frames.get_key(line.user or draft.member()) if frame.kind == frames.LOGIN_TYPE else frame)


# --- Frames.


def _wrong_frame(draft: Draft) -> None:
    line = draft.line()
    for _ in range(1 if draft.dice.chance(70) else 1 + draft.dice.below(4)):
        in_step = draft.dice.chance(88)
        draft.add(line, wrong(draft.dice, request(draft, line), in_step=in_step))
        if not in_step:
            line.astray = draft.dice.chance(50)
            return


def _strange_frame(draft: Draft) -> None:
    line = draft.line()
    for _ in range(1 + draft.dice.below(3)):
        draft.add(line, strange(draft.dice))


def _wrong_proof(draft: Draft) -> None:
    """A wrong frame in place of the proof, and then perhaps the right one."""
    line = draft.line()
    if line.state != "challenged":
        draft.ask(line, draft.member())
    draft.add(line, wrong(draft.dice, frames.prove(line.asked), in_step=draft.dice.chance(95)))
    if draft.dice.chance(40):
        draft.add(line, frames.prove(line.asked))
    _show(draft, line)


def _shifted(draft: Draft) -> None:
    """A header that announces less or more than comes, and then the bytes that make up for it, or a frame inside of a frame."""
    line = draft.line()
    inner = request(draft, line)
    if draft.dice.chance(50):
        more = 1 + draft.dice.below(8)
        draft.add(line, edited(inner, Edit("length", "add", more)), frames.raw(Bytes("00", more)))
    else:
        draft.add(line, edited(frames.POLL, Edit("length", "add", frames.frame_size(inner))), inner)
    _show(draft, line)


# --- Order and state.


def _early(draft: Draft) -> None:
    """Requests before the login, or between challenge and proof."""
    line = draft.line() if draft.dice.chance(50) else draft.connect()
    if line.state == "new" and draft.dice.chance(50):
        draft.ask(line, draft.member())
    _show(draft, line)
    if draft.dice.chance(10):
        draft.logout(line)


def _between(draft: Draft) -> None:
    """Something else between challenge and proof."""
    dice = draft.dice
    line = draft.line()
    draft.ask(line, draft.member())
    for _ in range(1 + dice.below(2)):
        user = draft.newcomer() if dice.chance(70) else draft.member()
        draft.add(line, frames.register(user) if dice.chance(65) else request(draft, line))
    if dice.chance(65):
        draft.prove(line)
    _show(draft, line)


def _again(draft: Draft) -> None:
    """A login on a live session: asked for or proved, rightly or not, as the same user or as another."""
    dice = draft.dice
    line = _inside(draft)
    user = line.user if dice.chance(35) else draft.other(line)
    draft.ask(line, user)
    match dice.below(4):
        case 0:
            draft.prove(line)
        case 1:
            draft.add(line, wrong(dice, frames.prove(user), in_step=True))
        case 2:
            draft.add(line, frames.prove(user, key=line.user))
    _show(draft, line)


def _after_logout(draft: Draft) -> None:
    """Requests behind LOGOUT, in one piece with it or not."""
    line = _inside(draft)
    draft.logout(line)
    if draft.dice.chance(30):
        draft.flush()
    _show(draft, line)


def _second_session(draft: Draft) -> None:
    """The same user on another connection, and then one of the two goes."""
    dice = draft.dice
    first = _inside(draft)
    second = draft.connect()
    draft.login(second, first.user)
    act(draft, second)
    if dice.chance(60):
        leaving, staying = (first, second) if dice.chance(50) else (second, first)
        leave(draft, leaving)
        act(draft, staying)
    else:
        act(draft, first)


def _crossed(draft: Draft) -> None:
    """A challenge of one connection is proved on another, or the older of two challenges."""
    dice = draft.dice
    user = draft.member()
    first = draft.connect()
    draft.ask(first, user)
    if dice.chance(60):
        second = draft.connect()
        if dice.chance(75):
            draft.ask(second, user if dice.chance(60) else draft.other(second))
        draft.flush()
        source, line = (first, second) if dice.chance(50) else (second, first)
        draft.add(line, frames.prove(user, connection=source.number))
        _show(draft, line)
    else:
        draft.ask(first, user if dice.chance(70) else draft.other(first))
        draft.add(first, frames.prove(user, age=1))
    if dice.chance(40):
        draft.add(first, frames.prove(user))
    _show(draft, first)


def _stranger(draft: Draft) -> None:
    """A proof by another user's key, or for another name than the challenge."""
    dice = draft.dice
    line = draft.line()
    user, other = draft.member(), draft.other(line)
    draft.ask(line, user)
    match dice.below(4):
        case 0:
            draft.add(line, frames.prove(user, key=other))
        case 1:
            draft.add(line, frames.prove(other))
        case 2:
            draft.add(line, frames.prove(other, key=user))
        case 3:
            draft.add(line, frames.prove(user, key=draft.newcomer()))
    _show(draft, line)
    if dice.chance(30):
        draft.add(line, frames.prove(user))


def _replayed(draft: Draft) -> None:
    """A proof twice, here or on another connection, or without a challenge."""
    dice = draft.dice
    line = _inside(draft)
    user = line.user
    if dice.chance(50):
        draft.add(line, frames.prove(user, age=dice.below(2)))
        _show(draft, line)
        return
    second = draft.connect()
    if dice.chance(50):
        draft.ask(second, user)
    draft.add(second, frames.prove(user, connection=line.number, age=dice.below(2)))
    _show(draft, second)


def _burnt(draft: Draft) -> None:
    """Failed proofs, and perhaps the right one for the challenge that they burned."""
    dice = draft.dice
    line = draft.line()
    draft.ask(line, draft.member())
    bad = edited(frames.prove(line.asked), Edit("signature", "flip", 1, at=dice.below(64)))
    for _ in range(2 + dice.below(8) if dice.chance(25) else 1):
        draft.add(line, bad)
        if dice.chance(30):
            draft.ask(line, line.asked)
    if dice.chance(60):
        draft.add(line, frames.prove(line.asked))
    _show(draft, line)


def _taken(draft: Draft) -> None:
    """A name is registered twice, with another key, and whoever has that key tries to log in."""
    dice = draft.dice
    line = draft.line()
    user, thief = draft.member(), draft.newcomer()
    draft.register(line, user, thief)
    if dice.chance(60):
        draft.ask(line, user)
        draft.add(line, frames.prove(user, key=thief))
        _show(draft, line)
    if dice.chance(50):
        honest = draft.connect()
        draft.login(honest, user)
        draft.add(honest, frames.get_key(user))


def _alias(draft: Draft) -> None:
    """Somebody registers a name that is nearly that of another, logs in and goes on under it."""
    dice = draft.dice
    line = draft.connect()
    user, own = draft.member(), draft.newcomer()
    names, recipients = dice.one(_ALIASES[dice.one((0, 0, 0, 1, 2))])
    draft.add(line, edited(frames.register(user, own), *names))
    draft.add(line, edited(frames.ask(user), *names))
    draft.add(line, edited(frames.prove(user, own), *names))
    line.state, line.user = "in", own
    for _ in range(1 + dice.below(3)):
        match dice.below(4):
            case 0:
                draft.add(line, edited(frames.get_key(user), *names))
            case 1:
                draft.add(line, edited(letter(draft, line, user), *recipients))
            case 2:
                draft.add(line, frames.POLL)
            case 3:
                draft.add(line, letter(draft, line, user))


def _weak_key(draft: Draft) -> None:
    """A key of small order, and a signature that such a key makes valid for whoever checks too little."""
    dice = draft.dice
    line = draft.connect()
    user = draft.newcomer()
    point = dice.one(SMALL_ORDER[:6])
    first = point if dice.chance(50) else SMALL_ORDER[0]
    draft.add(line, edited(frames.register(user), Edit("public_key", "replace", hex=point.hex())))
    draft.ask(line, user)
    draft.flush()
    draft.add(line, edited(frames.ask(user), Edit("signature", "replace", hex=(first + bytes(32)).hex())))
    line.user = user
    _show(draft, line)


def _queue(draft: Draft) -> None:
    """Messages for somebody who is not there, who then comes and asks for them twice."""
    dice = draft.dice
    line = _inside(draft)
    absent = draft.other(line)
    size = None if dice.chance(50) else 16
    count = dice.one(dice.pick(TIMES)) if dice.chance(50) else 1
    draft.add(line, *[frames.send(absent, draft.body(size)) for _ in range(count)])
    if absent not in draft.registered:
        return
    second = draft.connect()
    draft.login(second, absent)
    draft.add(second, frames.POLL)
    draft.fence(second)
    if dice.chance(50):
        draft.add(line, letter(draft, line, absent))
    draft.add(second, frames.POLL)


def _settlers(draft: Draft) -> None:
    """Many users register, and somebody asks for all of them."""
    dice = draft.dice
    line = draft.line()
    count = dice.one((10, 20, 40))
    more = [
        (Edit("username", "grow", hex="61" * longer), Edit("username_length", "add", longer))
        for longer in range(1, count + 1)
    ]
    draft.add(line, *[edited(frames.register(draft.newcomer()), *edits) for edits in more])
    draft.add(_inside(draft), frames.LIST)


def _many(draft: Draft) -> None:
    """One request, right or wrong, again and again."""
    dice = draft.dice
    line = draft.line()
    frame = request(draft, line)
    if dice.chance(40):
        frame = wrong(dice, frame, in_step=True)
    times = dice.one(dice.pick(TIMES))
    if frames.frame_size(frame) * times > 50_000:
        times = 3
    draft.add(line, *[frame] * times)


#: Wrong order and wrong state.
ORDER: Final[Table[Anomaly]] = Table(
    (12, _again),
    (10, _between),
    (9, _early),
    (8, _after_logout),
    (8, _crossed),
    (8, _stranger),
    (7, _second_session),
    (7, _replayed),
    (7, _burnt),
    (7, _alias),
    (7, _taken),
    (6, _queue),
    (4, _many),
    (1, _settlers),
    (2, _weak_key),
)

#: Wrong frames.
FRAMES: Final[Table[Anomaly]] = Table((70, _wrong_frame), (12, _wrong_proof), (10, _strange_frame), (4, _shifted))
