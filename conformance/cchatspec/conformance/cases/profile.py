"""PROFILE: whether the target shows the readings that its profile declares. These cases come after those that observe them."""

from __future__ import annotations

import pytest

from cchatspec.conformance.fixtures import Reading
from cchatspec.conformance.marks import clause
from cchatspec.spec import OPEN_POINTS


@clause("PROFILE-TRUE")
@pytest.mark.parametrize("point", OPEN_POINTS)
def test_declared(declared: Reading, observed: Reading, point: str) -> None:
    """The declared reading is the one that shows"""
    expected = declared(point)

    assert observed(point) == expected
