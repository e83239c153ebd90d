"""The report as one HTML page that opens from disk: it loads nothing, and works without JavaScript, though less comfortably."""

from __future__ import annotations

from collections.abc import Sequence

from cchatspec.reports.campaign import Campaign
from cchatspec.reports.html.page import page
from cchatspec.reports.results import Results


def render(reports: Sequence[Results | Campaign]) -> str:
    """One page for any number of results: of conformance runs, of fuzzing campaigns, or of both.

    The page is the same for the same results. Texts that came from a target are escaped, with control characters made visible.
    """
    return page(reports)
