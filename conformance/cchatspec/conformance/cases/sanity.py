"""Whether a new user is served at all. This case runs first and last."""

from __future__ import annotations

import pytest

from cchatspec.conformance.fixtures import Connect
from cchatspec.conformance.harness.steps import enter, entered
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause


@clause("ROBUST-ALIVE")
@pytest.mark.parametrize("when", ["first", "last"])
def test_sanity(target: Target, connect: Connect, when: str) -> None:
    """A new user registers, logs in and is served"""
    target.require("KEY-FOUND")
    newcomer = connect(who="newcomer")

    assert enter(newcomer) == entered(newcomer)
