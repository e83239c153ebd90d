"""The delays between attempts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cchatspec.reference.client.backoff import LONGEST_SECONDS, Backoff


def test_delays_double_up_to_a_limit() -> None:
    backoff = Backoff(lambda _, longest: longest)

    assert [backoff.delay() for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_reset_starts_again() -> None:
    backoff = Backoff(lambda _, longest: longest)
    backoff.delay()
    backoff.reset()

    assert backoff.delay() == 0.5


@given(st.integers(1, 100))
def test_chance_cuts_no_more_than_half(attempts: int) -> None:
    backoff = Backoff()
    delays = [backoff.delay() for _ in range(attempts)]

    assert all(0.25 <= delay <= LONGEST_SECONDS for delay in delays)
