"""Starts the server."""

from __future__ import annotations

import sys

from choices import files, read_arguments


def main() -> None:
    """Read the command line, listen, and serve until the process is ended."""
    read_arguments(sys.argv[1:])
    from counts import write_at_signal
    from journal import Journal
    from loop import Loop
    from people import Directory

    if files["counts"]:
        write_at_signal(files["counts"])
    loop = Loop(Directory(Journal(files["store"])))
    sys.stdout.write(f"listening on 127.0.0.1:{loop.port}\n")
    sys.stdout.flush()
    loop.run()
