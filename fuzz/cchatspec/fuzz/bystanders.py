"""The bystanders: two sessions of users who take part in no script, chat with each other, and must notice nothing.

What they see is judged by the same model as everything else; they add requests whose answers are certain. What they notice showed
in the state `bystander`.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from cchatspec.fuzz.conversation import await_letter
from cchatspec.fuzz.line import Journal, Line, Setting, log_in
from cchatspec.fuzz.model import BYSTANDERS
from cchatspec.fuzz.users import MARK_SIZE, Account, Users
from cchatspec.spec import ListUsers, SendMessage

#: A pair that has sent so many frames makes way for a new one, so that logging in is watched too, and limits are kept.
_FRAMES = 150

#: A target may take so many seconds to notice that a connection has ended.
_GOING_S = 1.0
_FIRST_PAUSE_S = 0.001

Register = Callable[[Line, list[Account]], list[Account]]


class Pair:
    """Two users, each logged in on a connection of their own."""

    def __init__(self, lines: tuple[Line, Line], accounts: tuple[Account, Account]) -> None:
        self.lines = lines
        self.accounts = accounts
        self._frames = 0

    @classmethod
    def meet(cls, setting: Setting, users: Users, journal: Journal, register: Register) -> Pair | None:
        """Two new users who log in; None if they cannot, which the model has seen."""
        accounts = (users.new(), users.new())
        lines = (Line(setting, BYSTANDERS[0], journal), Line(setting, BYSTANDERS[1], journal))
        pair = cls(lines, accounts)
        if len(register(lines[0], list(accounts))) == 2 and all(
            log_in(line, account.name, account_signer(users, account))
            for line, account in zip(lines, accounts, strict=True)
        ):
            return pair
        pair.close()
        return None

    @property
    def is_fit(self) -> bool:
        """Whether they can go on."""
        return self._frames < _FRAMES and all(
            line.is_open and line.tracker.is_surely(account.name)
            for line, account in zip(self.lines, self.accounts, strict=True)
        )

    def chat(self, journal: Journal) -> None:
        """Each writes to the other, and both read what has come since."""
        model = self.lines[0].setting.model
        for line, other in (self.lines, self.lines[::-1]):
            line.go_over_to(journal)
            self._frames += 2
            recipient = self.accounts[self.lines.index(other)].name
            line.queue_message(SendMessage(recipient, self._body(line)))
            line.fence()
            line.flush()
        for line in self.lines:
            if not line.wait(self.lines):
                line.is_silent = True
                model.report_silence(line.tracker, "the bystanders wait")
        for letter in model.letters.owed():
            owed = next((line for line in self.lines if line.tracker is letter.owed), None)
            if owed is not None and not await_letter(letter, owed):
                model.report_lost(letter)
        for account in self.accounts:
            model.letters.forget(account.name)

    def look_around(self, journal: Journal) -> None:
        """Ask for the list of users until nobody is shown as being there who has gone, or until the deadline.

        Whoever has gone since we came must have been told of, too.
        """
        self._see_who_has_gone(journal)
        line = self.lines[0]
        model = line.setting.model
        for name, left_at in model.gone.items():
            if left_at <= line.tracker.logged_in_at or journal.book.violations or not line.is_open:
                continue
            if not line.wait(until=lambda name=name: line.tracker.told.get(name) == 0) and line.is_open:  # type: ignore[misc]
                model.report_untold(line.tracker, name)
        model.gone.clear()

    def _see_who_has_gone(self, journal: Journal) -> None:
        line = self.lines[0]
        line.go_over_to(journal)
        model, setting, book = line.setting.model, line.setting, journal.book
        limits, pause = book.limits, _FIRST_PAUSE_S
        until = setting.model.time() + (setting.patience if setting.hurries else max(_GOING_S, setting.deadline))
        while line.is_open:
            self._frames += 1
            line.queue_message(ListUsers())
            line.flush()
            if not line.wait(self.lines) or not model.lingering() or book.violations or book.limits > limits:
                return
            if model.time() > until:
                model.report_lingering(line.tracker, model.lingering()[0])
                return
            # Who leaves is told of, so there is something to wait for.
            line.pump(pause)
            pause *= 2

    def _body(self, line: Line) -> bytes:
        source = b"%s/%d/%d" % (self.accounts[0].name, line.number, self._frames)
        return blake2b(source, digest_size=2 * MARK_SIZE, person=b"pair").digest()

    def close(self) -> None:
        """They leave."""
        for line in self.lines:
            line.close()
            line.setting.model.forget(line.tracker)


def account_signer(users: Users, account: Account) -> Callable[[bytes], bytes]:
    """Signs as an account, and remembers it."""
    return lambda challenge: users.sign(account, challenge)
