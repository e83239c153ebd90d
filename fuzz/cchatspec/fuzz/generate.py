"""New scripts: conversations that go wrong, and batches of wrong frames.

A conversation is legal up to a point: it begins in one of the ways of `acts.OPENINGS`, goes on with up to eight requests (none in
34 %), and then has anomalies: one in 66 % of the conversations, two in 22 %, three in 8 % and four in 4 %. Requests between and
behind them show what the server made of it. Anomalies are wrong frames in 50 %, wrong order and state in 34 %, and wrong
delivery in 16 %.

A batch is one connection that sends wrong frames in one piece, each with a fence behind it unless its reply is certain, so that
every reply belongs to one of them. Two in three hold frames of all kinds, and the others give one field of one byte each of its
values in turn.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from cchatspec.fuzz import frames
from cchatspec.fuzz.acts import OPENINGS, request, talk
from cchatspec.fuzz.anomalies import FRAMES, ORDER, Anomaly
from cchatspec.fuzz.bounds import MOST_LINES
from cchatspec.fuzz.corpus import Corpus
from cchatspec.fuzz.crowds import crowds, flood
from cchatspec.fuzz.delivery import DELIVERY
from cchatspec.fuzz.dice import Dice, SeededDice, Table
from cchatspec.fuzz.draft import Draft, Line
from cchatspec.fuzz.encode import fields_of
from cchatspec.fuzz.frames import edited, frame_size, is_surely_within
from cchatspec.fuzz.mutate import mutate, splice
from cchatspec.fuzz.script import Edit, Fence, Frame, Name, Script, Send
from cchatspec.fuzz.trace import Ended, Trace
from cchatspec.fuzz.visits import visits
from cchatspec.fuzz.wrong import strange, wrong
from cchatspec.spec.model import PrefixedBytes, UInt

#: Frames in a batch, at most.
BATCH: Final = 100

#: Frames in a batch, at least; smaller ones are no better than conversations.
SMALLEST: Final = 4

#: Frames of a batch that are larger than this are left out, nearly always: a batch is fast.
_SMALL: Final = 1200

#: So many of a batch ask for the list of users, since nothing else has so long a reply.
_LISTS: Final = 1

#: From so many registered names on, scripts that register more become rarer.
FEW_NAMES: Final = 300

#: So many are a burden to a target and to us.
MANY_NAMES: Final = 4000

#: So many scripts come before the flood.
_BEFORE_FLOOD: Final = 500

#: So often another script is drawn in place of one that would register more.
_DRAWS: Final = 6

_FAMILIES: Final[Table[Table[Anomaly]]] = Table((50, FRAMES), (34, ORDER), (16, DELIVERY))
_COUNTS: Final = Table((66, 1), (22, 2), (8, 3), (4, 4))
_LEGAL: Final = Table((34, 0), (22, 1), (14, 2), (10, 3), (8, 4), (5, 5), (3, 6), (2, 7), (2, 8))


def conversation(dice: Dice) -> Script:
    """A conversation that goes wrong."""
    draft = dice.pick(OPENINGS)(dice)
    talk(draft, dice.pick(_LEGAL))
    for _ in range(dice.pick(_COUNTS)):
        if len(draft.lines) > MOST_LINES - 3:
            break
        dice.pick(dice.pick(_FAMILIES))(draft)
    talk(draft, dice.below(3))
    return draft.script()


def batch(dice: Dice, most: int = BATCH) -> Script:
    """Up to `most` wrong frames on one connection, which is logged in for two batches in three."""
    draft = Draft(dice, 2)
    draft.patient, draft.cut = False, 0
    line = draft.connect()
    if dice.chance(66):
        draft.login(line, "a")
    draft.flush()
    pile = _sweep(draft, line, most) if dice.chance(33) else _pile(draft, line, most)
    for frame in pile:
        draft.steps.append(Send(line.number, (frame,), waits=False))
        draft.steps.append(Fence(line.number, waits=False))
    draft.steps[-1] = Fence(line.number)
    return Script(registered=draft.registered, steps=tuple(draft.steps))


def is_batch(script: Script) -> bool:
    """Whether a script sends one frame after the other with fences that do not wait."""
    return sum(isinstance(step, Fence) and not step.waits for step in script.steps) > 1


def _pile(draft: Draft, line: Line, count: int) -> list[Frame]:
    dice = draft.dice
    pile: list[Frame] = []
    lists = 0
    while len(pile) < count:
        frame = strange(dice) if dice.chance(8) else wrong(dice, request(draft, line), in_step=True)
        is_small = is_surely_within(frame, _SMALL) or frame_size(frame) <= _SMALL
        if (is_small or dice.chance(3)) and not _ends(frame) and (lists < _LISTS or frame.kind != frames.LIST.kind):
            lists += frame.kind == frames.LIST.kind
            pile.append(frame)
    return pile


def _ends(frame: Frame) -> bool:
    """Whether the frame may be taken for LOGOUT, behind which nothing of a batch would be read."""
    types = [edit.number for edit in frame.edits if edit.field == "type"]
    return (types[-1] if types else frame.kind) == frames.LOGOUT.kind


def _sweep(draft: Draft, line: Line, count: int) -> list[Frame]:
    """One request with every value of one field of one byte, from a value on."""
    dice = draft.dice
    frame = request(draft, line)
    while frame_size(frame) > _SMALL:
        frame = request(draft, line)
    label = dice.one(_bytes_of(frame.kind))
    first = dice.below(256)
    swept = (edited(frame, Edit(label, "set", (first + more) % 256)) for more in range(min(count, 256)))
    return [draft.told_apart(one) for one in swept if not _ends(one)]


@cache
def _bytes_of(kind: int) -> tuple[str, ...]:
    """The labels of a type's fields of one byte, the type among them."""
    labels = ["type"]
    for field in fields_of(kind):
        match field:
            case PrefixedBytes(prefix_size=1):
                labels.append(field.prefix_name)
            case UInt(size=1):
                labels.append(field.name)
    return tuple(labels)


