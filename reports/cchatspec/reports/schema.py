"""Writes the JSON Schema of results files: `python -m cchatspec.reports.schema`."""

from __future__ import annotations

from cchatspec.reports.results import schema_path, schema_text


def main() -> None:
    """Write the shipped schema anew from the results model."""
    schema_path().write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
