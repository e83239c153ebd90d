"""What the harness makes of slow targets: a deadline that says nothing, and replies that are late by TCP's rules."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cchatspec.conformance.harness.outcomes import Ending, TooSlow
from cchatspec.conformance.harness.pace import advice_on
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.target import LONGEST_DEADLINE_S, Target
from cchatspec.conformance.harness.wirelog import WireLog
from cchatspec.spec import PublicKeyResponse, RegisterResponse, build

DEADLINE_S = 0.2
Act = Callable[[socket.socket], None]


@contextmanager
def serving(act: Act) -> Iterator[Target]:
    """A target that does the same with every connection, on threads of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=run, args=(sock,), daemon=True).start()

        def run(sock: socket.socket) -> None:
            with sock:
                act(sock)

        threading.Thread(target=serve, daemon=True).start()
        target = Target(*listener.getsockname())
        target.settle(Account(b"resident"), 0.0)
        target.deadline = DEADLINE_S
        yield target
        listener.shutdown(socket.SHUT_RDWR)


def answers_after(delay: float) -> Act:
    """Answers each registration so many seconds late."""

    def act(sock: socket.socket) -> None:
        while sock.recv(4096):
            threading.Event().wait(delay)
            sock.sendall(build(RegisterResponse(0, 2)))

    return act


def is_silent(sock: socket.socket) -> None:
    """Answers nothing."""
    while sock.recv(4096):
        pass


def in_vain() -> WireLog:
    """The log of a case in which a deadline passed."""
    log = WireLog()
    log.event(1, Ending.DEADLINE.value)
    return log


def test_a_deadline_says_nothing_of_a_target_that_is_slow_for_everybody() -> None:
    with (
        serving(answers_after(DEADLINE_S / 2)) as target,
        pytest.raises(TooSlow, match=r"within 0\.2 s.*takes 0\.1\d s"),
    ):
        target.check_pace(in_vain())


def test_the_deadline_is_longer_once_the_target_is_known_to_be_slow() -> None:
    with serving(answers_after(DEADLINE_S / 2)) as target:
        with pytest.raises(TooSlow):
            target.check_pace(in_vain())

        assert target.deadline > DEADLINE_S


def test_a_deadline_is_held_against_a_target_that_is_quick_elsewhere() -> None:
    with serving(answers_after(0)) as target:
        target.check_pace(in_vain())

        assert target.deadline == DEADLINE_S


def test_a_deadline_is_held_against_a_target_that_answers_nobody() -> None:
    with serving(is_silent) as target:
        target.check_pace(in_vain())

        assert target.deadline == DEADLINE_S


def test_where_no_deadline_passed_nothing_is_measured() -> None:
    with serving(answers_after(DEADLINE_S / 2)) as target:
        target.check_pace(WireLog())

        assert target.deadline == DEADLINE_S


def test_what_takes_its_time_is_given_it_within_bounds() -> None:
    target = Target("127.0.0.1", 1, deadline=1.0)
    deadlines = []
    for seconds in (0.5, 3.0, 1000.0):
        target.allow(seconds)
        deadlines.append(target.deadline)

    assert deadlines == [1.0, 3.0, LONGEST_DEADLINE_S]


def serves_key(peer_key: bytes, *, apart: bool) -> Act:
    """Answers every request with a key, header and payload in one write or apart."""
    frame = build(PublicKeyResponse(1, peer_key))

    def act(sock: socket.socket) -> None:
        while sock.recv(4096):
            for part in (frame[:5], frame[5:]) if apart else (frame,):
                sock.sendall(part)

    return act


@pytest.mark.parametrize("apart", [True, False])
def test_replies_that_are_late_by_two_writes_bring_an_advice(apart: bool) -> None:
    account = Account(b"alice")
    with serving(serves_key(account.public_key, apart=apart)) as target:
        target.deadline = 2.0
        peer = Peer(target, account, WireLog())
        advice = advice_on(peer)
        peer.close()

    assert ["TCP_NODELAY" in text for text in advice] == [True] * apart
