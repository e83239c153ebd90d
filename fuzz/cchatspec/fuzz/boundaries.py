"""Where implementations go wrong: the sizes at which a buffer or a number ends, and the bytes that mean something to somebody.

Sizes of bodies are drawn by weight. One in three has 300 bytes or more, and one in 25 is so long that it costs time.
"""

from __future__ import annotations

from typing import Final

from cchatspec.fuzz.dice import Dice, Table
from cchatspec.fuzz.script import NAME_SIZE, Edit

#: What surrounds the body of a message to a user of a script: two lengths and a name, and a header before these.
_AROUND_BODY = 1 + NAME_SIZE + 2
_HEADER = 5


def _around(*ends: int) -> tuple[int, ...]:
    """Sizes of bodies for which the body, the payload or the frame ends at a place, one before or one behind it."""
    places = {
        end + more - less for end in ends for more in (0, -1, 1) for less in (0, _AROUND_BODY, _AROUND_BODY + _HEADER)
    }
    return tuple(sorted(place for place in places if place <= LONGEST_BODY))


#: The longest body that its length field can tell.
LONGEST_BODY: Final = 65_535

Edits = tuple[Edit, ...]

SMALL = (16, 20, 1, 2, 0, 15, 17, 31, 32, 33, 63, 64, 65, 100)
_MIDDLE = (*_around(128, 256), 254, 258)
LARGE = (300, 400, 700, 1000, 1400, 1500, *_around(512, 1024, 2048))
_PAGES = _around(4096, 8192)
_LONG = (*_around(16_384, 32_768, 65_536), 65_000, 65_533, 65_534)

SIZES: Final = Table((45, SMALL), (18, _MIDDLE), (29, LARGE), (6, _PAGES), (4, _LONG))

#: How often something is done again where once is enough: the limits of small tables and of counters of one byte.
TIMES: Final = Table(
    (40, (2, 3)), (25, (5, 8, 9, 10)), (15, (16, 17, 20)), (8, (32, 33, 64, 65)), (3, (128, 256, 257, 260))
)

#: Bytes for names and other text, from plain to strange: paths, quotes, formats, control bytes, UTF-8 at its edges.
TEXTS: Final = (
    b"a",
    b"A",
    b" ",
    b".",
    b"..",
    b"-",
    b"@",
    b"*",
    b"%",
    b"/",
    b"\\",
    b"'",
    b'"',
    b"\x00",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\n",
    b"\r\n",
    b"\t",
    b"\x1b[2J",
    b"../../etc/passwd",
    b"C:\\",
    b"%s%s%s%s",
    b"%n%n%n%n",
    b"%2500d",
    b"{0}{1}",
    b"{}",
    b"${HOME}",
    b"$(id)",
    b"`id`",
    b"; reboot #",
    b"' OR '1'='1",
    b"');DROP TABLE users;--",
    b"*)(uid=*",
    b"<script>",
    b"null",
    b"None",
    b"0",
    b"-1",
    b"NaN",
    b"admin",
    b"root",
    b"__proto__",
    "ä".encode(),
    "a\u0308".encode(),
    "\u202e".encode(),
    "\ufeff".encode(),
    "\uffff".encode(),
    "\U0001f600".encode(),
    "\U0010ffff".encode(),
    b"\xc3",
    b"\xc0\x80",
    b"\xc1\xbf",
    b"\xe0\x80\xaf",
    b"\xed\xa0\x80",
    b"\xf0\x82\x82\xac",
    b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xfe\xff",
    b"\x00\x00\x00\x00",
    b"\x00\x00\x00\x05\x05",
    bytes(range(32)),
    bytes(range(0x80, 0x100)),
)

#: What makes of a name one that is taken for it by whoever stops too early, folds, trims or compares too little.
SUFFIXES: Final = (
    b"a",
    b" ",
    b"\x00",
    b"\x00a",
    b".",
    b"\n",
    b"\x7f",
    b"\xff",
    b"%s",
    b"%n",
    b"/",
    b"'",
    b"\xc3",
    b"\xcc\x88",
)

#: How long names are made, in bytes; 255 is what the length field holds, and an answer that quotes one has room for less.
NAME_SIZES: Final = (31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 191, 192, 240, 250, 253, 254, 255, 255)


def body_size(dice: Dice) -> int:
    """The size of a body, in bytes."""
    return dice.one(dice.pick(SIZES))


#: Where payloads end that fill a buffer.
PAYLOAD_SIZES: Final = (16, 32, 64, 128, 255, 256, 257, 512, 1000, 1023, 1024, 1025, 2047, 2048, 4095, 4096, 4097, 8192)


def integers(size: int) -> tuple[int, ...]:
    """The numbers at the edges of an unsigned or signed integer of `size` bytes."""
    top = 256**size
    edges = {0, 1, 2, 127, 128, 255, 256, top // 2 - 1, top // 2, top // 2 + 1, top - 2, top - 1}
    return tuple(sorted(number for number in edges if number < top))


def name_edits(prefix: str, label: str, size: int) -> Table[tuple[Edits, ...]]:
    """Edits that make another name of one of `size` bytes, each with its length made right where one byte can hold it.

    40 % leave a name that is easily taken for the one that it was, 30 % make one as long as a buffer or a number, and 30 % put
    bytes in it that mean something to somebody.
    """
    near: list[Edits] = [(Edit(label, "flip", 0x20, at=at),) for at in (0, 1, size - 1)]
    near += [(Edit(label, "grow", hex=suffix.hex()), Edit(prefix, "add", len(suffix))) for suffix in SUFFIXES]
    near += [(Edit(label, "cut", left), Edit(prefix, "set", left)) for left in (size - 1, size // 2, 1)]
    near += [(Edit(label, "repeat", 2), Edit(prefix, "set", 2 * size))]
    long: list[Edits] = [(Edit(label, "cut", 0), Edit(prefix, "set", 0))] * 3
    long += [(Edit(label, "grow", hex="61" * (end - size)), Edit(prefix, "set", end)) for end in NAME_SIZES]
    long += [
        (Edit(label, "repeat", 255 // size), Edit(prefix, "set", 255 // size * size)),
        (Edit(label, "repeat", 1000),),
    ]
    odd: list[Edits] = [(Edit(label, "flip", 0x80, at=at),) for at in (0, size - 1)]
    odd += [(Edit(label, "replace", hex=text.hex()), Edit(prefix, "set", len(text))) for text in TEXTS]
    return Table((40, tuple(near)), (30, tuple(long)), (30, tuple(odd)))
