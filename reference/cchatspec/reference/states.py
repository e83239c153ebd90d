"""What a connection may do when, as tables.

Two rules. Every state and every change of state of a connection stands here; nothing else decides what is legal. An absent key
is an illegal move: a request that a state's row of `ACTIONS` does not name needs a login (AUTH-*), and an outcome that a state's
row of `NEXT` does not name cannot happen.

A connection starts as a STRANGER. A LOGIN_USER that finds its user brings a challenge, and the next LOGIN_USER is the proof,
right or wrong: either way the challenge is gone (LOGIN-BURN). A session that asks for another challenge goes on as it was until
a proof is accepted (open point login-again). What has ended does nothing more (LOGOUT-END).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum, auto
from typing import Final

from cchatspec.spec import MessageType


class State(IntEnum):
    """Where a connection stands; `..._CHALLENGED` means that a challenge stands."""

    STRANGER = auto()
    STRANGER_CHALLENGED = auto()
    SESSION = auto()
    SESSION_CHALLENGED = auto()
    ENDED = auto()


class Action(Enum):
    """What the server does about a request."""

    REGISTER = auto()
    CHALLENGE = auto()
    CHECK_PROOF = auto()
    GIVE_KEY = auto()
    RELAY = auto()
    DELIVER = auto()
    SET_STATUS = auto()
    LIST_USERS = auto()
    LOG_OUT = auto()


class Outcome(Enum):
    """What an action, or the end of the connection, means for its state."""

    CHALLENGED = auto()
    PROVED = auto()
    REFUSED = auto()
    ENDED = auto()


_ALWAYS: Final = {
    MessageType.REGISTER_USER: Action.REGISTER,
    MessageType.LOGOUT: Action.LOG_OUT,
}
_LOGGED_IN: Final = _ALWAYS | {
    MessageType.GET_PUBLIC_KEY: Action.GIVE_KEY,
    MessageType.SEND_MESSAGE: Action.RELAY,
    MessageType.GET_MESSAGES: Action.DELIVER,
    MessageType.SET_STATUS: Action.SET_STATUS,
    MessageType.LIST_USERS: Action.LIST_USERS,
}
_ASK: Final = {MessageType.LOGIN_USER: Action.CHALLENGE}
_PROVE: Final = {MessageType.LOGIN_USER: Action.CHECK_PROOF}

#: State, then message type, then what is done about it.
ACTIONS: Final[Mapping[State, Mapping[MessageType, Action]]] = {
    State.STRANGER: _ALWAYS | _ASK,
    State.STRANGER_CHALLENGED: _ALWAYS | _PROVE,
    State.SESSION: _LOGGED_IN | _ASK,
    State.SESSION_CHALLENGED: _LOGGED_IN | _PROVE,
    State.ENDED: {},
}

#: State, then outcome, then the next state.
NEXT: Final[Mapping[State, Mapping[Outcome, State]]] = {
    State.STRANGER: {
        Outcome.CHALLENGED: State.STRANGER_CHALLENGED,
        Outcome.ENDED: State.ENDED,
    },
    State.STRANGER_CHALLENGED: {
        Outcome.PROVED: State.SESSION,
        Outcome.REFUSED: State.STRANGER,
        Outcome.ENDED: State.ENDED,
    },
    State.SESSION: {
        Outcome.CHALLENGED: State.SESSION_CHALLENGED,
        Outcome.ENDED: State.ENDED,
    },
    State.SESSION_CHALLENGED: {
        Outcome.PROVED: State.SESSION,
        Outcome.REFUSED: State.SESSION,
        Outcome.ENDED: State.ENDED,
    },
    State.ENDED: {},
}

#: The types that a client may send at all.
REQUESTS: Final = frozenset(_LOGGED_IN | _ASK)
