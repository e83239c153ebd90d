"""What shows only in all that a run has seen."""

from __future__ import annotations

from collections import Counter

from cchatspec.conformance.harness.peer import Peer
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause


@clause("LOGIN-FRESH")
def test_never_twice_in_a_run(target: Target, outsider: Peer) -> None:
    """No challenge that was given in this run, before or after a restart, was given twice"""
    outsider.challenge()

    assert [challenge for challenge, times in Counter(target.challenges).items() if times > 1] == []
