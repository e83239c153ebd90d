"""Which request each reply on a connection answers, as far as that is known, and which states the connection may be in.

The replies come in the order of the requests, but not every request has one: GET_MESSAGES and SET_STATUS are silent, and a
frame that only a SHOULD speaks of may be passed over. So a reply can have more than one place, and the connection more than one
state. A `Guess` is one of them: how many requests have been dealt with, and the mode that the connection is in by then. A reply
moves each guess on, or rules it out; when none is left, no right server could have sent it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from cchatspec.fuzz.judge import FRESH, Mode, answers, must_be_answered, silently
from cchatspec.fuzz.requests import GET_KEY, LIST, LOGIN, LOGOUT, REGISTER, SEND, Form, Request
from cchatspec.spec import (
    Error,
    LoginResponse,
    Message,
    MessageAck,
    PublicKeyResponse,
    RegisterResponse,
    UserListResponse,
)

if TYPE_CHECKING:
    from cchatspec.fuzz.tracker import Tracker

#: What each request is answered with, unless by ERROR.
REPLIES: Final[dict[int, type[Message]]] = {
    REGISTER: RegisterResponse,
    LOGIN: LoginResponse,
    GET_KEY: PublicKeyResponse,
    SEND: MessageAck,
    LIST: UserListResponse,
}


class Guess(Struct, frozen=True, gc=False):
    """So many requests have been dealt with, and this is the mode after them."""

    done: int
    mode: Mode


class Step(Struct, frozen=True, gc=False):
    """One request that was dealt with: its reply, None if it had none, and the modes before and after."""

    request: Request
    reply: Message | None
    before: Mode
    after: Mode


class Path(Struct, frozen=True, gc=False):
    """A guess, and the steps that led to it from the guess before."""

    guess: Guess
    steps: tuple[Step, ...]


class Guesses:
    """The open requests of one connection, and all guesses about it.

    Attributes:
        pending: the requests that some guess has not dealt with.
        last: the last request that all guesses have dealt with.
        has_logout: LOGOUT is among the requests so far.
        risky: how many of the open requests may end the session; `switching`: how many while the connection stays.
        logins: how many of them are LOGIN_USER.
    """

    def __init__(self, tracker: Tracker) -> None:
        self.pending: deque[Request] = deque()
        self.last: Request | None = None
        self.has_logout = False
        self.risky = self.switching = self.logins = 0
        self._tracker = tracker
        self._first = 0
        self._all: tuple[Guess, ...] = (Guess(0, FRESH),)
        self._is_settled = True

    @property
    def modes(self) -> list[Mode]:
        """The modes that the connection may be in."""
        return [guess.mode for guess in self._all]

    @property
    def has_one(self) -> bool:
        """Whether there is one guess only, as there mostly is."""
        return len(self._all) == 1

    def where(self) -> tuple[Mode, Request | None]:
        """The request that comes next, or the last one if none is open, and the mode that it met, by the first guess."""
        guess = min(self._all, key=lambda guess: guess.done)
        mode = guess.mode
        for request in self._behind(guess):
            after = silently(request, mode, self._tracker)
            if not after or mode.over:
                return mode, request
            mode = after[0]
        if guess.done - self._first < len(self.pending):
            return guess.mode, self.pending[-1]
        return guess.mode, self.last

    def add(self, request: Request) -> None:
        """A request was sent."""
        self.risky += request.is_risky
        self.switching += request.may_switch
        self.logins += request.kind == LOGIN
        self.pending.append(request)
        self.has_logout = self.has_logout or request.kind == LOGOUT
        self._is_settled = False

    def _behind(self, guess: Guess) -> Iterator[Request]:
        """The requests that a guess has not dealt with."""
        for at in range(guess.done - self._first, len(self.pending)):
            yield self.pending[at]

    def behind(self, request: Request) -> list[Request]:
        """The open requests that were sent after another one."""
        open_ = list(self.pending)
        return open_[open_.index(request) + 1 :] if request in open_ else open_

    # Replies

    def plain(self, reply: Message) -> Step | None:
        """Take a reply that has one place only, as most have."""
        if len(self._all) != 1 or not self.pending:
            return None
        (guess,) = self._all
        request = self.pending[0]
        if guess.done != self._first:
            return None
        if not must_be_answered(request, guess.mode) and not self._is_for_the_first(request, guess.mode, reply):
            return None
        modes = answers(request, guess.mode, reply, self._tracker)
        if len(modes) != 1:
            return None
        self._all = (Guess(guess.done + 1, modes[0]),)
        self._pop()
        return Step(request, reply, guess.mode, modes[0])

    def _is_for_the_first(self, first: Request, mode: Mode, reply: Message) -> bool:
        """Whether a reply to a frame that may be passed over cannot be one to the request behind it, which must have one."""
        if first.form is not Form.UNKNOWN or mode.over or len(self.pending) == 1:
            return False
        second = self.pending[1]
        return must_be_answered(second, mode) and not answers(second, mode, reply, self._tracker)

    def paths(self, reply: Message) -> list[Path]:
        """All ways in which a reply can answer an open request."""
        return [path for guess in self._all for path in self._paths(guess, reply)]

    def _paths(self, guess: Guess, reply: Message) -> Iterator[Path]:
        open_: list[Path] = [Path(guess, ())]
        while open_:
            path = open_.pop()
            done, mode, steps = path.guess.done, path.guess.mode, path.steps
            if done - self._first >= len(self.pending):
                continue
            request = self.pending[done - self._first]
            for after in answers(request, mode, reply, self._tracker):
                yield Path(Guess(done + 1, after), (*steps, Step(request, reply, mode, after)))
            open_ += [
                Path(Guess(done + 1, after), (*steps, Step(request, None, mode, after)))
                for after in silently(request, mode, self._tracker)
            ]

    def take(self, paths: list[Path]) -> None:
        """Go on with these guesses."""
        self._all = tuple({path.guess for path in paths})
        least = min(guess.done for guess in self._all)
        while self._first < least:
            self._pop()

    def end(self) -> None:
        """The target has said that it ends the connection."""
        self._all = tuple({Guess(guess.done, replace(guess.mode, over=True)) for guess in self._all})

    def _pop(self) -> None:
        self.last = self.pending.popleft()
        self.risky -= self.last.is_risky
        self.switching -= self.last.may_switch
        self.logins -= self.last.kind == LOGIN
        self._first += 1
        self._tracker.model.was_read(self._tracker, self.last)

    # What may be if nothing more comes

    @property
    def is_settled(self) -> bool:
        """Whether every request that must have a reply may have had it."""
        if not self._is_settled:
            self._is_settled = self._may_be_settled()
        return self._is_settled

    def _may_be_settled(self) -> bool:
        everything = self._first + len(self.pending)
        if any(guess.done == everything for guess in self._all):
            return True
        if not self.has_logout and all(must_be_answered(self.pending[-1], guess.mode) for guess in self._all):
            return False
        return any(self._rests(guess) for guess in self._all)

    @property
    def must_end(self) -> bool:
        """Whether the target has to end the connection, once it has read everything. LOGOUT-CLOSE."""
        if not self.has_logout and not self._all[0].mode.over:
            return False
        rests = [mode for guess in self._all for mode in self._rests(guess)]
        return bool(rests) and all(mode.over for mode in rests)

    @property
    def may_be_over(self) -> bool:
        """Whether the target may have ended the connection by itself, at any open request."""
        return any(mode.over for guess in self._all for modes in self._passing(guess) for mode in modes)

    def _rests(self, guess: Guess) -> set[Mode]:
        """The modes that a guess leads to."""
        *_, modes = self._passing(guess)
        return modes

    def _passing(self, guess: Guess) -> Iterator[set[Mode]]:
        """The modes that a guess passes through; empty ones from where a reply has to come."""
        modes = {guess.mode}
        yield modes
        for request in self._behind(guess):
            modes = {after for mode in modes for after in silently(request, mode, self._tracker)}
            yield modes

    def is_for_another(self, reply: Message) -> bool:
        """Whether a reply is of the type that a later request brings, so that the one before was passed over."""
        later = list(self.pending)[1:]
        return type(reply) is not Error and any(REPLIES.get(request.kind) is type(reply) for request in later)

    def is_any(self, forms: tuple[Form, ...], over: int | None = None) -> bool:
        """Whether an open request departs from its layout in one of these ways, or is larger than so many bytes."""
        return any(request.form in forms or (over is not None and request.size > over) for request in self.pending)
