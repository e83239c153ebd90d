"""The options that every command takes which makes reports; loaded at every start, so it loads nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import click

from cchatspec.reports.outputs import ReportOptions

_FILE = click.Path(path_type=Path)
_HELP = {
    "html": ("FILE", "Write one page to look at, which opens from disk."),
    "junit": ("FILE", "Write JUnit XML, for GitLab, Jenkins and GitHub."),
    "allure": ("DIR", "Write the results for the Allure report tool into a folder."),
    "markdown": ("FILE", "Write Markdown, for a job's summary or a comment."),
    "sarif": ("FILE", "Write the findings as SARIF, for code scanning."),
    "badge": ("FILE", "Write a badge as SVG."),
}


def report_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; the command gets them together as `reports`, a `ReportOptions`."""

    @wraps(command)
    def collected(*args: Any, **values: Any) -> Any:
        chosen = {name: values.pop(name) for name in _HELP}
        _refuse_clashes(chosen, values)
        return command(*args, reports=ReportOptions(**chosen), **values)

    for name, (metavar, text) in reversed(_HELP.items()):
        collected = click.option(f"--{name}", metavar=metavar, type=_FILE, help=text)(collected)
    return collected


def _refuse_clashes(chosen: dict[str, Path | None], values: dict[str, Any]) -> None:
    """Two things that go to one file, or a report that would overwrite what it is made from."""
    taken = {path.absolute(): said for said, path in _paths(values)}
    for name, path in chosen.items():
        if path is None or (path.exists() and not (path.is_file() or path.is_dir())):
            continue
        if other := taken.get(path.absolute()):
            raise click.UsageError(f"--{name} and {other} name the same file, {path}; give each its own")
        taken[path.absolute()] = f"--{name}"


def _paths(values: dict[str, Any]) -> Iterator[tuple[str, Path]]:
    """The files of the other options and arguments, each with what a user calls it."""
    for name, value in values.items():
        if isinstance(value, Path):
            yield f"--{name.replace('_', '-')}", value
        elif isinstance(value, tuple):
            yield from (("a RESULT", path) for path in value if isinstance(path, Path))
