"""What went over the wire as a pcapng file that Wireshark and tshark show as TCP conversations.

The harness sees what it wrote and read, not the packets, so their headers are made up: each connection of a log becomes one TCP
connection with a client port of its own, a handshake, an acknowledgement for every segment, and an end. Payload, order, times,
the target's address and how connections ended are real. The block types are those of draft-ietf-opsawg-pcapng; each log is
flushed, so that the file is whole up to the last one if the suite is killed.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Self

from cchatspec.conformance.harness.outcomes import Ending
from cchatspec.conformance.harness.wirelog import WireEntry

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_COMMENT, _USER_APPLICATION = 1, 4
_BYTE_ORDER = 0x1A2B3C4D
_RAW_IP = 101
_MAX_SEGMENT = 32_768
_FIN, _SYN, _RST, _PSH, _ACK = 1, 2, 4, 8, 16
_FIRST_PORT, _PORTS = 20_000, 45_000
_TCP = 6

#: The flags of a packet, and whether the target sent it, for each event of the wire log that ends a connection or half of it.
_ENDS = {
    Ending.FIN.value: (_FIN | _ACK, True),
    Ending.RST.value: (_RST | _ACK, True),
    "we shut down our sending side": (_FIN | _ACK, False),
    "we close the connection": (_FIN | _ACK, False),
    "we reset the connection": (_RST | _ACK, False),
}

_Address = IPv4Address | IPv6Address


@dataclass
class _Connection:
    """The two ends of a TCP connection: their addresses, ports and next sequence numbers."""

    addresses: tuple[_Address, _Address]
    ports: tuple[int, int]
    numbers: list[int] = field(default_factory=lambda: [0, 0])
    ended: set[bool] = field(default_factory=set)
    reset: bool = False

    def packet(self, flags: int, by_target: bool, payload: bytes = b"") -> bytes:
        """The next packet of one side."""
        here, there = int(by_target), 1 - int(by_target)
        acknowledged = self.numbers[there] if flags & _ACK else 0
        header = struct.pack(
            "!HHIIBBHHH",
            self.ports[here],
            self.ports[there],
            self.numbers[here],
            acknowledged,
            0x50,
            flags,
            65_535,
            0,
            0,
        )
        self.numbers[here] = (self.numbers[here] + len(payload) + bool(flags & (_SYN | _FIN))) & 0xFFFFFFFF
        return _ip_packet(self.addresses[here], self.addresses[there], header + payload)

    def begin(self, accepted: bool) -> Iterator[bytes]:
        """The handshake, or the attempt at one."""
        yield self.packet(_SYN, by_target=False)
        if not accepted:
            self.reset = True
            yield self.packet(_RST | _ACK, by_target=True)
            return
        yield self.packet(_SYN | _ACK, by_target=True)
        yield self.packet(_ACK, by_target=False)

    def data(self, payload: bytes, by_target: bool) -> Iterator[bytes]:
        """Segments of a write, each with its acknowledgement."""
        for at in range(0, len(payload), _MAX_SEGMENT):
            yield self.packet(_PSH | _ACK, by_target, payload[at : at + _MAX_SEGMENT])
            yield self.packet(_ACK, not by_target)

    def end(self, flags: int, by_target: bool) -> Iterator[bytes]:
        """The end of one side, or of both with a reset."""
        if self.reset or by_target in self.ended:
            return
        yield self.packet(flags, by_target)
        self.ended.add(by_target)
        self.reset = bool(flags & _RST)
        if not self.reset:
            yield self.packet(_ACK, not by_target)


class PcapWriter:
    """A pcapng file to which wire logs are added.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._connections = 0
        tool = _option(_USER_APPLICATION, f"cchatspec {version('cchatspec')}".encode())
        self._file.write(_block(_SECTION, struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1) + tool))
        self._file.write(_block(_INTERFACE, struct.pack("<HHI", _RAW_IP, 0, 0)))
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, comment: str, began: float, address: tuple[str, int], entries: Sequence[WireEntry]) -> None:
        """Write all connections of a log.

        Args:
            comment: the comment of the first packet.
            began: when the log began, in seconds since 1970.
            address: host and port of the target.
            entries: the log.
        """
        for ms, packet in self._packets(address, entries):
            self._file.write(_packet_block(began + ms / 1000, packet, comment))
            comment = ""
        self._file.flush()

    def _packets(self, address: tuple[str, int], entries: Sequence[WireEntry]) -> Iterator[tuple[float, bytes]]:
        refused = {entry.connection for entry in entries if entry.text.startswith("not connected")}
        made: dict[int, _Connection] = {}
        for entry in entries:
            if entry.connection not in made:
                made[entry.connection] = connection = self._connection(*address)
                yield from _at(entry, connection.begin(entry.connection not in refused))
            yield from _at(entry, _of_entry(made[entry.connection], entry))
        for connection in made.values():
            for by_target in (False, True):
                yield from _at(entries[-1], connection.end(_FIN | _ACK, by_target))

    def _connection(self, host: str, port: int) -> _Connection:
        number = self._connections
        self._connections += 1
        start = (number * 100_003) & 0xFFFFFFFF
        return _Connection(_addresses(host, port), (_FIRST_PORT + number % _PORTS, port), [start, start ^ 0x5A5A5A5A])


def _at(entry: WireEntry, packets: Iterator[bytes]) -> Iterator[tuple[float, bytes]]:
    return ((entry.ms, packet) for packet in packets)


def _of_entry(connection: _Connection, entry: WireEntry) -> Iterator[bytes]:
    if entry.direction != "event":
        return connection.data(entry.data, by_target=entry.direction == "received")
    if entry.text in _ENDS:
        return connection.end(*_ENDS[entry.text])
    return iter(())


@cache
def _addresses(host: str, port: int) -> tuple[_Address, _Address]:
    """The addresses of both ends. A datagram socket finds them without sending anything."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as probe:
        probe.connect(address)
        here, there = probe.getsockname()[0], probe.getpeername()[0]
    return ip_address(here.partition("%")[0]), ip_address(there.partition("%")[0])


def _ip_packet(source: _Address, destination: _Address, segment: bytes) -> bytes:
    """An IP packet around a TCP segment whose checksum is still missing."""
    ends = source.packed + destination.packed
    checksum = _checksum(ends + struct.pack("!II", len(segment), _TCP) + segment)
    segment = segment[:16] + struct.pack("!H", checksum) + segment[18:]
    if source.version == 6:
        return struct.pack("!IHBB", 6 << 28, len(segment), _TCP, 64) + ends + segment
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0x4000, 64, _TCP, 0) + ends
    return header[:10] + struct.pack("!H", _checksum(header)) + header[12:] + segment


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071); adding words and taking the remainder by 0xFFFF are the same."""
    total = int.from_bytes(data + b"\0" * (len(data) % 2), "big") % 0xFFFF
    return 0xFFFF - total


def _packet_block(when: float, packet: bytes, comment: str) -> bytes:
    micros = round(when * 1_000_000)
    body = struct.pack("<IIIII", 0, micros >> 32, micros & 0xFFFFFFFF, len(packet), len(packet))
    return _block(_PACKET, body + _padded(packet) + (_option(_COMMENT, comment.encode()) if comment else b""))


def _option(code: int, value: bytes) -> bytes:
    """One option and the end of the options."""
    return struct.pack("<HH", code, len(value)) + _padded(value) + bytes(4)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)
