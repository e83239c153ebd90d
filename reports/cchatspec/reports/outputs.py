"""Which forms of report were asked for, and writing them: what `run`, `fuzz` and `report` share.

A renderer is loaded only if its form was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cchatspec.reports.digest import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """Where each form goes; None where it was not asked for. `allure` is a folder."""

    html: Path | None = None
    junit: Path | None = None
    allure: Path | None = None
    markdown: Path | None = None
    sarif: Path | None = None
    badge: Path | None = None

    @property
    def files(self) -> dict[str, Path]:
        """The files that were asked for, by the name of their option."""
        named = {"html": self.html, "junit": self.junit, "markdown": self.markdown, "sarif": self.sarif}
        return {name: path for name, path in {**named, "badge": self.badge}.items() if path is not None}

    def __bool__(self) -> bool:
        """Whether anything was asked for."""
        return bool(self.files) or self.allure is not None


def check_outputs(options: ReportOptions) -> None:
    """Find out before a long run that a report could not be written.

    Raises:
        OSError: a folder is missing or not writable.
    """
    from cchatspec.reports.files import check_folder, check_writable

    for path in options.files.values():
        check_writable(path)
    if options.allure is not None:
        check_folder(options.allure)


def write_reports(reports: Sequence[Report], options: ReportOptions, *, strict: bool = False) -> list[Path]:
    """Write every form that was asked for, from any number of results, and give back where they are.

    With `strict`, a broken SHOULD and an undecided case count as failures, as they do for the exit status.

    Raises:
        OSError: a file cannot be written.
    """
    from cchatspec.reports.files import write_whole

    written = []
    for path, data in _rendered(reports, options, strict=strict):
        write_whole(path, data)
        written.append(path)
    if options.allure is not None:
        from cchatspec.reports.allure import write_allure

        write_allure(reports, options.allure)
        written.append(options.allure)
    return written


def _rendered(reports: Sequence[Report], options: ReportOptions, *, strict: bool) -> Iterator[tuple[Path, bytes]]:
    if options.html is not None:
        from cchatspec.reports.html import render

        yield options.html, render(reports).encode(errors="backslashreplace")
    if options.junit is not None:
        from cchatspec.reports.junit import junit_xml

        yield options.junit, junit_xml(reports, strict=strict)
    if options.markdown is not None:
        from cchatspec.reports.markdown import markdown

        yield options.markdown, markdown(reports, strict=strict).encode()
    if options.sarif is not None:
        from cchatspec.reports.sarif import sarif_json

        yield options.sarif, sarif_json(reports)
    if options.badge is not None:
        from cchatspec.reports.badge import badge_svg

        yield options.badge, badge_svg(reports, strict=strict)
