"""Between what a run shows and what the results say of it."""

from __future__ import annotations

from cchatspec.fuzz.trace import Violation
from cchatspec.reports.campaign import Finding


def violation_of(found: Finding) -> Violation:
    """The violation that a finding is about."""
    return Violation(
        found.kind, found.state, found.request, found.field, found.outcome, found.clause, found.happens, step=-1
    )
