"""The decorators of cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from cchatspec.reports.results import LevelName

_Case = TypeVar("_Case", bound=Callable[..., object])


def clause(*ids: str, level: LevelName | None = None) -> Callable[[_Case], _Case]:
    """Bind a case to the clauses that it tests; its id and level are those of the first.

    `level` is for a case that goes beyond what the clause demands: SHOULD for what it only expects.
    """

    def mark(case: _Case) -> _Case:
        marked: _Case = pytest.mark.clause(*ids, level=level)(case)
        return marked

    return mark


def open_point(point: str) -> Callable[[_Case], _Case]:
    """Bind a case to the open point that it observes: it returns nothing and fails nothing, whatever it sees."""

    def mark(case: _Case) -> _Case:
        marked: _Case = pytest.mark.open_point(point)(case)
        return marked

    return mark
