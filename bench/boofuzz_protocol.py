"""C-Chat as boofuzz is told of it: every request, with or without the length fields among what is fuzzed.

Needs boofuzz, which `bench/boofuzz-requirements.txt` names; no part of the product does.
"""

from __future__ import annotations

from typing import Any

from boofuzz import Block, Byte, Bytes, FuzzLogger, Request, Session, Size, String, Target, TCPSocketConnection
from nacl.signing import SigningKey

REGISTER, LOGIN, GET_KEY, SEND, POLL, STATUS, LIST, LOGOUT = range(1, 9)
NAME = b"boofuzz"
SIGNER = SigningKey(bytes(range(32)))
KEY = bytes(SIGNER.verify_key)
_HEADER_SIZE = 5


class Grammar:
    """How requests are told to boofuzz: with `legal`, all lengths stay right and within their limits."""

    def __init__(self, *, legal: bool) -> None:
        self._legal = legal

    def request(self, label: str, kind: int, *fields: Any, fixed: bool = False) -> Request:
        """A frame of a type; one that is fixed is not fuzzed."""
        lengths = not self._legal and not fixed
        return Request(
            label,
            children=(
                Size("length", block_name="payload", length=4, endian=">", fuzzable=lengths),
                Byte("type", default_value=kind, fuzzable=lengths),
                Block("payload", children=fields),
            ),
        )

    def counted(self, label: str, value: bytes, size: int, limit: int, *, fixed: bool = False) -> tuple[Any, ...]:
        """A field behind its length of `size` bytes."""
        return (
            Size(f"{label}_length", block_name=label, length=size, endian=">", fuzzable=not self._legal and not fixed),
            String(label, value.decode(), max_len=limit, fuzzable=not fixed),
        )

    def register(self, label: str = "register", *, fixed: bool = False) -> Request:
        """REGISTER_USER."""
        name = self.counted("name", NAME, 1, 255, fixed=fixed)
        return self.request(label, REGISTER, *name, Bytes("key", KEY, size=32, fuzzable=not fixed), fixed=fixed)

    def ask(self, label: str = "ask", *, fixed: bool = False) -> Request:
        """LOGIN_USER."""
        name = self.counted("name", NAME, 1, 255, fixed=fixed)
        return self.request(
            label, LOGIN, *name, Bytes("signature", bytes(64), size=64, fuzzable=not fixed), fixed=fixed
        )

    def get_key(self, label: str = "get_key") -> Request:
        """GET_PUBLIC_KEY, for another name than one's own."""
        return self.request(label, GET_KEY, *self.counted("name", b"somebody", 1, 255))

    def send(self, label: str = "send") -> Request:
        """SEND_MESSAGE."""
        name, body = (
            self.counted("name", NAME, 1, 255),
            self.counted("body", b"hello", 2, 1000 if self._legal else 70_000),
        )
        return self.request(label, SEND, *name, *body)

    def rest(self, prefix: str) -> list[Request]:
        """The requests without a field that has a length; what stands behind them is fuzzed too."""
        return [
            self.request(f"{prefix}_poll", POLL, Bytes("over", b"", max_len=300)),
            self.request(f"{prefix}_status", STATUS, Byte("status", default_value=2, full_range=True)),
            self.request(f"{prefix}_list", LIST, Bytes("over", b"", max_len=300)),
            self.request(f"{prefix}_logout", LOGOUT, Bytes("over", b"", max_len=300)),
        ]


def _connection(port: int) -> TCPSocketConnection:
    return TCPSocketConnection("127.0.0.1", port, send_timeout=1, recv_timeout=1)


def connect_alone(session: Session, requests: list[Request]) -> None:
    """Let each request be fuzzed as the first on a connection."""
    for request in requests:
        session.connect(request)


def connect_logged_in(session: Session, grammar: Grammar, requests: list[Request]) -> None:
    """Let each request be fuzzed after a registration and a login, which are not fuzzed."""
    register = grammar.register("way_register", fixed=True)
    ask, prove = grammar.ask("way_ask", fixed=True), grammar.ask("way_prove", fixed=True)
    session.connect(register)
    session.connect(register, ask)
    session.connect(ask, prove, callback=_proof)
    for request in requests:
        session.connect(prove, request)


def _proof(*_: Any, session: Session, **__: Any) -> bytes:
    """The second LOGIN_USER, for the challenge that came last."""
    challenge = (session.last_recv or b"")[_HEADER_SIZE + 1 :][:32]
    payload = bytes([len(NAME)]) + NAME + SIGNER.sign(challenge).signature
    return len(payload).to_bytes(4, "big") + bytes([LOGIN]) + payload


def plain_session(port: int, keep: str, **options: Any) -> Session:
    """A session as boofuzz makes it: it logs what it does as text and in SQLite; told only to read all replies, and to go on."""
    return Session(
        target=Target(connection=_connection(port)),
        receive_data_after_fuzz=True,
        db_filename=keep,
        crash_threshold_request=1 << 60,
        crash_threshold_element=1 << 60,
        **options,
    )


def silent_session(port: int, keep: str, connection: Any = None, **options: Any) -> Session:
    """A session without log, web page and pauses, which reads the reply to every request: the fastest that there is.

    Its own options leave a log in SQLite, so that one is taken away by force.
    """
    connection = connection or _connection(port)
    session = Session(
        target=Target(connection=connection),
        receive_data_after_fuzz=True,
        web_port=None,
        keep_web_open=False,
        fuzz_loggers=[],
        fuzz_db_keep_only_n_pass_cases=1,
        db_filename=keep,
        crash_threshold_request=1 << 60,
        crash_threshold_element=1 << 60,
        **options,
    )
    session._fuzz_data_logger = silent = FuzzLogger(fuzz_loggers=[])
    for target in session.targets:
        target.set_fuzz_data_logger(silent)
    return session
