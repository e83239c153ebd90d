"""Renders `clauses.py`: the table of clauses, families and open points."""

from __future__ import annotations

import json

from ..model import Clause, Document, OpenPoint
from .naming import exploded


def render_clauses(document: Document) -> str:
    """The module with every clause and open point as data."""
    families = [f"{_text(family.id)}: {_text(family.title)}" for family in document.families]
    parts = [
        '"""The clauses and open points of C-Chat as data."""\n\n'
        "from typing import Final\n\n"
        "from cchatspec.spec.model import Clause, Level, OpenPoint, Reading\n\n"
        "#: The title of each family of clauses, in the order of the document.\n"
        + exploded("FAMILIES: Final[dict[str, str]] = {", families, "}"),
        "#: Every clause by its id, in the order of the document.\n"
        + "\n".join(["CLAUSES: Final[dict[str, Clause]] = {", *(_clause(clause) for clause in document.clauses), "}"]),
        "#: Every open point by its id, in the order of the document.\n"
        + "\n".join(
            [
                "OPEN_POINTS: Final[dict[str, OpenPoint]] = {",
                *(_open_point(point) for point in document.open_points),
                "}",
            ]
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _clause(clause: Clause) -> str:
    fields = [
        f"id={_text(clause.id)}",
        f"level=Level.{clause.level.name}",
        f"roles={_row(clause.roles)}",
        f"sources={_row(clause.sources)}",
        f"text={_text(clause.text)}",
        f"why={_text(clause.why)}",
        f"untestable={_text(clause.untestable) if clause.untestable else None}",
    ]
    return exploded(f"{_text(clause.id)}: Clause(", fields, "),", "    ")


def _open_point(point: OpenPoint) -> str:
    readings = [f"Reading({_text(reading.value)}, {_text(reading.text)})" for reading in point.readings]
    fields = [
        f"id={_text(point.id)}",
        f"sources={_row(point.sources)}",
        f"text={_text(point.text)}",
        exploded("readings=(", readings, ")", "        ").lstrip(),
        f"reference={_text(point.reference)}",
        f"why={_text(point.why)}",
    ]
    return exploded(f"{_text(point.id)}: OpenPoint(", fields, "),", "    ")


def _row(items: tuple[str, ...]) -> str:
    return f"({', '.join(_text(item) for item in items)}{',' * (len(items) == 1)})"


def _text(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return "'" + text + "'" if '"' in text and "'" not in text else quoted
