"""Whether replies come some 40 ms late for usual clients, which is no fault: a header and a payload are written apart.

With Nagle's algorithm the second write waits until the first is acknowledged, and TCP acknowledges what brings no reply of the
program's own only after some 40 ms. The harness has all acknowledged at once, and sees nothing of it but here.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from cchatspec.conformance.harness.foundations import user
from cchatspec.conformance.harness.outcomes import Blocked, RateLimited, TooSlow
from cchatspec.conformance.harness.wirelog import WireLog
from cchatspec.spec import GetPublicKey, PublicKeyResponse

if TYPE_CHECKING:
    from cchatspec.conformance.harness.peer import Peer
    from cchatspec.conformance.harness.target import Target

_TRIES = 5

#: A reply that is late on every try by at least so much is late by its acknowledgement, in seconds.
_LATE_S = 0.03


def quickest(peer: Peer, *, quick: bool) -> float:
    """The shortest of five round trips of a logged-in user, in seconds, with or without acknowledgements at once."""
    took = []
    peer.quick = quick
    for _ in range(_TRIES):
        peer.acknowledge()
        start = monotonic()
        if peer.request(GetPublicKey(peer.name)) != PublicKeyResponse(1, peer.account.public_key):
            return 0.0
        took.append(monotonic() - start)
    return min(took)


def advice_on(peer: Peer) -> list[str]:
    """What to do about replies that are late for a logged-in user, if they are."""
    at_once, usually = quickest(peer, quick=True), quickest(peer, quick=False)
    if usually - at_once < _LATE_S:
        return []
    return [
        f"Replies come after {1000 * usually:.0f} ms for usual clients, and after {1000 * at_once:.1f} ms for those whose TCP "
        "acknowledges at once. Write header and payload in one call, or set TCP_NODELAY."
    ]


def advice_on_pace(target: Target) -> list[str]:
    """What to do about replies that are late, if users can log in and they are."""
    try:
        target.require("KEY-FOUND")
        peer = user(target, WireLog(), "measured")
        try:
            return advice_on(peer)
        finally:
            peer.close()
    except (Blocked, RateLimited, TooSlow):
        return []
