"""Whether a new user is served at all. This case runs first and last."""

from __future__ import annotations

import pytest

from cchatspec.conformance.fixtures import Connect
from cchatspec.conformance.harness.expect import A_MESSAGE, error, one_of, register_refused
from cchatspec.conformance.harness.steps import enter, entered
from cchatspec.conformance.harness.target import Target
from cchatspec.conformance.marks import clause
from cchatspec.spec import ErrorCode

#: What a target answers that takes no more users than the suite has registered by then: how many that are is an open point.
FULL = [one_of(register_refused(ErrorCode.SERVER_ERROR), error(ErrorCode.SERVER_ERROR)), A_MESSAGE, A_MESSAGE]

#: What else is right, by the place of the case in the run.
BESIDES: dict[str, list[list[object]]] = {"first": [], "last": [FULL]}


@clause("ROBUST-ALIVE")
@pytest.mark.parametrize("when", BESIDES)
def test_sanity(target: Target, connect: Connect, when: str) -> None:
    """A new user registers, logs in and is served"""
    target.require("KEY-FOUND")
    newcomer = connect(who="newcomer")

    assert enter(newcomer) == one_of(entered(newcomer), *BESIDES[when])
