"""All cases, without running one: their ids, titles, clauses and levels, as pytest collects them from this package."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cchatspec.conformance.harness.foundations import FOUNDATIONS
from cchatspec.spec import CLAUSES, FAMILIES, OPEN_POINTS

if TYPE_CHECKING:
    from cchatspec.reports.results import LevelName

_PACKAGE = Path(__file__).parent

#: The options without which some cases are left out.
OPTIONS = ("soak", "profile")

#: The case that comes before all others.
_FIRST = "ROBUST-ALIVE/sanity-first"

#: The modules whose cases come last: what needs that time has passed; what makes all lists long; what restarts the target, which
#: ends whatever others have built up there; what all the others have seen; what holds the profile against what they have
#: observed; whether the target still serves after all that.
_LATE = ("late", "many", "restart", "whole_run", "profile", "sanity")

#: Plugins of pytest that do something around every test, and nothing for the suite.
_IDLE_PLUGINS = (
    "cacheprovider",
    "debugging",
    "doctest",
    "faulthandler",
    "junitxml",
    "legacypath",
    "logging",
    "monkeypatch",
    "pastebin",
    "recwarn",
    "setuponly",
    "setupplan",
    "skipping",
    "stepwise",
    "subtests",
    "threadexception",
    "tmpdir",
    "unittest",
    "unraisableexception",
    "warnings",
)
_PLUGIN_VARIABLES = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD")


#: The case that an item is.
_CASE: pytest.StashKey[Case] = pytest.StashKey()


class SelectionError(ValueError):
    """A selection that fits no case; the text names what is nearest."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case; `clauses` holds the id of the open point for a case that only observes one.

    A foundation is a case that others build on, and that is blocked by others no more than they are. `only_with` names the option
    without which the case is left out: `soak`, `profile` or none.
    """

    id: str
    title: str
    clauses: tuple[str, ...]
    level: LevelName
    is_foundation: bool = False
    only_with: str = ""

    @property
    def family(self) -> str:
        """The family of its first clause, or `OPEN`."""
        return "OPEN" if self.level == "OPEN" else self.clauses[0].partition("-")[0]


def case_of(item: pytest.Function) -> Case:
    """The case that a collected function is.

    Raises:
        pytest.UsageError: it has no clause, or one that the spec does not know.
    """
    if _CASE not in item.stash:
        item.stash[_CASE] = _case_of(item)
    return item.stash[_CASE]


def _case_of(item: pytest.Function) -> Case:
    name = item.originalname.removeprefix("test_").replace("_", "-")
    variant = re.sub(r"[^0-9A-Za-z_.+-]+", "-", item.callspec.id) if hasattr(item, "callspec") else ""
    slug = f"{name}-{variant}" if variant else name
    title = (item.function.__doc__ or name.replace("-", " ")).strip().splitlines()[0].rstrip(".")
    title = f"{title} ({variant})" if variant else title
    point = item.get_closest_marker("open_point")
    if point is not None:
        _check_known(item, point.args, OPEN_POINTS)
        return Case(f"OPEN/{point.args[0]}", title, tuple(point.args), "OPEN")
    mark = item.get_closest_marker("clause")
    clauses: tuple[str, ...] = tuple(mark.args) if mark else ()
    _check_known(item, clauses, CLAUSES)
    return Case(
        f"{clauses[0]}/{slug}",
        title,
        clauses,
        (mark and mark.kwargs.get("level")) or CLAUSES[clauses[0]].level.value,
        "attempt" in item.fixturenames,
        item.path.stem if item.path.stem in OPTIONS else "",
    )


def in_order(items: list[pytest.Function]) -> list[pytest.Function]:
    """The first case, the foundations in the order in which they stand on one another, then the cases by family in the order of
    the document.

    After the open points come the modules of `_LATE`, in this order.
    """
    families, foundations = [*FAMILIES, "OPEN"], list(FOUNDATIONS)

    def rank(item: pytest.Function) -> tuple[int, int, int]:
        case = case_of(item)
        first = foundations.index(case.clauses[0]) if case.is_foundation else len(foundations)
        if case.id == _FIRST:
            first = -1
        late = _LATE.index(item.path.stem) + 1 if item.path.stem in _LATE else 0
        return first, late, families.index(case.family)

    return sorted(items, key=rank)


def _check_known(item: pytest.Function, ids: tuple[str, ...], known: object) -> None:
    assert isinstance(known, dict)
    unknown = [name for name in ids if name not in known]
    if unknown or not ids:
        raise pytest.UsageError(f"{item.nodeid}: the spec knows no {', '.join(unknown) or 'clause for this case'}")


def select(
    cases: list[Case], chosen: tuple[str, ...], left_out: tuple[str, ...], options: tuple[str, ...] = ()
) -> set[str]:
    """The ids of the cases that fit a glob of `chosen` (all, if there is none) and none of `left_out`.

    A glob is held against the case's id, its clauses, its family and its level. `@FILE` stands for the globs in a file, one
    a line. Cases that need an option are left out without it.

    Raises:
        SelectionError: a glob fits nothing, or nothing is left.
        OSError: a file of globs cannot be read.
    """
    chosen, left_out = _expanded(chosen), _expanded(left_out)
    every = cases
    cases = [case for case in cases if not case.only_with or case.only_with in options]
    for glob in (*chosen, *left_out):
        if not any(_fits(case, glob) for case in cases):
            raise SelectionError(_nothing_fits(glob, cases, every))
    kept = {case.id for case in cases if not chosen or any(_fits(case, glob) for glob in chosen)}
    kept -= {case.id for case in cases if any(_fits(case, glob) for glob in left_out)}
    if not kept:
        raise SelectionError("no case is left after --skip")
    return kept


def _fits(case: Case, glob: str) -> bool:
    glob = glob.upper()
    return any(fnmatchcase(name.upper(), glob) for name in (case.id, *case.clauses, case.family, case.level))


def _expanded(globs: tuple[str, ...]) -> tuple[str, ...]:
    """The globs, with those of a file in the place of its name; `#` starts a comment there."""
    return tuple(found for glob in globs for found in (_globs_in(Path(glob[1:])) if glob.startswith("@") else [glob]))


def _globs_in(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise SelectionError(f"{path} is no text: {problem}") from None
    globs = [line.partition("#")[0].strip() for line in text.splitlines()]
    if not any(globs):
        raise SelectionError(f"{path} has no glob in it")
    return [glob for glob in globs if glob]


def _nothing_fits(glob: str, cases: list[Case], every: list[Case]) -> str:
    options = sorted({f"--{case.only_with}" for case in every if _fits(case, glob)})
    if options:
        return f"'{glob}' fits only cases that are run with {' or '.join(options)}"
    names = {name for case in cases for name in (case.id, *case.clauses, case.family)}
    near = get_close_matches(glob.upper(), [name.upper() for name in names], n=3, cutoff=0.4)
    actual = [name for name in sorted(names) if name.upper() in near]
    hint = f"; did you mean {' or '.join(actual)}?" if actual else "; 'cchatspec list' shows all cases"
    return f"no case fits '{glob}'{hint}"


def pytest_arguments() -> list[str]:
    """What pytest is called with, so that nothing of the user's own pytest settings reaches the suite."""
    return [
        *("-c", str(_PACKAGE / "pytest.ini")),
        *("--rootdir", str(_PACKAGE)),
        *(word for plugin in _IDLE_PLUGINS for word in ("-p", f"no:{plugin}")),
        "--capture=no",
        "--tb=native",
        "--import-mode=importlib",
        str(_PACKAGE / "cases"),
    ]


