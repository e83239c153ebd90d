"""Python source out of a protocol document: one pure function per generated module, and the comparison with what is on disk.

`render` gives the text of every generated module; `stale` says which of them differ from the files beside this package, so
that a test and `cchatspec spec generate --check` can hold them fresh. Generated text is stable under the formatter.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from ..model import Document
from .clauses import render_clauses
from .fast import render_fast
from .messages import render_messages
from .schemas import render_schemas

_HEADER = """\
# ======================================================================
# GENERATED from spec/PROTOCOL.md by `cchatspec spec generate`.
# Do not edit: change the document, run the command, commit both.
# ======================================================================
"""


def render(document: Document) -> dict[str, str]:
    """The text of every generated module by its file name."""
    return {
        "clauses.py": _HEADER + render_clauses(document),
        "fast.py": _HEADER + render_fast(document.layouts),
        "messages.py": _HEADER + render_messages(document.layouts),
        "schemas.py": _HEADER + render_schemas(document.layouts),
    }


def generated_folder() -> Path:
    """Where the generated modules are."""
    return Path(__file__).parents[1] / "generated"


def write(document: Document) -> list[Path]:
    """Write the modules that differ from the disk and return their paths."""
    changed = []
    for name, text in render(document).items():
        path = generated_folder() / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def stale(document: Document) -> dict[str, str]:
    """The modules that differ from the disk: file name to unified diff."""
    diffs = {}
    for name, text in render(document).items():
        path = generated_folder() / name
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        if found != text:
            lines = difflib.unified_diff(
                found.splitlines(), text.splitlines(), f"{name} (on disk)", f"{name} (rendered)", lineterm=""
            )
            diffs[name] = "\n".join(lines)
    return diffs
