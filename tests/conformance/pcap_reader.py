"""Reads pcapng files of raw IP with TCP in it, written by nobody's library, to test what we write. It skips nothing."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address


@dataclass(frozen=True)
class Packet:
    """One TCP segment."""

    seconds: float
    comment: str
    ends: tuple[str, int, str, int]
    number: int
    flags: int
    payload: bytes


def blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Every block with its type and body."""
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0 and struct.unpack_from("<I", data, at + length - 4) == (length,)
        yield kind, data[at + 8 : at + length - 4]
        at += length


def packets(data: bytes) -> list[Packet]:
    """Every packet of a file with one section and one interface."""
    section, interface, *rest = blocks(data)
    assert section[0] == 0x0A0D0D0A and struct.unpack_from("<IHHq", section[1]) == (0x1A2B3C4D, 1, 0, -1)
    assert interface == (1, struct.pack("<HHI", 101, 0, 0))
    assert {kind for kind, _ in rest} <= {6}
    return [_packet(body) for _, body in rest]


def _packet(body: bytes) -> Packet:
    interface, high, low, captured, size = struct.unpack_from("<IIIII", body)
    assert interface == 0 and captured == size
    data, options = body[20 : 20 + size], body[20 + size + -size % 4 :]
    comment = ""
    if options:
        code, length = struct.unpack_from("<HH", options)
        assert code == 1 and options[-4:] == bytes(4) and len(options) == 8 + length + -length % 4
        comment = options[4 : 4 + length].decode()
    return _segment(((high << 32) + low) / 1e6, comment, data)


def _segment(seconds: float, comment: str, data: bytes) -> Packet:
    if data[0] >> 4 == 4:
        assert struct.unpack_from("!H", data, 2) == (len(data),) and _sum(data[:20]) == 0xFFFF
        ends, segment = data[12:20], data[20:]
    else:
        assert struct.unpack_from("!HB", data, 4) == (len(data) - 40, 6)
        ends, segment = data[8:40], data[40:]
    assert _sum(ends + struct.pack("!II", len(segment), 6) + segment) == 0xFFFF
    here, there, number, _, offset, flags = struct.unpack_from("!HHIIBB", segment)
    half = len(ends) // 2
    names = [str(ip_address(ends[:half])), str(ip_address(ends[half:]))]
    return Packet(seconds, comment, (names[0], here, names[1], there), number, flags, segment[(offset >> 4) * 4 :])


def _sum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data + bytes(len(data) % 2)) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def streams(found: list[Packet]) -> dict[tuple[str, int, str, int], bytes]:
    """What each end sent, put together by sequence numbers; every byte must follow the one before."""
    data: dict[tuple[str, int, str, int], bytes] = {}
    following: dict[tuple[str, int, str, int], int] = {}
    for packet in found:
        if packet.flags & 2:
            data[packet.ends] = b""
        elif packet.ends in following:
            assert packet.number == following[packet.ends]
        following[packet.ends] = packet.number + len(packet.payload) + bool(packet.flags & 3)
        data[packet.ends] = data.get(packet.ends, b"") + packet.payload
    return data
