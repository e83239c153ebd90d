"""What is said of a violation: its kind, its outcome in words that are always the same, its clause, and a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cchatspec.conformance.harness.reading import Deviation
from cchatspec.fuzz.guesses import REPLIES
from cchatspec.fuzz.judge import NONE, STANDS, Mode
from cchatspec.fuzz.requests import (
    GET_KEY,
    LIST,
    LOGIN,
    LOGOUT,
    POLL,
    REGISTER,
    SEND,
    SET_STATUS,
    SURE_SIZE,
    Form,
    Request,
    name_of,
)
from cchatspec.fuzz.shapes import shape
from cchatspec.fuzz.strictness import is_lax
from cchatspec.reports.campaign import FindingKind
from cchatspec.spec import (
    Error,
    Frame,
    GetPublicKey,
    IncomingMessage,
    LoginResponse,
    LoginUser,
    MalformedPayload,
    Message,
    MessageAck,
    PublicKeyResponse,
    RegisterResponse,
    StatusUpdate,
)

if TYPE_CHECKING:
    from cchatspec.fuzz.letters import Letter
    from cchatspec.fuzz.tracker import Tracker


class Words(NamedTuple):
    """The part of a violation that does not depend on where it showed."""

    kind: FindingKind
    outcome: str
    clause: str | None
    text: str


def shown(data: bytes) -> str:
    """Bytes for people: as text if they are printable, else as hexadecimal digits."""
    text = data[:40]
    tail = "…" if len(data) > 40 else ""
    if text and all(0x21 <= byte < 0x7F for byte in text):
        return f"'{text.decode()}{tail}'"
    return f"0x{text.hex()}{tail}" if text else "(empty)"


# Frames that are wrong by themselves


def unreadable(frame: Frame, problem: MalformedPayload) -> Words:
    """A payload that departs from its layout."""
    field = problem.path.partition(".")[2].split("[")[0] or "payload"
    clause = "LIST-COUNT" if name_of(frame.type) == "USER_LIST_RESPONSE" else "FRAME-LAYOUT"
    text = f"{name_of(frame.type)} came with {len(frame.payload)} bytes that nobody can read: {problem}."
    return Words("illegal-reply", f"{name_of(frame.type)} with a wrong {field}", clause, text)


def not_of_a_server(frame: Frame) -> Words:
    """A type that no server sends."""
    whose = "a client's type" if 0 < frame.type < 9 else "an unassigned type"
    text = f"A frame of type 0x{frame.type:02x} came, {whose}, with {len(frame.payload)} bytes."
    return Words("illegal-reply", f"a frame of {whose}", "FRAME-HEADER", text)


def undefined_code(message: Message, code: int) -> Words:
    """An error code that is not one of the eight."""
    text = f"{name_of(message.type)} came with the error code {code}, which is not defined."
    return Words("illegal-reply", f"{name_of(message.type)} with an undefined code", "ERROR-CODE", text)


def unframed(data: bytes) -> Words:
    """A header that announces more than any frame can have."""
    text = f"Bytes came that no frame begins with: {data[:16].hex(' ')}."
    return Words("illegal-reply", "no frame", "FRAME-HEADER", text)


def ended_in_a_frame(data: bytes) -> Words:
    """The connection ended in the middle of a frame."""
    text = f"The connection ended in the middle of a frame, of which {len(data)} bytes had come: {data[:16].hex(' ')}."
    return Words("illegal-reply", "ended in the middle of a frame", "FRAME-HEADER", text)


def flooded(flood: Deviation) -> Words:
    """Frames came without end."""
    return Words("illegal-reply", "frames without end", flood.clause, f"{flood.reason[:1].upper()}{flood.reason[1:]}.")


# Replies


def wrong_reply(request: Request | None, mode: Mode, reply: Message, tracker: Tracker) -> Words:
    """A reply that no right server gives here."""
    came = shape(reply)
    if request is None:
        return Words("illegal-reply", f"unasked {came}", "FRAME-UNASKED", f"{came} came, and no request was open.")
    if mode.over:
        return Words("state", f"{came} after LOGOUT", "LOGOUT-END", f"{came} answered {request.name} after LOGOUT.")
    kind, outcome, clause, why = _judged(request, mode, reply, tracker)
    return Words(kind, outcome, clause, f"{request.name} was answered with {came}: {why}.")


#: What is said of a target of which a fresh connection has no answer.
NOBODY_ANSWERED = "a fresh connection is not answered either"

_NEEDS_LOGIN = {
    GET_KEY: "AUTH-KEY",
    SEND: "AUTH-SEND",
    POLL: "AUTH-POLL",
    SET_STATUS: "AUTH-STATUS",
    LIST: "AUTH-LIST",
}
Judgement = tuple[FindingKind, str, str | None, str]


def _judged(request: Request, mode: Mode, reply: Message, tracker: Tracker) -> Judgement:
    came = shape(reply)
    expected = REPLIES.get(request.kind)
    if type(reply) is not expected and tracker.guesses.is_for_another(reply):
        malformed = "FRAME-MALFORMED" if request.form is Form.MALFORMED else None
        clause = malformed or _NEEDS_LOGIN.get(request.kind if mode.user is None else -1)
        return "illegal-reply", "passed over", clause, "that answers a later request, and this one was passed over"
    if request.form is Form.MALFORMED:
        if type(reply) is Error:
            return "illegal-reply", came, "FRAME-MALFORMED", "a malformed request is answered with ERROR 05"
        return "state", f"{came} to a malformed request", "FRAME-MALFORMED", "a malformed request has no effect"
    if mode.user is None and request.kind in _NEEDS_LOGIN:
        clause = _NEEDS_LOGIN[request.kind]
        if type(reply) is Error:
            return "illegal-reply", came, clause, "who is not logged in is answered with ERROR 04"
        return "state", f"served without login: {came}", clause, "nobody is logged in on this connection"
    if type(reply) is not Error and expected is not None and type(reply) is not expected:
        return "illegal-reply", came, "FRAME-UNASKED", "that is no reply to it"
    by_kind = {REGISTER: _register, LOGIN: _login, GET_KEY: _key, SEND: _send}.get(request.kind)
    if by_kind is not None:
        return by_kind(request, mode, reply, tracker)
    other = {SET_STATUS: "STATUS-SET", LIST: "LIST-ALL", LOGOUT: "LOGOUT-CLOSE", POLL: "QUEUE-EMPTY"}.get(request.kind)
    return "illegal-reply", came, other, "that is no reply to it"


def _register(request: Request, mode: Mode, reply: Message, tracker: Tracker) -> Judgement:
    came, name = shape(reply), getattr(request.message, "username", b"")
    if not name:
        return "illegal-reply", came, "REG-EMPTY", "an empty name is refused with code 01"
    if isinstance(reply, RegisterResponse) and reply.success:
        return "state", "registered twice", "REG-DUPLICATE", f"the name {shown(name)} is taken"
    if tracker.world.is_taken(name, request.sent_at):
        return "illegal-reply", came, "REG-DUPLICATE", f"the name {shown(name)} is taken, which is code 02"
    if reply == RegisterResponse(0, 2):
        return "state", came, "REG-ALIAS", f"nobody has registered the name {shown(name)}"
    return "illegal-reply", came, "REG-OK", f"the name {shown(name)} is new and valid"


def _login(request: Request, mode: Mode, reply: Message, tracker: Tracker) -> Judgement:
    came, message = shape(reply), request.message
    assert isinstance(message, LoginUser)
    if isinstance(reply, LoginResponse) and reply.success:
        return "state", "logged in by a wrong proof", _which_proof(message, tracker), "nobody's key made this proof"
    if mode.hand == NONE:
        return "illegal-reply", came, "LOGIN-CHALLENGE", "the first LOGIN_USER for a registered name brings a challenge"
    if mode.hand == STANDS and tracker.is_proof(message, mode.challenge):
        return "illegal-reply", f"{came} to a right proof", "LOGIN-PROOF", "the proof is right"
    return "illegal-reply", came, "LOGIN-REFUSE", "a wrong proof is answered with LOGIN_RESPONSE failure"


def _which_proof(message: LoginUser, tracker: Tracker) -> str:
    made = tracker.model.users.signatures.get(message.signature)
    if not tracker.world.may_be_taken(message.username):
        return "LOGIN-UNKNOWN"
    if made is None:
        return "LOGIN-STRICT" if is_lax(message.signature, tracker.model.users.signatures) else "LOGIN-REFUSE"
    return "LOGIN-OWNKEY" if made[1] in tracker.challenges else "LOGIN-BOUND"


def _key(request: Request, mode: Mode, reply: Message, tracker: Tracker) -> Judgement:
    message = request.message
    assert isinstance(message, GetPublicKey)
    who = shown(message.username)
    if reply == PublicKeyResponse(0) or (
        isinstance(reply, Error) and tracker.world.is_taken(message.username, request.sent_at)
    ):
        return "state", shape(reply), "KEY-FOUND", f"{who} is registered"
    if isinstance(reply, PublicKeyResponse):
        if tracker.world.may_be_taken(message.username):
            return "state", "another key than was registered", "KEY-FOUND", f"{who} has registered another key"
        return "state", "a key for a name that nobody has", "KEY-EXACT", f"nobody has registered {who}"
    return "illegal-reply", shape(reply), "KEY-MISSING", f"nobody has registered {who}, which is said by 'not found'"


def _send(request: Request, mode: Mode, reply: Message, tracker: Tracker) -> Judgement:
    came, name = shape(reply), getattr(request.message, "recipient", b"")
    if isinstance(reply, MessageAck) and reply.status:
        if not tracker.world.may_be_taken(name):
            return "state", f"{came} for nobody", "SEND-NOBODY", f"nobody has registered {shown(name)}"
        if reply.status == 1:
            return "state", f"{came} for somebody absent", "QUEUE-ACK", f"{shown(name)} is not logged in"
    if tracker.world.may_be_taken(name):
        return "state", came, "SEND-ACK", f"{shown(name)} is registered"
    return "illegal-reply", came, "SEND-NOBODY", f"nobody has registered {shown(name)}, which is ERROR 03 or status 0"


def ended(tracker: Tracker, *, is_reset: bool) -> Words:
    """The connection was ended without a word."""
    how = "reset" if is_reset else "closed"
    _, request = tracker.guesses.where()
    after = f"while {request.name} had no reply" if tracker.guesses.pending and request else "and nothing was open"
    if tracker.is_half_closed and tracker.guesses.pending:
        return Words(
            "disconnect", f"{how} before answering", "FRAME-SEGMENT", f"After our half-close the target {how} {after}."
        )
    clause = None
    if request is not None and request.form is Form.MALFORMED:
        clause = "FRAME-MALFORMED"
    elif request is not None and request.size > SURE_SIZE:
        clause = "FRAME-LARGE"
        after += f", which has a legal size of {request.size} bytes; FRAME-LARGE is a SHOULD"
    return Words("disconnect", f"{how} without ERROR", clause, f"The target {how} the connection {after}.")


def silent(tracker: Tracker, alive: str) -> Words:
    """No reply, or no end, before the deadline."""
    _, request = tracker.guesses.where()
    if tracker.must_end:
        return Words(
            "state", "not closed after LOGOUT", "LOGOUT-CLOSE", f"The connection stays open after LOGOUT; {alive}."
        )
    what = request.name if request else "a request"
    clause = "ROBUST-ALIVE" if alive == NOBODY_ANSWERED else None
    return Words("hang", "no reply", clause, f"{what} was not answered before the deadline; {alive}.")


# Sessions


def challenge_again(challenge: bytes) -> Words:
    """A challenge that came before."""
    return Words(
        "state", "a challenge that came before", "LOGIN-FRESH", f"The challenge {challenge.hex()[:16]}… came before."
    )


def told_a_stranger(update: StatusUpdate) -> Words:
    """A STATUS_UPDATE where nobody is logged in."""
    text = f"STATUS_UPDATE about {shown(update.username)} came on a connection that nobody is logged in on."
    return Words("state", "STATUS_UPDATE without login", "STATUS-AUDIENCE", text)


def told_of_nobody(update: StatusUpdate) -> Words:
    """A STATUS_UPDATE about a name that nobody has."""
    text = f"STATUS_UPDATE came about {shown(update.username)}, whom nobody has registered."
    return Words("state", "STATUS_UPDATE about nobody", "STATUS-TELL", text)


def told_wrong(update: StatusUpdate) -> Words:
    """A STATUS_UPDATE with a status that was never set."""
    text = f"STATUS_UPDATE says that {shown(update.username)} has the status {update.new_status}, and never had it."
    return Words("state", "STATUS_UPDATE is untrue", "STATUS-TELL", text)


def listed_twice(name: bytes) -> Words:
    """One user twice in a list."""
    return Words("state", "one user listed twice", "LIST-ALL", f"{shown(name)} is listed twice.")


def not_listed(name: bytes) -> Words:
    """A registered user who is not in the list."""
    return Words("state", "a registered user is not listed", "LIST-ALL", f"{shown(name)} is registered and not listed.")


def listed_nobody(name: bytes) -> Words:
    """Somebody in the list whose registration was refused."""
    text = f"{shown(name)} is listed, and every registration of that name was refused."
    return Words("state", "listed, though never registered", "FRAME-MALFORMED", text)


def listed_wrong(name: bytes, status: int) -> Words:
    """A status in the list that is untrue."""
    return Words(
        "state", "the status listed is untrue", "LIST-STATUS", f"{shown(name)} is listed with status {status}."
    )


def still_there(name: bytes) -> Words:
    """A user who is shown as being there, and whose connections have all ended."""
    text = f"{shown(name)} is listed as being there, though all connections of this user have ended."
    return Words("state", "online after the connection ended", "STATUS-LOST", text)


def not_told(name: bytes) -> Words:
    """The end of a session that others were not told of."""
    text = f"{shown(name)} has gone, as the list says, and no STATUS_UPDATE told it to others."
    return Words("state", "the end of a session was not told", "STATUS-TELL", text)


# Messages


def given_to_a_stranger(message: IncomingMessage) -> Words:
    """A message where nobody is logged in."""
    text = f"A message from {shown(message.sender)} was given to a connection that nobody is logged in on."
    return Words("state", "a message without login", "SEND-PRIVATE", text)


def unknown_body(message: IncomingMessage, altered: Letter | None) -> Words:
    """A message that nobody sent like this."""
    size = len(message.encrypted_message)
    if altered is None:
        text = f"A message of {size} bytes came from {shown(message.sender)} that nobody has sent."
        return Words("state", "a message that nobody sent", "SEND-BODY", text)
    text = f"A message of {altered.size} bytes came altered, with {size} bytes."
    return Words("state", "a message came altered", "SEND-BODY", text)


def not_private(letter: Letter) -> Words:
    """A message that came to somebody else."""
    text = f"A message to {shown(letter.recipient)} came to somebody else."
    return Words("state", "a message for somebody else", "SEND-PRIVATE", text)


def wrong_sender(letter: Letter, sender: bytes) -> Words:
    """A message with a sender who did not send it."""
    text = f"A message to {shown(letter.recipient)} came with the sender {shown(sender)}, who did not send it."
    return Words("state", "a message with a wrong sender", "SEND-SENDER", text)


def refused_and_done(letter: Letter) -> Words:
    """A message that was refused and came all the same."""
    text = f"A message to {shown(letter.recipient)} was refused, and came all the same."
    return Words("state", "a refused message came", "AUTH-SEND", text)


def two_ids(letter: Letter, other: int) -> Words:
    """Acknowledgement and message with different ids."""
    text = f"A message to {shown(letter.recipient)} has the id {letter.id} in one place and {other} in another."
    return Words("state", "two ids for one message", "SEND-ID", text)


def same_id(letter: Letter) -> Words:
    """Two messages with one id."""
    return Words("state", "one id for two messages", "SEND-UNIQUE", f"The id {letter.id} stands for two messages.")


def twice(letter: Letter) -> Words:
    """A message that came twice."""
    return Words("state", "a message came twice", "SEND-ONCE", f"A message to {shown(letter.recipient)} came twice.")


def wrong_time(letter: Letter, timestamp: int) -> Words:
    """A message with a time at which it was not sent."""
    text = f"A message that was sent at {letter.sent_s:.0f} came with the timestamp {timestamp}."
    return Words("state", "a message with a wrong time", "SEND-TIME", text)


def lost(letter: Letter) -> Words:
    """A message that was acknowledged and did not come."""
    if letter.status == 2:
        text = f"A message to {shown(letter.recipient)} was acknowledged as queued, and GET_MESSAGES did not bring it."
        return Words("state", "a queued message was lost", "QUEUE-DELIVER", text)
    text = f"A message to {shown(letter.recipient)} was acknowledged as delivered, and did not come."
    return Words("state", "a delivered message did not come", "SEND-PUSH", text)


def overtaken(letter: Letter) -> Words:
    """A message that came behind a later one."""
    text = f"A message to {shown(letter.recipient)} came behind one of the same sender that was sent after it."
    clause = "SEND-ORDER" if letter.status == 1 else "QUEUE-DELIVER"
    return Words("state", "messages came out of order", clause, text)
