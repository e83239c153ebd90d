"""Who plays in a script: accounts are registered, lent to its users, and taken back when nothing of the script is left on them.

What waits for somebody after a script is collected, and judged as it comes. An account that may still have something waiting, or
whose name may have become somebody else's, is used no more.

A limit of the target's is kept to: the more it refuses, the more accounts take turns, and the longer we wait between scripts.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from cchatspec.fuzz.line import Journal, Line, Setting, log_in
from cchatspec.fuzz.script import Script
from cchatspec.fuzz.trace import Book
from cchatspec.fuzz.users import Account, Cast, Users
from cchatspec.spec import GetMessages, RegisterUser

#: So many accounts are registered at once.
_AT_ONCE: Final = 16

#: More are registered each time that so many were lent, until there are enough.
_EVERY: Final = 24

#: So many accounts take turns at most.
_MOST_ACCOUNTS: Final = 1024

#: How long a pause is after the first refusal of several in a row, and at most, in seconds.
_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 1.0

#: So many refusals in a row are met with other accounts alone.
_PATIENCE: Final = 3

_COLLECTOR, _REGISTRAR = -3, -4


class Host:
    """Looks after the accounts of one target since its last fresh start."""

    def __init__(self, setting: Setting, users: Users) -> None:
        self._setting = setting
        self._model = setting.model
        self._users = users
        self._refusals = self._lent = 0
        self._at_once = _AT_ONCE

    # Before a script

    def cast(self, script: Script, execution: int, book: Book) -> Cast | None:
        """Who plays the users of a script; None if the target registers nobody.

        What goes wrong when somebody is registered for it stands in `book`.
        """
        lent: dict[str, Account] = {}
        for user in script.registered:
            account = self._lend(book)
            if account is None:
                return None
            lent[user] = account
        cast = Cast(self._users, lent, execution)
        for user in _users_of(script):
            self._model.world.admit(cast.account(user), registered=user in lent)
        return cast

    def _lend(self, book: Book) -> Account | None:
        users = self._users
        self._lent += 1
        # A target of many users shows more than one of few, so there are more of them by and by.
        is_time = users.grows and (self._lent % _EVERY == 0 or self._refusals > 0)
        if len(users.pool) < _AT_ONCE // 2 or (is_time and len(users.pool) < users.size - _AT_ONCE):
            self._enrol(book)
        if not users.pool:
            self._enrol(book)
        return users.lend()

    def _enrol(self, book: Book) -> None:
        """Register some more accounts."""
        line = Line(self._setting, _REGISTRAR, Journal(book=book))
        self._users.pool.extendleft(self.register(line, [self._users.new() for _ in range(_AT_ONCE)]))
        line.close()
        self._model.forget(line.tracker)

    def register(self, line: Line, accounts: list[Account], *, patient: bool = True) -> list[Account]:
        """Register accounts on a line, and give back those that were taken."""
        world = self._model.world
        for start in range(0, len(accounts), self._at_once):
            for account in accounts[start : start + self._at_once]:
                world.admit(account, registered=False)
                line.queue_message(RegisterUser(account.name, account.key))
            line.flush()
            if not line.wait(patient=patient):
                # Not every target reads many requests at once; that it does not is for scripts to find.
                self._at_once = 1
                break
        return [account for account in accounts if world.person(account.name).registered]

    def pace(self, *, refused: bool) -> None:
        """Take a refusal for what it is: other accounts take turns, and if that does not help, we wait a while."""
        if not refused:
            self._refusals = 0
            return
        self._refusals += 1
        self._users.size = min(2 * self._users.size, _MOST_ACCOUNTS)
        if self._refusals > _PATIENCE:
            time.sleep(min(_FIRST_PAUSE_S * 2 ** (self._refusals - _PATIENCE), _LONGEST_PAUSE_S))

    # After a script

    def collect(self, cast: Cast, journal: Journal) -> None:
        """Have read what was queued for the script's users."""
        for account in cast.accounts.values():
            if self._model.letters.may_wait(account.name) and self._is_ours(account):
                self._collect(account, journal)

    def take_back(self, casts: Iterable[Cast]) -> None:
        """Take those back who are as they were, when all scripts that ran at the same time are over."""
        world, letters = self._model.world, self._model.letters
        strangers = world.prune()
        strange = b" ".join([person.name for person in strangers if person.may_be_registered]).lower()
        for account in [account for cast in casts for account in cast.accounts.values()]:
            is_clean = not letters.may_wait(account.name) and not world.person(account.name).may_come_back
            letters.forget(account.name)
            is_told_apart = account.name[:6] not in strange and account.name[-6:] not in strange
            if is_clean and is_told_apart and self._is_ours(account):
                self._users.take_back(account)
            else:
                world.forget(account)
        for person in strangers:
            if not person.may_be_registered:
                letters.forget(person.name)

    def _is_ours(self, account: Account) -> bool:
        person = self._model.world.person(account.name)
        return person.registered is True and person.keys == {account.key}

    def _collect(self, account: Account, journal: Journal) -> None:
        """Log in as somebody for whom messages may wait, and read them."""
        line = Line(self._setting, _COLLECTOR, journal)
        letters = self._model.letters
        try:
            if not log_in(line, account.name, lambda challenge: self._users.sign(account, challenge)):
                return
            line.queue_message(GetMessages())
            line.fence()
            line.flush()
            is_answered = line.wait()
            self._model.report_order(line.tracker)
            has_come = is_answered and line.wait(until=lambda: not letters.queued(account.name))
            if not has_come and line.is_open:
                for letter in letters.queued(account.name)[:1]:
                    self._model.report_lost(letter)
        finally:
            line.close()
            self._model.forget(line.tracker)


def _users_of(script: Script) -> list[str]:
    """All users that a script speaks of, in their order."""
    found = dict.fromkeys(script.registered)
    for step in script.steps:
        for frame in getattr(step, "frames", ()):
            for value in frame.values.values():
                user = getattr(value, "user", None)
                if user is not None:
                    found[user] = None
    return list(found)
