"""Writing `replay.py`: the modules of `cchatspec.fuzz.standalone` and one finding, as one file that needs nothing else."""

from __future__ import annotations

import ast
import pprint
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cchatspec.spec.document import protocol_path, read_document

_MODULES = ("signing", "frames", "reading", "playing")
_OURS = "cchatspec."

_HEAD = '''#!/usr/bin/env python3
"""Show a fault of a C-Chat server again: python3 replay.py HOST:PORT

{text}

This one file does to a server what was found to be too much for it, and says whether it still is. It needs Python 3.8 or later
and nothing else. It registers users with fresh names, plays the steps of FINDING, shows what is sent (->) and what comes (<-),
and compares what came with what came when the fault was found. README.md beside it says what is wrong.

Exit status: 0 the fault no longer shows, 1 it still does, 2 the server cannot be reached or the command is wrong.
"""
'''


def standalone_text(finding: Mapping[str, Any]) -> str:
    """The source of a program that plays a finding; what it holds must be numbers, texts, None, lists and dicts."""
    imports: dict[str, None] = {}
    bodies = []
    for name in _MODULES:
        source = Path(__file__).with_name("standalone").joinpath(f"{name}.py").read_text(encoding="utf-8")
        body, needed = _split(source)
        bodies.append(body)
        imports |= dict.fromkeys(needed)
    plain, named = _sorted(imports)
    data = pprint.pformat(dict(finding), width=118, sort_dicts=False, compact=True)
    text = _one_line(str(finding["title"]))
    return "\n".join(
        [
            _HEAD.format(text=text),
            "from __future__ import annotations\n",
            *plain,
            *named,
            f"\nFINDING = {data}\n\n",
            "\n\n\n".join(bodies),
            '\n\nif __name__ == "__main__":\n    sys.exit(main(FINDING))\n',
        ]
    )


def _one_line(text: str) -> str:
    return text.replace("\\", "/").replace('"', "'").replace("\n", " ")


def _split(source: str) -> tuple[str, list[str]]:
    """A module without its docstring and its imports, and those of them that are the standard library's."""
    lines = source.splitlines()
    needed = []
    for number, node in reversed(list(enumerate(ast.parse(source).body))):
        is_docstring = number == 0 and isinstance(node, ast.Expr)
        if isinstance(node, ast.Import | ast.ImportFrom):
            needed += _standard(node)
        elif not is_docstring:
            continue
        assert node.end_lineno is not None
        del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines).strip(), needed


def _standard(node: ast.Import | ast.ImportFrom) -> list[str]:
    """One import for each name, so that those of several modules can be put together."""
    if isinstance(node, ast.Import):
        return [f"import {alias.name}" for alias in node.names]
    module = node.module or ""
    if module == "__future__" or module.startswith(_OURS):
        return []
    return [f"from {module} import {alias.name}" for alias in node.names]


def _sorted(imports: Mapping[str, None]) -> tuple[list[str], list[str]]:
    """The imports in their order, with all names of a module in one line."""
    names: dict[str, list[str]] = {}
    for line in sorted(imports):
        if line.startswith("from "):
            module, _, name = line.removeprefix("from ").partition(" import ")
            names.setdefault(module, []).append(name)
    plain = sorted(line for line in imports if line.startswith("import "))
    return plain, [f"from {module} import {', '.join(found)}" for module, found in names.items()]


@cache
def layouts() -> list[dict[str, Any]]:
    """All layouts, as far as a frame is built and read by them."""
    document = read_document(protocol_path().read_text(encoding="utf-8"))
    return [_bare(layout.to_json()) for layout in document.layouts.messages]


def _bare(value: Any) -> Any:
    """Without the texts that are for people."""
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in value.items() if key != "label"}
    return [_bare(item) for item in value] if isinstance(value, list) else value
