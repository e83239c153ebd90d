"""What a wire log's lines were for."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from cchatspec.conformance.harness.wirelog import FENCE, Direction, WireEntry
from cchatspec.conformance.stimulus import parts_of, stimulus_of
from cchatspec.spec import (
    GetPublicKey,
    LoginResponse,
    LoginUser,
    Message,
    PublicKeyResponse,
    RegisterResponse,
    RegisterUser,
    SetStatus,
    build,
)

KEY = bytes(32)
REGISTER, REGISTERED = RegisterUser(b"al", KEY), RegisterResponse(1)
ASK, GIVEN = LoginUser(b"al", bytes(64)), LoginResponse(1, KEY)
OWN_KEY, KEY_FOUND = GetPublicKey(b"al"), PublicKeyResponse(1, KEY)
WAY: list[Message] = [REGISTER, REGISTERED, ASK, GIVEN, ASK, GIVEN]
ON_THE_WAY = ["registration"] * 2 + ["login"] * 4


class Fence(NamedTuple):
    """A request that is sent for its reply alone."""

    request: Message


Item = Message | bytes | Fence


def log(*messages: Item, connection: int = 1) -> list[WireEntry]:
    return [entry(item, connection) for item in messages]


def entry(item: Item, connection: int) -> WireEntry:
    if isinstance(item, Fence):
        return WireEntry(0.0, connection, "sent", build(item.request), FENCE)
    data = item if isinstance(item, bytes) else build(item)
    direction: Direction = "sent" if isinstance(item, bytes) or item.type < 0x80 else "received"
    return WireEntry(0.0, connection, direction, data)


@pytest.mark.parametrize(
    ("messages", "parts"),
    [
        ([REGISTER, REGISTERED], ["stimulus", None]),
        ([*WAY, SetStatus(1)], [*ON_THE_WAY, "stimulus"]),
        ([*WAY, SetStatus(1), Fence(OWN_KEY), KEY_FOUND], [*ON_THE_WAY, "stimulus", "fence", None]),
        ([*WAY, Fence(OWN_KEY), KEY_FOUND, SetStatus(1)], [*ON_THE_WAY, "fence", None, "stimulus"]),
        ([*WAY, OWN_KEY, KEY_FOUND], [*ON_THE_WAY, "stimulus", None]),
        ([REGISTER, REGISTERED, b"\0\0\0\0\x55", Fence(REGISTER)], ["registration"] * 2 + ["stimulus", "fence"]),
        ([b"\0\0", Fence(OWN_KEY), b"\0\1\6\1"], ["stimulus", "fence", "stimulus"]),
        ([REGISTER, REGISTERED, REGISTER, REGISTERED], ["registration"] * 2 + ["stimulus", None]),
        ([REGISTER, REGISTERED, REGISTER, REGISTERED, ASK], ["registration"] * 2 + [None, None, "stimulus"]),
        ([REGISTER, RegisterResponse(0, 1), ASK], [None, None, "stimulus"]),
        ([b"\0\0", b"\0\1\6", b"\1"], ["stimulus"] * 3),
        ([b"\0\0\0\0\7", b"\0\0\0\1\6", b"\1"], [None, "stimulus", "stimulus"]),
        ([], []),
    ],
    ids=[
        "registration",
        "request",
        "fence",
        "early-fence",
        "own-key",
        "fence-before-login",
        "fence-between-pieces",
        "twice",
        "known-name",
        "refused",
        "pieces",
        "last",
        "nothing",
    ],
)
def test_parts(messages: list[Item], parts: list[str]) -> None:
    assert parts_of(log(*messages)) == parts


def test_a_stimulus_in_pieces_is_shown_as_one_frame() -> None:
    entries = log(b"\0\0", b"\0\1\6", b"\1")
    found = stimulus_of(entries, parts_of(entries))

    assert found is not None and (found.text, found.hex, found.dump) == (
        "SET_STATUS status=1 (online) (in 3 pieces)",
        "000000010601",
        [
            "  00000000  00 00 00 01              message_length: 1",
            "  00000004  06                       message_type: 6 (SET_STATUS)",
            "  00000005  01                       status: 1 (online)",
        ],
    )


def test_a_broken_stimulus_is_shown_with_the_place_where_it_breaks() -> None:
    entries = log(b"\0\0\0\1\6\x09")
    found = stimulus_of(entries, parts_of(entries))

    assert found is not None and "WRONG at 0x0005: SET_STATUS.status" in " ".join(found.dump)


def test_of_many_frames_the_last_are_shown() -> None:
    entries = log(build(SetStatus(1)) * 5)
    found = stimulus_of(entries, parts_of(entries))

    assert found is not None and (found.dump[0], found.size) == ("  (3 frames before)", 30)