@contextmanager
def pytest_alone() -> Iterator[None]:
    """Keep plugins and options of the surrounding environment out of pytest."""
    kept = {name: os.environ.get(name) for name in _PLUGIN_VARIABLES}
    for name in _PLUGIN_VARIABLES:
        os.environ.pop(name, None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


class QuietReporter:
    """Takes pytest's own terminal reporter out of the way."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Unregister what would print."""
        config.addinivalue_line("markers", "clause(*ids): the clauses that a case tests")
        config.addinivalue_line("markers", "open_point(id): the open point that a case observes")
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            config.pluginmanager.unregister(reporter)


class _Collector(QuietReporter):
    def __init__(self) -> None:
        self.cases: list[Case] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        functions = [item for item in session.items if isinstance(item, pytest.Function)]
        self.cases = [case_of(item) for item in in_order(functions)]


@cache
def all_cases() -> tuple[Case, ...]:
    """Every case of the suite in the order in which they run."""
    from cchatspec.conformance import fixtures

    collector = _Collector()
    with pytest_alone():
        status = pytest.main([*pytest_arguments(), "--collect-only"], plugins=[collector, fixtures])
    if status != pytest.ExitCode.OK:
        raise RuntimeError(f"the suite's own cases could not be collected: {status!r}")
    return tuple(collector.cases)


def cases_of(clause_id: str) -> list[str]:
    """The ids of the cases that test a clause or observe an open point."""
    return [case.id for case in all_cases() if clause_id in case.clauses]
