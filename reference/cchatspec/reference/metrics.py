"""What the server counts, for Prometheus. Nothing is copied while it serves: the figures are read when somebody asks for them.

They say how many and how much, and never who: no names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cchatspec.reference.server import Server
from cchatspec.spec import ErrorCode, MessageType


class ServerCollector(Collector):
    """Reads a server's counts."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def collect(self) -> Iterable[Metric]:
        """All figures as they stand."""
        yield from self._gauges()
        yield from self._counters()
        yield from self._labelled()
        yield from self._commits()

    def _gauges(self) -> Iterator[Metric]:
        server, core = self._server, self._server.core
        for name, text, value in (
            ("connections", "Open connections.", server.connections),
            ("sessions", "Connections that are logged in.", core.sessions),
            ("users", "Registered users.", core.users),
            ("slow_peers", "Peers that have more to read than they take at once.", server.slow_peers),
            ("queue_messages", "Messages that wait for their recipients.", core.queues.messages),
            ("queue_bytes", "Memory that they take.", core.queues.size),
        ):
            yield GaugeMetricFamily(f"cchat_{name}", text, value)

    def _counters(self) -> Iterator[Metric]:
        counts = self._server.core.counts
        for name, text, value in (
            ("connections_taken", "Connections that were taken.", counts.connections),
            ("connections_turned_away", "Connections beyond the limit.", counts.turned_away),
            ("logins", "Proofs that were accepted.", counts.logins),
            ("logins_refused", "Proofs that were refused.", counts.refused_logins),
            ("messages_pushed", "Messages that were delivered at once.", counts.pushed),
            ("messages_queued", "Messages that were kept for later.", counts.queued),
            ("messages_refused", "Messages that no queue had room for.", counts.unqueued),
            ("messages_given", "Kept messages that were delivered.", counts.given),
        ):
            yield CounterMetricFamily(f"cchat_{name}", text, value)

    def _labelled(self) -> Iterator[Metric]:
        counts = self._server.core.counts
        requests = CounterMetricFamily("cchat_requests", "Requests by type.", labels=["type"])
        for kind, number in enumerate(counts.requests):
            requests.add_metric([MessageType(kind).name if kind else "unknown"], number)
        errors = CounterMetricFamily("cchat_errors", "ERRORs by code.", labels=["code"])
        for code in ErrorCode:
            errors.add_metric([code.name], counts.errors[code])
        dropped = CounterMetricFamily(
            "cchat_dropped", "Connections that the server ended, by reason.", labels=["reason"]
        )
        for reason, number in sorted(counts.dropped.items()):
            dropped.add_metric([reason], number)
        yield from (requests, errors, dropped)

    def _commits(self) -> Iterator[Metric]:
        writer = self._server.writer
        if writer is not None:
            yield CounterMetricFamily("cchat_store_commits", "Commits to the store.", writer.commits)
            yield CounterMetricFamily("cchat_store_writes", "Writes in these commits.", writer.writes)
            yield CounterMetricFamily("cchat_store_seconds", "Time that the commits took.", writer.seconds)


class MetricsEndpoint:
    """An HTTP server on a thread of its own that tells a server's figures.

    Args:
        server: whose figures.
        host: the address to listen on.
        port: the port; 0 takes a free one, which `port` then tells.

    Raises:
        OSError: the address cannot be listened on.
    """

    def __init__(self, server: Server, host: str, port: int) -> None:
        registry = CollectorRegistry()
        registry.register(ServerCollector(server))
        self._http: Any
        self._http, self._thread = start_http_server(port, host, registry)
        self.port: int = self._http.server_port

    def close(self) -> None:
        """Stops listening."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
