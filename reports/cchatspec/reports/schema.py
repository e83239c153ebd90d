"""The JSON Schema of results files, of runs and of campaigns; `python -m cchatspec.reports.schema` writes it."""

from __future__ import annotations

import json

import msgspec

from cchatspec.reports.campaign import Campaign
from cchatspec.reports.results import SCHEMA, Results, schema_path


def schema_text() -> str:
    """The JSON Schema of a results file, whose `kind` says which of the two forms it has."""
    forms, definitions = msgspec.json.schema_components([Results, Campaign], ref_template="#/$defs/{name}")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        "oneOf": list(forms),
        "$defs": definitions,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the shipped schema anew from the models."""
    schema_path().write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
