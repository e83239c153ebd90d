"""What must and what may be true of a target's users: who is registered with which key, who may be logged in where.

Where a request is still unanswered, or was cut off, its effect may or may not have come about; such facts are kept as sets of
what is possible. Names are never given up again, so whoever was known to be registered stays so. Time is counted in events: a
fact binds a request only if the fact was known before the request was sent.

Names that differ in the case of letters alone may be one user (open point name-case), so whatever may be true of one of them may
be true of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cchatspec.fuzz.requests import Request
from cchatspec.fuzz.strictness import is_weak
from cchatspec.fuzz.users import Account

if TYPE_CHECKING:
    from cchatspec.fuzz.tracker import Tracker

#: How many leading or trailing bytes of a name show that a longer or shorter one was made from it.
_PART = 6


@dataclass(eq=False, slots=True)
class Person:
    """What is known of one name.

    Attributes:
        registered: whether it is, or None where nobody knows.
        since: the event at which `registered` became true.
        keys: the keys that it may have been registered with; None if it may be any.
        pending: registrations that have no answer yet, with their keys.
        sessions: the connections that may be logged in as this user, by serial number.
        left_at: the event at which the last of them was known to have ended.
        status: all that the status may be now.
        shown: all that it may have been.
        hides: the user may have set their status to 0.
        account: whose it is, if the fuzzer can log in as this user.
    """

    name: bytes
    registered: bool | None = False
    since: int = 0
    keys: set[bytes] | None = field(default_factory=set)
    pending: dict[int, tuple[Request, bytes]] = field(default_factory=dict)
    sessions: dict[int, Tracker] = field(default_factory=dict)
    left_at: int = 0
    status: set[int] = field(default_factory=lambda: {0})
    shown: set[int] = field(default_factory=lambda: {0})
    hides: bool = False
    account: Account | None = None

    @property
    def is_gone(self) -> bool:
        """Whether we have closed all connections that were logged in as this user, and a target has to notice."""
        return bool(self.sessions) and all(
            session.closed and not session.is_login_open for session in self.sessions.values()
        )

    @property
    def may_come_back(self) -> bool:
        """Whether a login may still be under way on a connection that we have closed."""
        return any(session.closed and session.is_login_open for session in self.sessions.values())

    @property
    def may_be_registered(self) -> bool:
        """Whether somebody may have this name by now."""
        return self.registered is not False or bool(self.pending)

    def may_have_status(self, status: int) -> None:
        """The status may have changed."""
        self.status.add(status)
        self.shown.add(status)

    def set_status(self, status: int, *, is_sure: bool) -> None:
        """The status has changed; surely, if nobody else can have changed it since."""
        self.shown.add(status)
        if is_sure and len(self.sessions) <= 1:
            self.status = {status}
        else:
            self.status.add(status)

    @property
    def possible_keys(self) -> set[bytes]:
        """The keys that this may be registered with, as far as they are known."""
        return (self.keys or set()) | {key for _, key in self.pending.values()}

    def has_key(self, key: bytes) -> bool:
        """Whether this may be the user's key."""
        return self.keys is None or key in self.keys or any(key == other for _, other in self.pending.values())


