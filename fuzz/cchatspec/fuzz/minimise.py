"""Making a script small: the least of it that still shows what it showed.

Whether a script shows it is asked of a predicate, which runs it; each question costs an execution, so there is a budget, and
nothing is asked twice. Reduction goes from the large to the small: whole connections, steps, frames, then cuts, edits, the
users who are registered before, values, and the bytes and numbers within them. Of a row of things, halves are left out first,
then quarters, and so on down to single ones, from the end; a number is searched by halving. This is repeated until a whole
round changes nothing. What is left is written in one normal form: each frame in a step of its own that waits, users and
connections counted in the order in which they come.

Every question is derived from the script alone, so the same answers lead to the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec

from cchatspec.fuzz.numbering import renumbered
from cchatspec.fuzz.rewrite import Place, all_frames, changed, frame_at, length_of, map_frames, put_frame, with_steps
from cchatspec.fuzz.script import Body, Bytes, Connect, Edit, Fence, Frame, Proof, Script, Send, Step, Value

#: How many executions a reduction may take if nothing else is said.
BUDGET = 150

_FILLER = "61"

#: To so many bytes all bodies are cut before anything else is tried.
_SHORT = (16, 400, 5000)

Shows = Callable[[Script], bool]
_Item = TypeVar("_Item")


class Stop(Exception):
    """Raised by a predicate to end the reduction; what is smallest by then is the result."""


def minimise(script: Script, shows: Shows, budget: int = BUDGET) -> Script:
    """The smallest script that was found to show the same, with at most `budget` executions.

    Args:
        script: shows it; this is not asked again.
        shows: whether a script shows it. It may raise `Stop`.
        budget: how often it is asked at most.
    """
    search = _Search(script, shows, budget)
    try:
        before = None
        while search.best != before:
            before = search.best
            for reduce in _PASSES:
                reduce(search)
    except Stop:
        pass
    return search.best


class _Search:
    """The best script so far, and what was asked."""

    def __init__(self, script: Script, shows: Shows, budget: int) -> None:
        self.best = script
        self._shows = shows
        self._left = budget
        self._asked = {msgspec.json.encode(script): True, msgspec.json.encode(with_steps(script, ())): False}

    def shows(self, candidate: Script) -> bool:
        """Ask, unless it is known. A script without steps shows nothing.

        Raises:
            Stop: the budget is used up.
        """
        key = msgspec.json.encode(candidate)
        if key not in self._asked:
            if self._left <= 0:
                raise Stop
            self._left -= 1
            self._asked[key] = self._shows(candidate)
        return self._asked[key]

    def take(self, candidate: Script) -> bool:
        """Make a candidate the best if it shows it too."""
        if self.shows(candidate):
            self.best = candidate
            return True
        return False

    def thin(
        self, items: Callable[[Script], Sequence[_Item]], without: Callable[[Script, Sequence[_Item]], Script]
    ) -> None:
        """Leave out as many items as can be: halves, quarters, and so on down to single ones, from the end."""
        size = (len(items(self.best)) + 1) // 2
        while size:
            end = len(items(self.best))
            while end > 0:
                start = max(0, end - size)
                self.take(without(self.best, items(self.best)[start:end]))
                end = start
            size //= 2

    def lower(self, high: int, put: Callable[[int], Script], low: int = 0) -> int:
        """Make a number as small as it can be, from `high`, with which it shows, down to `low`; give back what it is then."""
        if high <= low or self.take(put(low)):
            return min(low, high)
        while high - low > 1:
            middle = (low + high) // 2
            if self.take(put(middle)):
                high = middle
            else:
                low = middle
        return high


# --- Connections, steps and frames


def _bulk(search: _Search) -> None:
    """Make all bodies and repeated bytes short at once, since what is long takes long to run."""
    for most in _SHORT:
        if search.take(map_frames(search.best, _shortening(most))):
            return


def _shortening(most: int) -> Callable[[Place, Frame], Frame]:
    return lambda _, frame: _shortened(frame, most)


def _shortened(frame: Frame, most: int) -> Frame:
    values: dict[str, Value] = dict(frame.values)
    for label, value in frame.values.items():
        match value:
            case Body(number=number, size=size):
                values[label] = Body(number, min(size, most))
            case Bytes(hex=digits, times=times) if digits:
                values[label] = Bytes(digits, min(times, max(most * 2 // len(digits), 1)))
    return changed(frame, values=values)


def _connections(search: _Search) -> None:
    def numbers(script: Script) -> list[int]:
        return list(dict.fromkeys(step.connection for step in script.steps))

    def without(script: Script, gone: Sequence[int]) -> Script:
        return with_steps(script, (step for step in script.steps if step.connection not in gone))

    search.thin(numbers, without)


def _steps(search: _Search) -> None:
    def removable(script: Script) -> list[int]:
        return [at for at, step in enumerate(script.steps) if not isinstance(step, Connect)]

    def without(script: Script, gone: Sequence[int]) -> Script:
        return with_steps(script, (step for at, step in enumerate(script.steps) if at not in set(gone)))

    search.thin(removable, without)


def _frames(search: _Search) -> None:
    def places(script: Script) -> list[tuple[int, int]]:
        return [place for place, _ in all_frames(script)]

    def without(script: Script, gone: Sequence[tuple[int, int]]) -> Script:
        out = set(gone)
        kept: list[Step] = []
        for at, step in enumerate(script.steps):
            if isinstance(step, Send):
                frames = tuple(frame for n, frame in enumerate(step.frames) if (at, n) not in out)
                if frames:
                    kept.append(changed(step, frames=frames))
            else:
                kept.append(step)
        return with_steps(script, kept)

    search.thin(places, without)


def _registered(search: _Search) -> None:
    def without(script: Script, gone: Sequence[str]) -> Script:
        return changed(script, registered=tuple(user for user in script.registered if user not in gone))

    search.thin(lambda script: script.registered, without)


# --- Delivery


def _cuts(search: _Search) -> None:
    whole = [changed(step, cuts=()) if isinstance(step, Send) else step for step in search.best.steps]
    if search.take(with_steps(search.best, whole)):
        return

    def places(script: Script) -> list[tuple[int, int]]:
        sends = [(at, step) for at, step in enumerate(script.steps) if isinstance(step, Send)]
        return [(at, cut) for at, step in sends for cut in step.cuts]

    def without(script: Script, gone: Sequence[tuple[int, int]]) -> Script:
        out = set(gone)
        steps = [
            changed(step, cuts=tuple(cut for cut in step.cuts if (at, cut) not in out))
            if isinstance(step, Send)
            else step
            for at, step in enumerate(script.steps)
        ]
        return with_steps(script, steps)

    search.thin(places, without)


def _normal_form(search: _Search) -> None:
    """Every frame in a step of its own that waits; else every step as it is, but waiting; else one at a time."""
    if search.take(with_steps(search.best, _single(search.best.steps))):
        return
    if search.take(with_steps(search.best, map(_waiting, search.best.steps))):
        return
    for at, step in enumerate(search.best.steps):
        if _waiting(step) != step:
            search.take(
                with_steps(search.best, [*search.best.steps[:at], _waiting(step), *search.best.steps[at + 1 :]])
            )


def _single(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        if isinstance(step, Send) and not step.cuts:
            yield from (Send(step.connection, (frame,)) for frame in step.frames)
        else:
            yield _waiting(step)


def _waiting(step: Step) -> Step:
    return changed(step, waits=True) if isinstance(step, Send | Fence) else step


def _names(search: _Search) -> None:
    search.take(renumbered(search.best))


# --- Edits, values, numbers and bytes


def _edits(search: _Search) -> None:
    def places(script: Script) -> list[tuple[int, int, int]]:
        return [(*place, n) for place, frame in all_frames(script) for n in range(len(frame.edits))]

    def without(script: Script, gone: Sequence[tuple[int, int, int]]) -> Script:
        out = set(gone)
        return map_frames(
            script,
            lambda place, frame: changed(
                frame, edits=tuple(edit for n, edit in enumerate(frame.edits) if (*place, n) not in out)
            ),
        )

    search.thin(places, without)


def _replaced(search: _Search) -> None:
    """Make a value of what replaces one together with its length, and a frame of a type that was set."""
    for place, frame in all_frames(search.best):
        for edit in frame.edits:
            if edit.field == "type" and edit.kind == "set":
                search.take(put_frame(search.best, place, Frame(edit.number % 256)))
            prefix = length_of(frame.kind, edit.field)
            if edit.kind == "replace" and prefix:
                current = frame_at(search.best, place)
                edits = tuple(one for one in current.edits if one.field not in (edit.field, prefix))
                values = {**current.values, edit.field: Bytes(edit.hex)}
                search.take(put_frame(search.best, place, changed(current, values=values, edits=edits)))


def _values(search: _Search) -> None:
    """Leave values out, which makes them 0 or empty, and make the others small."""
    for place, frame in all_frames(search.best):
        for label in frame.values:
            current = frame_at(search.best, place)
            kept = {key: value for key, value in current.values.items() if key != label}
            if not search.take(put_frame(search.best, place, changed(current, values=kept))):
                _reduce_value(search, place, label)


def _reduce_value(search: _Search, place: tuple[int, int], label: str) -> None:
    def put(value: Value) -> Script:
        frame = frame_at(search.best, place)
        return put_frame(search.best, place, changed(frame, values={**frame.values, label: value}))

    match frame_at(search.best, place).values[label]:
        case int(number):
            search.lower(number, put)
        case Body(number=number, size=size):
            search.lower(size, lambda less: put(Body(number, less)))
        case Proof(user=user, connection=connection, age=age):
            if (connection is None and age == 0) or not search.take(put(Proof(user))):
                search.lower(age, lambda less: put(Proof(user, connection, less)))
        case Bytes(hex=digits, times=times):
            left = search.lower(times, lambda less: put(Bytes(digits, less)), low=1)
            _reduce_bytes(search, digits, lambda fewer: put(Bytes(fewer, left)))


def _edit_numbers(search: _Search) -> None:
    """Make the numbers and bytes of edits small, where a smaller one does less."""
    for place, frame in all_frames(search.best):
        for n, edit in enumerate(frame.edits):
            _reduce_edit(search, edit, _putting_edit(search, place, n))


def _putting_edit(search: _Search, place: tuple[int, int], n: int) -> Callable[[Edit], Script]:
    def put(other: Edit) -> Script:
        frame = frame_at(search.best, place)
        return put_frame(search.best, place, changed(frame, edits=(*frame.edits[:n], other, *frame.edits[n + 1 :])))

    return put


def _reduce_edit(search: _Search, edit: Edit, put: Callable[[Edit], Script]) -> None:
    match edit.kind:
        case "grow" | "replace":
            _reduce_bytes(search, edit.hex, lambda digits: put(changed(edit, hex=digits)))
        case "repeat":
            search.lower(edit.number, lambda less: put(changed(edit, number=less)), low=1)
        case "add" if edit.number:
            sign = 1 if edit.number > 0 else -1
            search.lower(abs(edit.number), lambda less: put(changed(edit, number=sign * less)), low=1)
        case "set" if edit.number and not search.shows(put(changed(edit, number=0))):
            search.lower(edit.number, lambda less: put(changed(edit, number=less)))
        case _:
            pass


def _reduce_bytes(search: _Search, digits: str, put: Callable[[str], Script]) -> None:
    """Make bytes few by leaving some out at the end, then at the start, and plain: `a` in place of what does not matter."""
    size = search.lower(len(digits) // 2, lambda less: put(digits[: 2 * less]))
    front = digits[: 2 * size]
    size = search.lower(size, lambda less: put(front[len(front) - 2 * less :]))
    kept = front[len(front) - 2 * size :]
    if not search.take(put(_FILLER * size)):
        _make_plain(search, kept, put)


def _make_plain(search: _Search, digits: str, put: Callable[[str], Script]) -> None:
    """Replace halves, quarters, and so on by `a`."""
    size = len(digits) // 2
    chunk = (size + 1) // 2
    while chunk:
        for start in range(0, size, chunk):
            end = min(size, start + chunk)
            plain = digits[: 2 * start] + _FILLER * (end - start) + digits[2 * end :]
            if plain != digits and search.take(put(plain)):
                digits = plain
        chunk //= 2


_PASSES = (
    _bulk, _connections, _steps, _frames, _cuts, _normal_form, _edits, _replaced, _registered, _values, _edit_numbers, _names,
)  # fmt: skip
