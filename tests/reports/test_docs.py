"""The commands in the pages on results and on CI have only options that there are."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from cchatspec.cli import cli

DOCS = Path(__file__).parents[2] / "docs"
COMMAND = re.compile(r"cchatspec (run|report|fuzz)\b((?:[^\n`|]|\n {2,}(?=--|'))*)")


def commands(page: str) -> list[tuple[str, str]]:
    """Each command in a page: its name, and one of its options."""
    text = re.sub(r"'\./[^']*'", "SERVER", (DOCS / page).read_text(encoding="utf-8"))  # a server has options of its own
    return [
        (name, option) for name, rest in COMMAND.findall(text) for option in re.findall(r"(?<![\w-])--[a-z-]+", rest)
    ]


def options(name: str) -> set[str]:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None, f"there is no command {name}"
    return {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize("page", ["ci.md", "results.md"])
def test_every_option_in_the_docs_exists(page: str) -> None:
    assert [(name, option) for name, option in commands(page) if option not in options(name)] == []


def test_the_docs_have_commands_to_check() -> None:
    assert len(commands("ci.md")) > 15
