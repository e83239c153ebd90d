"""Work that waits together: while one waits, the others go on, and all begin in their order."""

from __future__ import annotations

import socket

import pytest

from cchatspec.fuzz.waiting import READABLE, at_once, wait_for


def test_one_goes_on_while_another_waits() -> None:
    left, right = socket.socketpair()
    said: list[str] = []

    def reads() -> None:
        said.append("waits")
        wait_for(left.fileno(), READABLE, 10)
        said.append(left.recv(10).decode())

    def writes() -> None:
        said.append("writes")
        right.send(b"came")

    with left, right:
        at_once([reads, writes])

    assert said == ["waits", "writes", "came"]


def test_patience_has_an_end_for_each() -> None:
    left, right = socket.socketpair()
    ready: list[bool] = []

    with left, right:
        at_once([lambda: ready.append(wait_for(left.fileno(), READABLE, 0.001))])

    assert ready == [False]


def test_what_one_raises_ends_all_of_them() -> None:
    left, right = socket.socketpair()
    ended: list[str] = []

    def waits() -> None:
        try:
            wait_for(left.fileno(), READABLE, 10)
        finally:
            ended.append("waits")

    def fails() -> None:
        raise LookupError

    with left, right, pytest.raises(LookupError):
        at_once([waits, fails])

    assert ended == ["waits"]


def test_outside_of_such_work_waiting_is_plain() -> None:
    left, right = socket.socketpair()

    with left, right:
        right.send(b"x")

        assert wait_for(left.fileno(), READABLE, 10)