class World:
    """All that is known of the users of one target since it was started."""

    def __init__(self) -> None:
        self.clock = 0
        self._people: dict[bytes, Person] = {}
        self._folded: dict[bytes, list[Person]] = {}
        self.challenges: set[bytes] = set()
        self._strange: list[Person] = []
        #: How the names of our accounts begin and end.
        self._parts: set[bytes] = set()

    def tick(self) -> int:
        """The number of the event that happens now."""
        self.clock += 1
        return self.clock

    # Names

    def admit(self, account: Account, *, registered: bool) -> Person:
        """Take an account of ours, whose name nobody else has."""
        person = self._people.get(account.name)
        if person is None:
            person = self._enter(Person(account.name, account=account))
        if registered and not person.registered:
            person.registered, person.since = True, self.clock
            person.keys = {account.key}
        return person

    def forget(self, account: Account) -> None:
        """Forget an account that is used no more, and whatever its name was made into."""
        if (person := self._people.pop(account.name, None)) is not None:
            self._unfold(person)
            self._parts -= {account.name[:_PART], account.name[-_PART:]}

    def prune(self) -> list[Person]:
        """Forget all names that are nobody's account, and give them back."""
        strange, self._strange = self._strange, []
        for person in strange:
            del self._people[person.name]
            self._unfold(person)
        return strange

    def _unfold(self, person: Person) -> None:
        folded = person.name.lower()
        alike = self._folded[folded]
        alike.remove(person)
        if not alike:
            del self._folded[folded]

    def person(self, name: bytes) -> Person:
        """What is known of a name. One that has no part of a name of ours may have been registered by anybody."""
        found = self._people.get(name)
        if found is not None:
            return found
        if self._is_derived(name):
            return self._enter(Person(name))
        return self._enter(Person(name, registered=None if name else False, keys=None))

    def _enter(self, person: Person) -> Person:
        if person.account is None:
            self._strange.append(person)
        else:
            self._parts |= {person.name[:_PART], person.name[-_PART:]}
        self._people[person.name] = person
        self._folded.setdefault(person.name.lower(), []).append(person)
        return person

    def _is_derived(self, name: bytes) -> bool:
        folded, parts = name.lower(), self._parts
        return any(folded[start : start + _PART] in parts for start in range(len(folded) - _PART + 1))

    def variants(self, name: bytes) -> Iterable[Person]:
        """Whoever may be meant by this name: its own user, and those whose names differ in the case of letters alone."""
        self.person(name)
        return self._folded[name.lower()]

    def may_be_taken(self, name: bytes) -> bool:
        """Whether somebody may have registered this name by now."""
        return any(person.may_be_registered for person in self.variants(name))

    def is_taken(self, name: bytes, at: int) -> bool:
        """Whether this name was surely registered before an event."""
        person = self.person(name)
        return person.registered is True and person.since <= at

    def may_have_key(self, name: bytes, key: bytes) -> bool:
        """Whether this may be the key of the user of this name."""
        return any(person.may_be_registered and person.has_key(key) for person in self.variants(name))

    def may_have_weak_key(self, name: bytes) -> bool:
        """Whether the user of this name may have a key under which anybody can make proofs."""
        return any(person.may_be_registered and is_weak(person.possible_keys) for person in self.variants(name))

    def knows_key(self, key: bytes) -> bool:
        """Whether a key is that of an account of ours, which every server takes."""
        return any(person.account and person.account.key == key for person in self._people.values())

    def people(self) -> Iterator[Person]:
        """Everybody of whom anything is known."""
        return iter(self._people.values())

    def accounts(self) -> Iterator[Person]:
        """Everybody who is an account of ours."""
        return (person for person in self._people.values() if person.account)

    # Registrations

    def register_sent(self, request: Request, name: bytes, key: bytes) -> None:
        """A registration is under way."""
        self.person(name).pending[id(request)] = (request, key)

    def register_answered(self, request: Request, name: bytes, key: bytes, code: int) -> None:
        """A registration was answered: 0 stands for success, else why it failed."""
        person = self.person(name)
        person.pending.pop(id(request), None)
        if code == 0:
            person.registered, person.since, person.keys = True, self.clock, {key}

    def register_lost(self, request: Request, name: bytes, key: bytes) -> None:
        """A registration will never be answered, so nobody knows whether it was done."""
        person = self.person(name)
        if person.pending.pop(id(request), None) is not None and person.registered is not True:
            person.registered = None
            if person.keys is not None:
                person.keys.add(key)

    # Sessions

    def may_be_elsewhere(self, name: bytes, here: Tracker) -> bool:
        """Whether this user may be logged in on another connection."""
        return any(other is not here for person in self.variants(name) for other in person.sessions.values())

    def may_be_there(self, name: bytes, at: int) -> bool:
        """Whether this user may have been logged in at any time since an event."""
        return any(person.sessions or person.left_at >= at for person in self.variants(name))

    def sole_session(self, name: bytes) -> Tracker | None:
        """The only connection on which this user may be logged in, if it surely is."""
        people = [person for person in self.variants(name) if person.may_be_registered]
        if len(people) != 1 or len(people[0].sessions) != 1:
            return None
        (only,) = people[0].sessions.values()
        return only if only.is_surely(people[0].name) else None
