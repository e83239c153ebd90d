"""What the network or a client that dies can do to a server: one function for each, which adds it to a draft.

Connections end in the middle of a frame, send half a frame and wait, never read, or come and go by the dozen, while others go on.
"""

from __future__ import annotations

from typing import Final

from cchatspec.fuzz import frames
from cchatspec.fuzz.acts import act, letter, request, talk
from cchatspec.fuzz.anomalies import Anomaly
from cchatspec.fuzz.boundaries import TIMES
from cchatspec.fuzz.bounds import MOST_LINES
from cchatspec.fuzz.dice import Table
from cchatspec.fuzz.draft import ABRUPT, ENDINGS, Draft, Line
from cchatspec.fuzz.script import Bytes, Frame, HalfClose, Reset
from cchatspec.fuzz.wrong import wrong

#: One that does not read is sent no more than so many bytes.
FLOOD: Final = 6_000_000


def _two(draft: Draft) -> tuple[Line, Line]:
    """Two connections that are logged in, if there are so many users, as different users."""
    inside = draft.inside()
    while len(inside) < 2:
        line = draft.connect()
        users = [user for user in draft.registered if user not in {other.user for other in inside}]
        if not users:
            user = draft.newcomer()
            draft.register(line, user)
            users = [user]
        draft.login(line, draft.dice.one(users))
        inside = draft.inside()
    return inside[0], inside[-1]


def _half_frame(draft: Draft) -> None:
    """Half a frame, while others go on; then its other half, the end of the connection, or nothing more."""
    dice = draft.dice
    line = draft.line()
    if dice.chance(50) and line.state == "in":
        size = 1 + dice.below(300)
        frame = frames.send(draft.other(line), Bytes("41", size))
        sent = dice.one((0, 1, size - 1, size // 2))
        rest = Bytes("41", size - sent)
        draft.add(line, frames.beginning(frame, frames.frame_size(frame) - 5 - (size - sent)))
    else:
        frame = frames.get_key(line.user or draft.member())
        rest = Bytes("00", 13)
        draft.add(line, frames.beginning(frame, 0))
    draft.flush()
    line.astray = True
    talk(draft, draft.dice.below(3))
    match dice.below(4):
        case 0 | 1:
            draft.add(line, frames.raw(rest))
            line.astray = False
        case 2:
            draft.end(line, dice.one(ENDINGS))


def _torn(draft: Draft) -> None:
    """The connection ends in the middle of a frame, or of its header, behind requests that are whole."""
    dice = draft.dice
    line = draft.line()
    for _ in range(dice.below(3)):
        draft.add(line, request(draft, line))
    frame = request(draft, line)
    size = frames.frame_size(frame)
    if dice.chance(30):
        draft.add(line, frames.raw(Bytes("00000007"[: 2 * (1 + dice.below(4))])))
    else:
        draft.add(line, frames.beginning(frame, dice.below(max(size - 5, 1))))
    draft.end(line, dice.one((Reset, *ENDINGS)), waits=dice.chance(30))
    act(draft, draft.line())


def _vanished(draft: Draft) -> None:
    """A session ends without LOGOUT, others write to its user, and the user comes back."""
    dice = draft.dice
    first, second = _two(draft)
    user = first.user
    for _ in range(dice.below(3)):
        draft.add(first, request(draft, first))
    draft.end(first, dice.one(ENDINGS), waits=dice.chance(50))
    if dice.chance(50):
        draft.fence(second)
        draft.add(second, frames.LIST)
    for _ in range(1 + dice.below(3)):
        draft.add(second, letter(draft, second, user))
    back = draft.connect()
    draft.login(back, user)
    draft.add(back, frames.POLL)


def _half_closed(draft: Draft) -> None:
    """Requests, and the end of sending right behind them: they are to be answered nevertheless."""
    dice = draft.dice
    line = draft.line()
    for _ in range(1 + dice.below(4)):
        frame = request(draft, line)
        draft.add(line, wrong(dice, frame, in_step=True) if dice.chance(15) else frame)
    draft.end(line, HalfClose, waits=dice.chance(20))


def _piled(draft: Draft) -> None:
    """Many different requests in one piece of the stream."""
    dice = draft.dice
    line = draft.line()
    draft.patient = False
    pile: list[Frame] = []
    for _ in range(dice.one(dice.pick(TIMES))):
        frame = request(draft, line) if dice.chance(60) else frames.get_key(line.user or draft.member())
        pile.append(frame if frame.kind != frames.LOGIN_TYPE and frames.frame_size(frame) < 400 else frames.LIST)
    draft.add(line, *pile)


def _mixed(draft: Draft) -> None:
    """Several users write to one at the same time, who asks for things meanwhile."""
    dice = draft.dice
    draft.patient = False
    first, second = _two(draft)
    reader = draft.dice.one((first, second))
    for _ in range(2 + dice.below(6)):
        line = dice.one(draft.inside())
        draft.flush(waits=False)
        frame = request(draft, line) if line is reader and dice.chance(50) else letter(draft, line, reader.user)
        draft.add(line, frames.LIST if frame.kind == frames.LOGIN_TYPE else frame)
    draft.flush()


def _churn(draft: Draft) -> None:
    """Connections that come and go."""
    dice = draft.dice
    for _ in range(min(dice.one(dice.pick(TIMES)), MOST_LINES - len(draft.lines))):
        line = draft.connect()
        if dice.chance(60):
            draft.add(line, frames.ask(draft.member()) if dice.chance(50) else request(draft, line))
        draft.end(line, dice.one(ABRUPT), waits=dice.chance(30))
    act(draft, draft.line())


def _race(draft: Draft) -> None:
    """A session ends, and at the same moment another begins."""
    dice = draft.dice
    draft.patient = False
    first, second = _two(draft)
    user = first.user
    draft.add(first, frames.LOGOUT)
    first.state = "out"
    draft.flush(waits=dice.chance(30))
    newcomer = draft.connect()
    draft.login(newcomer, user if dice.chance(60) else draft.member())
    draft.add(second, letter(draft, second, newcomer.user))
    act(draft, newcomer)


def _deaf(draft: Draft) -> None:
    """Somebody does not read while another writes to them, and then reads on, or never."""
    dice = draft.dice
    draft.patient, draft.cut = False, 0
    reader, writer = _two(draft)
    size = dice.one((65535, 4096, 1000))
    draft.stall(reader)
    count = dice.one((8, 40, min(FLOOD // size, 400)))
    draft.add(writer, *[frames.send(reader.user, draft.body(size)) for _ in range(count)])
    draft.fence(writer)
    talk(draft, draft.dice.below(3))
    if dice.chance(50):
        draft.resume(reader)
        draft.add(reader, frames.POLL)


#: Wrong delivery.
DELIVERY: Final[Table[Anomaly]] = Table(
    (20, _half_frame),
    (16, _torn),
    (14, _half_closed),
    (12, _vanished),
    (12, _mixed),
    (10, _piled),
    (8, _race),
    (6, _churn),
    (2, _deaf),
)
