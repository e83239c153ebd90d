"""The `probe` command: finds a target's reading of every open point, and its limits, without harming it.

The readings come from the suite's own cases that observe them. The limits are found by halving: some dozens of requests, no more
than the target would see from a few users.
"""

from __future__ import annotations

from collections.abc import Callable

from cchatspec.conformance.catalogue import all_cases
from cchatspec.conformance.harness.expect import registered
from cchatspec.conformance.harness.foundations import user
from cchatspec.conformance.harness.outcomes import Blocked, Ending, RateLimited
from cchatspec.conformance.harness.peer import Account, Peer
from cchatspec.conformance.harness.target import Target, open_target
from cchatspec.conformance.harness.wirelog import WireLog
from cchatspec.conformance.profile import Profile
from cchatspec.conformance.suite import run_suite
from cchatspec.spec import Error, ErrorCode, GetPublicKey, MessageAck, PublicKeyResponse, SendMessage

_LONGEST_NAME = 255
_LARGEST_BODY = 65_535
_MOST_REQUESTS = 500
_MOST_CONNECTIONS = 128


def probe_limits(target: Target) -> dict[str, int]:
    """The limits that show, by their names in a profile; those that don't are absent, and those that can't be found too."""
    found: dict[str, int] = {}
    for name, search in _SEARCHES.items():
        try:
            number = search(target)
        except (Blocked, RateLimited):
            continue
        if number is not None:
            found[name] = number
    return found


def probe(address: str | None, launch: str | None) -> Profile:
    """The profile of a target.

    Raises:
        TargetError: the target cannot be reached or started.
    """
    target = open_target(address, launch)
    try:
        chosen = {case.id for case in all_cases() if case.level == "OPEN"}
        results = run_suite(target, chosen, address or launch or "", "", lambda _case, _result: None)
        limits = {} if target.gone else probe_limits(target)
    finally:
        if target.launcher is not None:
            target.launcher.close()
    readings = {point: found.observed for point, found in results.open_points.items() if found.observed is not None}
    return Profile(readings, limits)


def largest(fits: Callable[[int], bool], most: int) -> int:
    """The largest number up to `most` that fits, if all smaller ones do; 0 if 1 does not."""
    if fits(most):
        return most
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _user(target: Target, hint: str) -> Peer:
    target.require("KEY-FOUND")
    return user(target, WireLog(), hint)


def _name_length(target: Target) -> int:
    target.require("REG-OK")
    start = target.new_account("n").name

    def fits(size: int) -> bool:
        if size < len(start):
            return True
        peer = Peer(target, Account(start + b"%03d" % size + b"x" * (size - len(start) - 3)), WireLog())
        taken = peer.register() == registered()
        peer.close()
        return taken

    return largest(fits, _LONGEST_NAME)


def _body_size(target: Target) -> int:
    recipient = _user(target, "recipient")

    def fits(size: int) -> bool:
        sender = _user(target, "sender")
        sender.send(SendMessage(recipient.name, bytes(size)))
        reply = sender.receive()
        sender.close()
        return isinstance(reply, MessageAck) and reply.status > 0

    size = largest(fits, _LARGEST_BODY)
    recipient.close()
    return size


def _requests(target: Target) -> int | None:
    peer = _user(target, "busy")
    peer.expects_limit = True
    served = PublicKeyResponse(1, peer.account.public_key)
    peer.send(*[GetPublicKey(peer.name)] * _MOST_REQUESTS)
    replies = [peer.receive()]
    while replies[-1] == served and len(replies) < _MOST_REQUESTS:
        replies.append(peer.receive())
    peer.close()
    last = replies[-1]
    limited = isinstance(last, Ending) or (isinstance(last, Error) and last.error_code == ErrorCode.RATE_LIMIT_EXCEEDED)
    return max(len(replies) - 1, 1) if limited else None


def _connections(target: Target) -> int | None:
    resident = _user(target, "resident")
    peers: list[Peer] = []
    try:
        while len(peers) < _MOST_CONNECTIONS:
            peers.append(Peer(target, resident.account, WireLog()))
            reply = peers[-1].register()
            if isinstance(reply, Ending) or (isinstance(reply, Error) and reply.error_code == ErrorCode.SERVER_ERROR):
                return len(peers)
    except Blocked:
        return max(len(peers), 1)
    finally:
        for peer in [*peers, resident]:
            peer.close()
    return None


_SEARCHES: dict[str, Callable[[Target], int | None]] = {
    "name-length": _name_length,
    "body-size": _body_size,
    "connections": _connections,
    "requests": _requests,
}
