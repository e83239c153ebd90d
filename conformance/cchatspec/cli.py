"""The `cchatspec` command: one function for each subcommand, which parses its options and hands over.

This module alone may import from every part of the project, and does so inside the functions, so that a subcommand loads no
more than it needs. Exit statuses: 0 all is well, 1 something was found, 2 wrong usage or an unreachable target, 3 the program
itself broke.
"""

from __future__ import annotations

import sys
from importlib.metadata import version

import click

EXIT_FOUND = 1
EXIT_BROKEN = 3


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("cchatspec"), prog_name="cchatspec")
def cli() -> None:
    """Test implementations of the C-Chat network protocol."""


def main() -> None:
    """Run the command; an interrupted run ends without a traceback."""
    try:
        cli.main(prog_name="cchatspec")
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()
