"""Captures: what was logged is what another reader finds in the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conformance.conftest import Judge, launched
from tests.conformance.pcap_reader import Packet, packets, streams

from cchatspec.conformance.harness.outcomes import Ending
from cchatspec.conformance.harness.pcap import PcapWriter
from cchatspec.conformance.harness.wirelog import Direction, WireEntry

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def event(text: str, ms: float = 0.0, number: int = 1) -> WireEntry:
    return WireEntry(ms, number, "event", b"", text)


def data(direction: Direction, content: bytes, ms: float = 0.0, number: int = 1) -> WireEntry:
    return WireEntry(ms, number, direction, content)


def captured(tmp_path: Path, *entries: WireEntry, host: str = "127.0.0.1", case: str = "REG-OK/x") -> list[Packet]:
    with PcapWriter(tmp_path / "x.pcapng") as writer:
        writer.add(case, 1000.5, (host, 4000), entries)
    return packets((tmp_path / "x.pcapng").read_bytes())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_what_was_sent_and_received_is_what_the_streams_hold(tmp_path: Path, host: str) -> None:
    found = captured(tmp_path, event("connect"), data("sent", b"ping"), data("received", b"pong!"), host=host)

    assert list(streams(found).values()) == [b"ping", b"pong!"]


def test_a_large_write_is_put_together_from_its_segments(tmp_path: Path) -> None:
    body = bytes(range(256)) * 300
    found = captured(tmp_path, event("connect"), data("sent", body))

    assert list(streams(found).values()) == [body, b""]


def test_each_connection_of_a_case_has_a_port_of_its_own(tmp_path: Path) -> None:
    entries = [event("connect"), event("connect", number=2), data("sent", b"1"), data("sent", b"2", number=2)]
    found = captured(tmp_path, *entries)

    assert [sent for sent in streams(found).values() if sent] == [b"1", b"2"]


def test_the_first_packet_of_a_case_names_it(tmp_path: Path) -> None:
    found = captured(tmp_path, event("connect"), data("sent", b"ping"))

    assert [packet.comment for packet in found] == ["REG-OK/x"] + [""] * (len(found) - 1)


def test_times_are_those_of_the_log(tmp_path: Path) -> None:
    found = captured(tmp_path, event("connect"), data("sent", b"ping", 2.25))

    assert [packet.seconds for packet in found if packet.payload] == [1000.50225]


def test_a_case_without_connections_leaves_no_packet(tmp_path: Path) -> None:
    assert captured(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        (Ending.FIN.value, [(True, FIN | ACK), (False, ACK), (False, FIN | ACK), (True, ACK)]),
        (Ending.RST.value, [(True, RST | ACK)]),
        ("we shut down our sending side", [(False, FIN | ACK), (True, ACK), (True, FIN | ACK), (False, ACK)]),
        ("we close the connection", [(False, FIN | ACK), (True, ACK), (True, FIN | ACK), (False, ACK)]),
        ("we reset the connection", [(False, RST | ACK)]),
    ],
)
def test_a_connection_ends_as_it_did(tmp_path: Path, text: str, flags: list[tuple[bool, int]]) -> None:
    found = captured(tmp_path, event("connect"), event(text))

    assert [(packet.ends[1] == 4000, packet.flags) for packet in found[3:]] == flags


def test_a_refused_connection_is_a_reset(tmp_path: Path) -> None:
    found = captured(tmp_path, event("connect"), event("not connected: Connection refused"))

    assert [packet.flags for packet in found] == [SYN, RST | ACK]


def test_the_harness_logs_endings_in_the_words_that_the_capture_knows() -> None:
    peer = (Path(__file__).parents[2] / "conformance/cchatspec/conformance/harness/line.py").read_text()
    words = ["we shut down our sending side", "we close the connection", "we reset the connection", "not connected: "]

    assert [text for text in words if f'"{text}' not in peer] == []


def test_a_run_leaves_every_case_that_connected_in_the_capture(judge: Judge, tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    verdict = judge(*launched("plain_server.py"), "--select", "KEY-FOUND", "--pcap", str(path), "--workers", "2")
    found = packets(path.read_bytes())

    assert sorted(packet.comment for packet in found if packet.comment) == sorted(verdict.ids("pass"))


def test_the_connection_that_asks_whether_the_target_still_serves_is_in_the_capture(
    judge: Judge, tmp_path: Path
) -> None:
    path = tmp_path / "run.pcapng"
    judge(*launched("plain_server.py"), "--select", "REG-OK/new-user", "--pcap", str(path))

    # The case's own, one by which the length of names is found, and the one that asks.
    assert [packet.flags for packet in packets(path.read_bytes())].count(SYN) == 3
