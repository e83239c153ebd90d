"""A script: what the fuzzer does to a target, as data that can be mutated, minimised, stored and replayed.

A script opens connections and sends frames on them. A frame is a message that is right by its layout, and then the edits that
make it wrong. What differs from run to run (names, keys, challenges) stands in it by reference:

    Frame(REGISTER_USER, {"username": Name("a"), "public_key": Key("a")})
    Frame(LOGIN_USER, {"username": Name("a"), "signature": Proof("a")}, (Edit("username_length", "add", number=1),))

Users are called by a letter. One in `registered` is registered, by a connection of its own, before the script begins; the others
have names that nobody has registered. All names have the same length (`NAME_SIZE`), so the fields of a frame stand where they
stood in the last run. The label of a field is its name in the layout; its length field is called by the layout's name for that,
such as `username_length`. The header has the labels `length` and `type`, and `payload` stands for the whole payload.

Values are worked out first, with all lengths right; the edits are then applied in their order. `length` is made right for the
edited payload, unless an edit changes `length` itself, which is applied last. A value that is not given is 0, zero bytes or an
empty string, and an edit whose field is not there does nothing. The entries of a group are counted from 0: `users.0.username`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

SCHEMA: Literal["cchatspec-script/1"] = "cchatspec-script/1"

#: Every user of a script has a name of so many bytes, of a-z and 0-9.
NAME_SIZE = 12


class Name(msgspec.Struct, frozen=True, tag="name", tag_field="is"):
    """The name of a user."""

    user: str


class Key(msgspec.Struct, frozen=True, tag="key", tag_field="is"):
    """The 32 bytes of a user's public key."""

    user: str


class Proof(msgspec.Struct, frozen=True, tag="proof", tag_field="is"):
    """A user's signature over a challenge that came on `connection`, or on the connection that it is sent on if that is None.

    `age` is 0 for the last challenge that came there, 1 for the one before it. Without such a challenge it signs 32 zero bytes.
    """

    user: str
    connection: int | None = None
    age: int = 0


class Body(msgspec.Struct, frozen=True, tag="body", tag_field="is"):
    """A body of `size` bytes that begins with a mark of at most 16 bytes, which no other body in the campaign has.

    `number` tells the bodies of one script apart. A body of fewer than 16 bytes holds the end of the mark, which is not unique.
    """

    number: int
    size: int = 16


class Bytes(msgspec.Struct, frozen=True, tag="bytes", tag_field="is"):
    """Bytes as they are; stored as hexadecimal digits, and `times` over."""

    hex: str
    times: int = 1


Value = int | Name | Key | Proof | Body | Bytes

EditKind = Literal["set", "add", "flip", "cut", "grow", "replace", "repeat", "swap", "drop", "malleate"]


class Edit(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change to one field of a frame.

    Attributes:
        field: the label of the field.
        kind: `set` an integer to `number`; `add` `number` to it, modulo its range; `flip` the bits of `number` in the byte
            at `at`; `cut` so that `number` bytes are left; `grow` by the bytes of `hex` at the end; `replace` by the bytes of
            `hex`; `repeat` it `number` times in all; `swap` it with the field that follows; `drop` it; `malleate` a signature:
            add the order of Ed25519's group to its last 32 bytes, a little-endian number, modulo its range.
    """

    field: str
    kind: EditKind
    number: int = 0
    at: int = 0
    hex: str = ""


class Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message by its type number and the values of its fields, right by the layout until it is edited.

    A type that has no layout has a payload of `values["payload"]`.
    """

    kind: int
    values: dict[str, Value] = {}
    edits: tuple[Edit, ...] = ()


class Connect(msgspec.Struct, frozen=True, tag="connect", tag_field="do"):
    """Open a connection; its number is used by all other steps."""

    connection: int


class Send(msgspec.Struct, frozen=True, tag="send", tag_field="do", omit_defaults=True):
    """Send frames as one piece of the stream.

    `cuts` are offsets into the bytes of the step at which it is cut into writes of their own; without any it is one write.
    After a step that `waits`, the runner reads until every request so far whose reply is certain has it, or the connection ends.
    """

    connection: int
    frames: tuple[Frame, ...]
    cuts: tuple[int, ...] = ()
    waits: bool = True


class Fence(msgspec.Struct, frozen=True, tag="fence", tag_field="do", omit_defaults=True):
    """Send a request whose reply is certain and told apart from all others, and read until it comes.

    On a session that is logged in it asks for the user's own key, else it registers a name that is taken. Where the stream is out
    of step (half a frame is open), the runner leaves it out. One that does not wait is read with what follows: steps that do not
    wait leave in one write with the next that does, and what comes between the replies to two fences belongs to what was sent
    between them. It is left out too where a reply to what stands in front of it is certain, so that nothing is to be told apart.
    """

    connection: int
    waits: bool = True


class HalfClose(msgspec.Struct, frozen=True, tag="half-close", tag_field="do"):
    """Shut down the sending side, and read until the connection ends."""

    connection: int


class Close(msgspec.Struct, frozen=True, tag="close", tag_field="do"):
    """Close the connection, without LOGOUT."""

    connection: int


class Reset(msgspec.Struct, frozen=True, tag="reset", tag_field="do"):
    """End the connection with a TCP reset."""

    connection: int


class Stall(msgspec.Struct, frozen=True, tag="stall", tag_field="do"):
    """Read no more from this connection."""

    connection: int


class Resume(msgspec.Struct, frozen=True, tag="resume", tag_field="do"):
    """Read again from a connection after `Stall`."""

    connection: int


Step = Connect | Send | Fence | HalfClose | Close | Reset | Stall | Resume


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """A whole conversation, over one or more connections."""

    schema: Literal["cchatspec-script/1"] = SCHEMA
    registered: tuple[str, ...] = ()
    steps: tuple[Step, ...]


class ScriptError(ValueError):
    """A file holds no script; the text says why."""


def script_json(script: Script) -> bytes:
    """The script as JSON text."""
    return msgspec.json.format(msgspec.json.encode(script), indent=1) + b"\n"


def read_script(data: bytes) -> Script:
    """The script in JSON text.

    Raises:
        ScriptError: it is none.
    """
    try:
        return msgspec.json.decode(data, type=Script)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ScriptError(f"no {SCHEMA} script: {problem}") from None
