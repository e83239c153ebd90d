"""When a connection may be ended by the target, with made-up events and a made-up clock."""

from __future__ import annotations

import pytest

from cchatspec.conformance.harness.outcomes import Ending
from cchatspec.fuzz.model import Model
from cchatspec.fuzz.trace import Book
from cchatspec.fuzz.users import Users
from cchatspec.spec import Error, Frame, ListUsers, build

LIST = build(ListUsers())
REFUSED = Frame(0x88, build(Error(4, b""))[5:])


def accusations(*, pause_s: float, answered_since: bool) -> list[str]:
    """What is said of a target that ends a connection on which somebody asks after a pause."""
    now, book = [0.0], Book()
    model = Model(Users(1), time=lambda: now[0])
    tracker = model.connected(0, book)

    def ask(*, answered: bool) -> None:
        tracker.said_error = False  # as if something else had come since
        tracker.sent(LIST)
        if answered:
            model.came(tracker, REFUSED)

    ask(answered=True)
    now[0] += pause_s
    if answered_since:
        ask(answered=True)
    ask(answered=False)
    model.ended(tracker, Ending.FIN)
    return [violation.kind for violation in book.violations]


def test_a_reset_may_take_the_word_of_a_takeover_with_it() -> None:
    model, book = Model(Users(1)), Book()
    account = model.users.new()
    model.world.admit(account, registered=True)
    first, second = model.connected(0, book), model.connected(1, book)
    first.may_enter(account.name)
    second.may_enter(account.name)
    first.sent(LIST)
    model.ended(first, Ending.RST)

    assert book.violations == []


def test_a_target_may_give_up_who_does_not_read() -> None:
    model, book = Model(Users(1)), Book()
    tracker = model.connected(0, book)
    tracker.sent(LIST)
    tracker.was_stalled = True
    model.ended(tracker, Ending.FIN, half_a_frame=b"\x00")

    assert book.violations == []


@pytest.mark.parametrize(
    ("pause_s", "answered_since", "kinds"),
    [(1.5, False, []), (0.1, False, ["disconnect"]), (1.5, True, ["disconnect"])],
)
def test_a_target_may_give_up_a_connection_before_what_is_sent_after_a_pause(
    pause_s: float, answered_since: bool, kinds: list[str]
) -> None:
    assert accusations(pause_s=pause_s, answered_since=answered_since) == kinds
