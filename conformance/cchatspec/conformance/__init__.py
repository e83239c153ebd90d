"""The conformance suite: a harness that talks to a target over TCP, and the cases that judge it by the clauses."""
