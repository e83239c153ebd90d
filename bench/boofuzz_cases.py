"""Lets boofuzz send cases to a server as fast as it can, until it is ended: the other side of `bench/fuzz.py`.

python bench/boofuzz_cases.py PORT fresh|reused|graph plain|stripped
"""

from __future__ import annotations

import sys
import tempfile

from boofuzz_protocol import Grammar, connect_alone, connect_logged_in, plain_session, silent_session


def main() -> None:
    """Send cases until the process is ended."""
    port, mode = int(sys.argv[1]), sys.argv[2]
    make = {"plain": plain_session, "stripped": silent_session}[sys.argv[3]]
    grammar = Grammar(legal=True)
    with tempfile.TemporaryDirectory() as folder:
        session = make(port, f"{folder}/cases.db", reuse_target_connection=mode == "reused")
        if mode == "graph":
            connect_logged_in(session, grammar, [grammar.send(), grammar.get_key()])
        else:
            connect_alone(session, [grammar.send(), grammar.get_key(), grammar.ask()])
        session.fuzz()


if __name__ == "__main__":
    main()
