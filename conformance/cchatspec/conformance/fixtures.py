"""What cases ask for by name: peers in every state, accounts, the foundations and the open points' notebook.

`stranger` is connected and nothing else; `visitor` is connected and registered but not logged in; `alice`, `bob` and `carol` are
logged in. `connect` and `login` make more of them. Every fixture requires the foundations that it stands on, so that a case whose
way is barred is blocked by the clause that bars it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest

from cchatspec.conformance.harness.foundations import must_register
from cchatspec.conformance.harness.outcomes import Blocked, NotApplicable
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.steps import listed
from cchatspec.conformance.harness.target import Foundation, Target
from cchatspec.conformance.harness.wirelog import WireLog
from cchatspec.conformance.profile import Profile
from cchatspec.spec import Presence

TARGET = pytest.StashKey[Target]()
OBSERVED = pytest.StashKey[dict[str, str]]()
PROFILE = pytest.StashKey[Profile]()

#: How often a list is asked for until it shows that a user has gone.
_LIST_TRIES = 20


class Connect(Protocol):
    """Opens a connection, for a fresh account unless one is given."""

    def __call__(self, account: Account | None = None, who: str = "", *, elsewhere: bool = False) -> Peer:
        """Connect; `elsewhere` is the loopback interface's second address."""


class Login(Protocol):
    """Opens a connection and logs in, as a fresh user unless an account is given."""

    def __call__(self, account: Account | None = None, who: str = "") -> Peer:
        """Log in."""


class AwaitOffline(Protocol):
    """Waits until a user is gone, which nobody may rely on before."""

    def __call__(self, watcher: Peer, name: bytes) -> None:
        """Wait for the STATUS_UPDATE, or where none ever comes for the list to show it."""


class Reading(Protocol):
    """Gives back a reading of an open point."""

    def __call__(self, point: str) -> str:
        """The reading of this open point."""


class Observe(Protocol):
    """Notes which reading of the case's open point the target shows."""

    def __call__(self, reading: str) -> None:
        """Note a reading."""


class Attempt(Protocol):
    """Gives back the attempt at a foundation."""

    def __call__(self, clause: str) -> Foundation:
        """Try it, if it has not been tried."""


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Target:
    """The implementation under test."""
    return pytestconfig.stash[TARGET]


@pytest.fixture
def log(target: Target) -> WireLog:
    """The wire log of this case."""
    return target.log


@pytest.fixture
def connect(target: Target, log: WireLog) -> Iterator[Connect]:
    """Opens connections that are closed when the case is over."""
    hint = _slug(target)
    peers: list[Peer] = []

    def open_one(account: Account | None = None, who: str = "", *, elsewhere: bool = False) -> Peer:
        target.require("REG-OK")
        target.foundation("FRAME-SEGMENT")  # by which it is known how to send
        peers.append(
            Peer(target, account or target.new_account(f"{who or 'user'}{hint}"), log, who, elsewhere=elsewhere)
        )
        return peers[-1]

    yield open_one
    for peer in peers:
        peer.log_the_rest()
        peer.close()


def _slug(target: Target) -> str:
    """What comes behind the clause in the id of the case that runs."""
    return target.case.partition("/")[2]


@pytest.fixture
def new_account(target: Target) -> Account:
    """An account that nobody has registered."""
    return target.new_account(f"new{_slug(target)}")


@pytest.fixture
def login(target: Target, connect: Connect) -> Login:
    """Logs users in, and registers those that come without an account."""

    def enter(account: Account | None = None, who: str = "") -> Peer:
        target.require("KEY-FOUND")
        peer = connect(account, who)
        if account is None:
            must_register(peer)
        peer.login()
        if not peer.logged_in:
            raise Blocked("LOGIN-PROOF", f"the login of '{who or 'a user'}' failed, though another one worked")
        return peer

    return enter


@pytest.fixture
def stranger(connect: Connect) -> Peer:
    """A connection on which nothing has been sent; its account is not registered."""
    return connect(who="stranger")


@pytest.fixture
def visitor(connect: Connect) -> Peer:
    """A connection that has registered its account and is not logged in."""
    return must_register(connect(who="visitor"))


@pytest.fixture
def outsider(target: Target, visitor: Peer) -> Peer:
    """A visitor to a target on which logging in works, so that being refused means something."""
    target.require("KEY-FOUND")
    return visitor


@pytest.fixture
def alice(login: Login) -> Peer:
    """A logged-in user."""
    return login(who="alice")


@pytest.fixture
def bob(login: Login) -> Peer:
    """A second logged-in user."""
    return login(who="bob")


@pytest.fixture
def carol(login: Login) -> Peer:
    """A third logged-in user."""
    return login(who="carol")


@pytest.fixture
def absent(target: Target, connect: Connect) -> Account:
    """A registered user who is not logged in and never was."""
    target.require("KEY-FOUND")
    peer = must_register(connect(who="absent"))
    peer.close()
    return peer.account


@pytest.fixture
def attempt(target: Target, log: WireLog) -> Attempt:
    """Gives back the attempt at a foundation, with the log of it."""

    def look(clause: str) -> Foundation:
        if target.gone:
            raise Blocked("ROBUST-ALIVE", target.gone)
        found = target.foundation(clause)
        log.adopt(found.log)
        return found

    return look


@pytest.fixture
def sending(target: Target) -> None:
    """Messages to users who are there arrive, on this target."""
    target.require("SEND-ACK")
    target.require("SEND-PUSH")


@pytest.fixture
def queueing(target: Target) -> None:
    """Messages are queued for absent users and delivered, on this target."""
    target.require("QUEUE-ACK")
    target.require("QUEUE-DELIVER")


@pytest.fixture
def listing(target: Target) -> None:
    """Users can be listed, on this target, and the list shows who is there now."""
    target.require("LIST-STATUS")


@pytest.fixture
def refusing(target: Target) -> None:
    """Who is not logged in is turned away, on this target."""
    target.require("AUTH-KEY")


@pytest.fixture
def checking(target: Target) -> None:
    """Proofs that prove nothing open no session, on this target."""
    target.require("LOGIN-REFUSE")


@pytest.fixture
def telling(target: Target) -> None:
    """Changes of status are told to others, on this target."""
    target.require("STATUS-TELL")


@pytest.fixture
def await_offline(target: Target) -> AwaitOffline:
    """Waits until the target has taken note that a user is gone, as far as that can be seen."""

    def wait(watcher: Peer, name: bytes) -> None:
        if target.foundation("STATUS-TELL").holds:
            watcher.await_update(name, Presence.OFFLINE)
        else:
            next((None for _ in range(_LIST_TRIES) if listed(watcher, name) == [Presence.OFFLINE]), None)

    return wait


@pytest.fixture
def observe(request: pytest.FixtureRequest) -> Observe:
    """Notes the reading of the open point that this case observes."""
    point = request.node.get_closest_marker("open_point").args[0]

    def note(reading: str) -> None:
        request.config.stash[OBSERVED][point] = reading

    return note


@pytest.fixture
def declared(request: pytest.FixtureRequest) -> Reading:
    """The reading that the target's profile declares."""

    def look(point: str) -> str:
        profile = request.config.stash.get(PROFILE, Profile())
        if point not in profile.open_points:
            raise NotApplicable("the profile declares no reading of it")
        return profile.open_points[point]

    return look


@pytest.fixture
def observed(request: pytest.FixtureRequest) -> Reading:
    """The reading that the case of this open point has noted."""

    def look(point: str) -> str:
        readings = request.config.stash[OBSERVED]
        if point not in readings:
            raise NotApplicable("the target showed none of its readings")
        return readings[point]

    return look
