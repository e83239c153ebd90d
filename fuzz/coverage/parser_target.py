"""Coverage-guided fuzzing of the codec: both parsers agree on every payload, and the reader on every cut of a stream.

    python fuzz/coverage/parser_target.py [FOLDER…] [-max_total_time=60]

What is documented is a message or a `WireError`; any other exception, and any difference, is a finding. The folder is not named
after the tool, whose module a folder of that name on the path would stand for.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["cchatspec"]):
    from cchatspec.spec import CLIENT_PAYLOAD_LIMIT, Frame, FrameReader, FrameTooLong, WireError, build, parse
    from cchatspec.spec.interpretive import build_by_construct, dissect, parse_by_construct

_LIMITS = (CLIENT_PAYLOAD_LIMIT, 64, 0)


def on_payload(kind: int, payload: bytes) -> None:
    """Parse a payload in both ways, and build what was parsed."""
    try:
        expected = parse_by_construct(kind, payload)
    except WireError as slow:
        try:
            found = parse(kind, payload)
        except WireError as fast:
            assert (type(fast), str(fast)) == (type(slow), str(slow)), f"{fast!r} is not {slow!r}"
            return
        raise AssertionError(f"the fast codec reads {found!r}, where Construct says {slow}") from None
    assert parse(kind, payload) == expected
    assert build(expected) == build_by_construct(expected)
    assert build(expected)[5:] == payload
    assert dissect(kind, payload).message == expected


def read(pieces: list[bytes], limit: int) -> tuple[list[Frame], bool]:
    """All frames of a stream that comes in these pieces, and whether one was too long."""
    reader = FrameReader(limit)
    frames: list[Frame] = []
    try:
        for piece in pieces:
            frames.extend(reader.feed(piece))
    except FrameTooLong:
        return frames, True
    return frames, False


def on_stream(data: bytes, cuts: list[int], limit: int) -> None:
    """Read a stream whole and in pieces."""
    places = sorted(cut % (len(data) + 1) for cut in cuts)
    pieces = [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
    assert read([data], limit) == read(pieces, limit)


def test_one_input(data: bytes) -> None:
    """One input: its first byte chooses what is tried."""
    if len(data) < 2:
        return
    if data[0] & 1:
        on_payload(data[1], data[2:])
    else:
        count = data[0] >> 4
        cuts, rest = list(data[2 : 2 + count]), data[2 + count :]
        on_stream(rest, cuts, _LIMITS[data[1] % len(_LIMITS)])


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
