"""The report as one HTML page that opens from disk: it loads nothing, and works without JavaScript, though less comfortably."""

from __future__ import annotations

from collections.abc import Sequence

from cchatspec.reports.campaign import Campaign
from cchatspec.reports.html.page import page_text
from cchatspec.reports.results import Results

#: So much of what broke stands in the page as it is, in characters.
PLAIN_BUDGET = 1_000_000


def render(reports: Sequence[Results | Campaign], *, plain_budget: int = PLAIN_BUDGET) -> str:
    """One page for any number of results: of conformance runs, of fuzzing campaigns, or of both.

    The page is the same for the same results. Texts that came from a target are escaped, with control characters made visible.
    What broke is written into the page up to `plain_budget` characters; the rest is packed, and needs JavaScript to be unpacked.
    """
    return page_text(reports, plain_budget)
