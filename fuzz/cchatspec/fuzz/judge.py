"""Which replies a right server can give to a request, under any reading of the open points.

`answers` takes a request, the state that the connection may be in (`Mode`) and a reply, and gives back the states that may
follow, none if the reply is impossible. `silently` gives the states that may follow if there is no reply at all. Both are pure:
they look at what is known of the world and change nothing. What only a SHOULD asks for is not required.

ERROR 06, and what a limit of the server's makes of a request, is left to the tracker.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from cchatspec.fuzz.requests import (
    GET_KEY,
    LIST,
    LOGIN,
    LOGOUT,
    POLL,
    REGISTER,
    SEND,
    SET_STATUS,
    Form,
    Request,
    is_portable,
)
from cchatspec.spec import (
    Error,
    GetPublicKey,
    LoginResponse,
    LoginUser,
    Message,
    MessageAck,
    PublicKeyResponse,
    RegisterResponse,
    RegisterUser,
    SendMessage,
    UserListResponse,
)

if TYPE_CHECKING:
    from cchatspec.fuzz.tracker import Tracker

BAD_NAME, TAKEN, NOT_FOUND, NOT_ALLOWED, BAD_FORMAT, LIMITED, FAILED, TERMINATED = range(1, 9)

NO_SIGNATURE: Final = bytes(64)

#: How a handshake stands: no challenge can stand; one stands; one stood and was used, so a lax server may still know it.
NONE, STANDS, USED = 0, 1, 2


class Mode(Struct, frozen=True, gc=False):
    """The state of a connection.

    Attributes:
        user: who is logged in.
        hand: how the handshake stands.
        asked: in whose name the standing challenge was asked for.
        challenge: the standing challenge.
        over: LOGOUT was taken, or the server has said that it ends the connection.
    """

    user: bytes | None = None
    hand: int = NONE
    asked: bytes = b""
    challenge: bytes = b""
    over: bool = False


FRESH: Final = Mode()


def state_of(mode: Mode) -> str:
    """`new`, `challenged`, `in` or `out`."""
    if mode.over:
        return "out"
    if mode.user is not None:
        return "in"
    return "challenged" if mode.hand == STANDS else "new"


Modes = tuple[Mode, ...]


def answers(request: Request, mode: Mode, reply: Message, tracker: Tracker) -> Modes:
    """The states that may follow when this is the reply to the request."""
    if mode.over:
        return ()
    if type(reply) is Error and _is_refusal(request, mode, reply.error_code, tracker):
        if request.kind == LOGOUT and reply.error_code == TERMINATED:
            return (replace(mode, over=True),)
        if request.kind == LOGIN and mode.hand == STANDS and request.form is not Form.MALFORMED:
            # It may have been taken for the proof, which uses up the challenge, or not.
            return mode, Mode(mode.user, USED)
        return (mode,)
    if request.form in (Form.MALFORMED, Form.UNKNOWN):
        if request.kind == REGISTER and type(reply) is RegisterResponse:
            return (mode,) if _may_refuse_malformed_name(mode, reply) else ()
        if request.kind == LOGIN and mode.user is not None and reply == LoginResponse(0):
            return (mode,)  # open point login-again
        return ()
    return _SERVED[request.kind](request, mode, reply, tracker)


def silently(request: Request, mode: Mode, tracker: Tracker) -> Modes:
    """The states that may follow when the request has no reply."""
    if request.form is Form.MALFORMED and not mode.over:
        return ()
    if request.kind == LOGOUT and not mode.over:
        # A server may also ask strangers to log in first.
        return (replace(mode, over=True),)
    return () if must_be_answered(request, mode) else (mode,)


def must_be_answered(request: Request, mode: Mode) -> bool:
    """Whether a reply to the request is certain, unless LOGOUT came in front of it."""
    if mode.over or request.form is Form.UNKNOWN or request.kind == LOGOUT:
        return False
    return request.form is Form.MALFORMED or mode.user is None or request.kind not in (POLL, SET_STATUS)


def is_surely_answered(request: Request) -> bool:
    """Whether a reply to the request is certain in every state, unless LOGOUT came in front of it."""
    if request.form is Form.MALFORMED:
        return True
    return request.form is not Form.UNKNOWN and request.kind not in (POLL, SET_STATUS, LOGOUT)


# Refusals


def _is_refusal(request: Request, mode: Mode, code: int, tracker: Tracker) -> bool:
    """Whether an ERROR of this code may answer the request, which then has no effect."""
    kind = request.kind
    if request.form is Form.UNKNOWN:
        return True
    if request.form is not Form.RIGHT and code == BAD_FORMAT:
        return True  # FRAME-MALFORMED, FRAME-TRAILING, FRAME-EMPTY
    if request.size > tracker.sure_size:
        return True  # FRAME-LARGE; open points oversize, body-limit
    if GET_KEY <= kind <= LIST and mode.user is None:
        return code == NOT_ALLOWED  # AUTH-*
    return _MAY_REFUSE[kind](request, mode, code, tracker)


def _may_refuse_register(request: Request, mode: Mode, code: int, tracker: Tracker) -> bool:
    message = request.message
    if mode.user is not None or code == FAILED:
        return True  # open points register-again, user-limit
    if not isinstance(message, RegisterUser):
        return code == BAD_NAME
    if code == BAD_NAME:
        return not is_portable(message.username)
    return code == BAD_FORMAT and _is_odd(message, tracker)


def _is_odd(message: RegisterUser, tracker: Tracker) -> bool:
    """Whether a server may find something wrong with the name, unless it is empty, or with the key."""
    if not message.username:
        return False  # REG-EMPTY
    return not is_portable(message.username) or not tracker.world.knows_key(message.public_key)


def _may_refuse_login(request: Request, mode: Mode, code: int, tracker: Tracker) -> bool:
    message = request.message
    if mode.user is not None or code == FAILED:
        return True  # open point login-again
    if not isinstance(message, LoginUser):
        return False
    at = request.sent_at
    if not tracker.world.is_taken(message.username, at):
        return True  # open point unknown-login
    if mode.hand == STANDS and mode.asked != message.username:
        return True  # asked as one, proved as another
    return tracker.world.may_be_elsewhere(message.username, tracker)  # open point second-session


def _may_refuse_key(request: Request, mode: Mode, code: int, tracker: Tracker) -> bool:
    message = request.message
    return code == BAD_NAME and isinstance(message, GetPublicKey) and not is_portable(message.username)


def _may_refuse_send(request: Request, mode: Mode, code: int, tracker: Tracker) -> bool:
    message = request.message
    if code == FAILED:
        return True
    if not isinstance(message, SendMessage):
        return False
    if not message.encrypted_message:
        return True  # open point empty-body
    if not tracker.world.is_taken(message.recipient, request.sent_at):
        return code == NOT_FOUND or (code in (BAD_NAME, BAD_FORMAT) and not is_portable(message.recipient))
    # QUEUE-HONEST: a full queue is answered with status 0 or an ERROR.
    return code not in (BAD_NAME, NOT_FOUND, NOT_ALLOWED, BAD_FORMAT)


def _may_refuse_poll(request: Request, mode: Mode, code: int, tracker: Tracker) -> bool:
    return request.form is not Form.MALFORMED and code != NOT_ALLOWED  # open point empty-poll


def _may_refuse_status(request: Request, mode: Mode, code: int, tracker: Tracker) -> bool:
    return False


def _may_refuse_list(request: Request, mode: Mode, code: int, tracker: Tracker) -> bool:
    return code == FAILED  # a list of more users than it can count


def _may_refuse_logout(request: Request, mode: Mode, code: int, tracker: Tracker) -> bool:
    # Open point logout; and who is not logged in may be told so.
    return code == TERMINATED or (code == NOT_ALLOWED and mode.user is None)


_MAY_REFUSE: Final[dict[int, Callable[[Request, Mode, int, Tracker], bool]]] = {
    REGISTER: _may_refuse_register,
    LOGIN: _may_refuse_login,
    GET_KEY: _may_refuse_key,
    SEND: _may_refuse_send,
    POLL: _may_refuse_poll,
    SET_STATUS: _may_refuse_status,
    LIST: _may_refuse_list,
    LOGOUT: _may_refuse_logout,
}


def _may_refuse_malformed_name(mode: Mode, reply: RegisterResponse) -> bool:
    if reply.success:
        return False
    return mode.user is not None or reply.error_code in (BAD_NAME, BAD_FORMAT)


# Service


def _registered(request: Request, mode: Mode, reply: Message, tracker: Tracker) -> Modes:
    message = request.message
    if type(reply) is not RegisterResponse or not isinstance(message, RegisterUser):
        return ()
    name, world = message.username, tracker.world
    if reply.success:
        return (mode,) if name and not world.is_taken(name, request.sent_at) else ()
    code = reply.error_code
    if mode.user is not None or code == FAILED:
        return (mode,)
    if code == TAKEN:
        others = any(
            person.registered is not False or any(other is not request for other, _ in person.pending.values())
            for person in world.variants(name)
        )
        return (mode,) if others else ()
    if code == BAD_NAME:
        return () if is_portable(name) else (mode,)
    is_format = code == BAD_FORMAT and (request.form is Form.TRAILING or _is_odd(message, tracker))
    return (mode,) if is_format else ()


def _logged_in(request: Request, mode: Mode, reply: Message, tracker: Tracker) -> Modes:
    message = request.message
    if type(reply) is not LoginResponse or not isinstance(message, LoginUser):
        return ()
    if not reply.success:
        return _login_failed(request, message, mode, tracker)
    name = message.username
    found = [Mode(user) for user in tracker.proved(message)]
    is_ask = mode.hand != STANDS or message.signature == NO_SIGNATURE or name != mode.asked
    if is_ask and reply.challenge is not None:
        # Open points unknown-login, second-ask, login-again
        found.append(Mode(mode.user, STANDS, name, reply.challenge))
    return tuple(found)


def _login_failed(request: Request, message: LoginUser, mode: Mode, tracker: Tracker) -> Modes:
    name, world = message.username, tracker.world
    after = Mode(mode.user, USED if mode.hand else NONE)
    if mode.user is not None or mode.hand == USED:
        return (after,)
    if not world.is_taken(name, request.sent_at) or world.may_be_elsewhere(name, tracker):
        return (after,)  # LOGIN-UNKNOWN; open point second-session
    if mode.hand == NONE:
        return ()  # LOGIN-CHALLENGE
    is_right = mode.asked == name and tracker.is_proof(message, mode.challenge)
    return () if is_right else (after,)  # LOGIN-PROOF


def _key_given(request: Request, mode: Mode, reply: Message, tracker: Tracker) -> Modes:
    message = request.message
    if mode.user is None or type(reply) is not PublicKeyResponse or not isinstance(message, GetPublicKey):
        return ()
    if reply.found:
        key = reply.public_key
        return (mode,) if key is not None and tracker.world.may_have_key(message.username, key) else ()
    return () if tracker.world.is_taken(message.username, request.sent_at) else (mode,)


def _acknowledged(request: Request, mode: Mode, reply: Message, tracker: Tracker) -> Modes:
    message = request.message
    if mode.user is None or type(reply) is not MessageAck or not isinstance(message, SendMessage):
        return ()
    world, name = tracker.world, message.recipient
    if reply.status == 0:
        # Open points unknown-recipient, empty-body, body-limit; QUEUE-HONEST. Who is there and well gets what is sent to them.
        is_sure = tracker.is_push_sure(request, message)
        return () if is_sure else (mode,)
    if not world.may_be_taken(name):
        return ()  # SEND-NOBODY
    if reply.status == 1:
        return (mode,) if world.may_be_there(name, request.sent_at) else ()  # QUEUE-ACK
    return () if tracker.is_push_sure(request, message) else (mode,)  # SEND-ACK


def _listed(request: Request, mode: Mode, reply: Message, tracker: Tracker) -> Modes:
    return (mode,) if mode.user is not None and type(reply) is UserListResponse else ()


def _nothing(request: Request, mode: Mode, reply: Message, tracker: Tracker) -> Modes:
    return ()


_SERVED: Final[dict[int, Callable[[Request, Mode, Message, Tracker], Modes]]] = {
    REGISTER: _registered,
    LOGIN: _logged_in,
    GET_KEY: _key_given,
    SEND: _acknowledged,
    POLL: _nothing,
    SET_STATUS: _nothing,
    LIST: _listed,
    LOGOUT: _nothing,
}