def new_names(script: Script) -> int:
    """How many names a script may register that nobody has registered before it begins."""
    names = set()
    for step in script.steps:
        for frame in step.frames if isinstance(step, Send) else ():
            if frame.kind == frames.REGISTER_TYPE:
                name = frame.values.get("username")
                edits = tuple(edit for edit in frame.edits if edit.field != "public_key")
                if edits or not isinstance(name, Name) or name.user not in script.registered:
                    names.add((repr(name), edits))
    return len(names)


class Generator:
    """What a campaign runs next; the same seed, corpus and behaviour of the target give the same scripts.

    The first are visits and crowds, in which nothing is wrong; a flood follows some time later. Then every other script is one
    that the corpus begins with, as it is, as long as there are any. Of the others,

        45 %  are new conversations
        50 %  are scripts of the corpus, mutated; one in eight of them is first spliced with another or with a new one
         5 %  are batches, which take about as much time as all others together

    What batches are worth is learnt: on a server that closes after a wrong frame, as it may, or that limits the rate of requests,
    they shrink, down to `SMALLEST` frames. As long as the corpus is empty, its part goes to new conversations.

    A target keeps all names that are registered, and lists them to whoever asks. So when scripts have registered `FEW_NAMES`,
    of those that would register more only some are given, fewer and fewer, and others in their place. From `MANY_NAMES` on, a
    target that can be started afresh had better be.
    """

    def __init__(self, seed: int) -> None:
        self.dice = SeededDice(seed)
        #: How many frames a batch has.
        self.batch_size = float(BATCH)
        # Connections that come and go are first, since they show what visits have the bystanders notice later.
        *many, coming_and_going = crowds(self.dice)
        self._first = [*many, *visits(self.dice), coming_and_going]
        self._given = 0
        #: How many names the scripts so far may have registered.
        self.names = 0

    def next(self, corpus: Corpus) -> Script:
        """The next script of a campaign."""
        self._given += 1
        if self._given == _BEFORE_FLOOD:
            return flood(self.dice)
        script = self._first.pop() if self._first else self._later(corpus)
        self.names += new_names(script)
        return script

    def _later(self, corpus: Corpus) -> Script:
        seed = corpus.untried() if self.dice.chance(50) else None
        return seed or self._fitting(corpus)

    def renewed(self) -> None:
        """Take note that the target was started afresh, and knows none of the names."""
        self.names = 0

    def _fitting(self, corpus: Corpus) -> Script:
        """A script that registers no new names, unless there are few or the dice say so."""
        for _ in range(_DRAWS):
            script = self._drawn(corpus)
            if self.names < FEW_NAMES or not new_names(script) or self.dice.chance(100 * FEW_NAMES / self.names):
                break
        return script

    def _drawn(self, corpus: Corpus) -> Script:
        dice = self.dice
        roll = dice.below(100)
        if roll < 5:
            return self.batch()
        kept = corpus.choose(dice) if roll < 55 else None
        if kept is None:
            return self.script()
        if dice.chance(12):
            other = corpus.choose(dice) if dice.chance(60) else None
            kept = self.splice(kept, other or self.script())
        return self.mutate(kept)

    def script(self) -> Script:
        """A new conversation."""
        return conversation(self.dice)

    def batch(self) -> Script:
        """A new batch."""
        return batch(self.dice, int(self.batch_size))

    def mutate(self, script: Script) -> Script:
        """The script, changed."""
        return mutate(self.dice, script)

    def splice(self, first: Script, second: Script) -> Script:
        """A script of parts of two others."""
        return splice(self.dice, first, second)

    def learn(self, trace: Trace) -> None:
        """Take from a run what batches are worth here: as much as is answered before the target closes, if it does."""
        if is_batch(trace.script):
            is_cut = any(isinstance(event, Ended) and event.connection == 0 for event in trace.events)
            wanted = min(1.5 * trace.answered, BATCH) if is_cut else BATCH
            self.batch_size = max(0.9 * self.batch_size + 0.1 * wanted, SMALLEST)
