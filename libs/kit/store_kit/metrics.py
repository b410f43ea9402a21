"""Metrics: one registry per service, so that several services in one process keep their series apart."""

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector

LATENCY_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
"""Fine enough around 500 ms to show the P99 that the alert is about."""
DB_BUCKETS_S: Final = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
)

# When a series began is a second series for each, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves this one without types


class Metrics:
    """The metrics of one service. Labels never hold a path, a user id or an e-mail."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._db = self.histogram(
            "db_client_operation_duration_seconds",
            "Time of one database operation, as its caller saw it.",
            ("db_system", "operation", "table", "outcome"),
            buckets=DB_BUCKETS_S,
        )
        self._db_children: dict[tuple[str, str, str], Histogram] = {}
        self.requests_in_hand = self.gauge(
            "store_requests_in_hand",
            "Requests being served, by where and how they came in.",
            ("listener", "lane"),
        )
        self.requests_refused = self.counter(
            "store_requests_refused_total",
            "Requests refused because too many were in hand.",
            ("listener", "lane"),
        )
        self.requests_not_read = self.counter(
            "store_requests_not_read_total", "Requests that never arrived whole.", ("listener", "reason")
        )
        self._worker_errors = self.counter(
            "store_worker_errors_total", "Steps of background workers that failed.", ("worker",)
        )

    def counter(self, name: str, description: str, labels: Sequence[str] = ()) -> Counter:
        """Return a new counter."""
        return Counter(name, description, labels, registry=self.registry)

    def gauge(self, name: str, description: str, labels: Sequence[str] = ()) -> Gauge:
        """Return a new gauge."""
        return Gauge(name, description, labels, registry=self.registry)

    def histogram(
        self,
        name: str,
        description: str,
        labels: Sequence[str] = (),
        buckets: Sequence[float] = LATENCY_BUCKETS_S,
    ) -> Histogram:
        """Return a new histogram with `buckets` as upper bounds."""
        return Histogram(name, description, labels, registry=self.registry, buckets=buckets)

    def observe_db(self, system: str, operation: str, outcome: str, seconds: float) -> None:
        """Count one database operation; `operation` is `table.verb`, `outcome` is `ok` or an error's name."""
        key = (system, operation, outcome)
        child = self._db_children.get(key)
        if child is None:
            table, _, verb = operation.partition(".")
            child = self._db_children[key] = self._db.labels(system, verb, table, outcome)
        child.observe(seconds)

    def worker_started(self, worker: str) -> None:
        """Show a worker's count from the start: a rate over a series that just appeared misses its first step."""
        self._worker_errors.labels(worker)

    def worker_failed(self, worker: str) -> None:
        """Count one failed step of a background worker."""
        self._worker_errors.labels(worker).inc()

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Return all metrics and their media type: OpenMetrics to who accepts it, else Prometheus' text format.

        Exemplars are in OpenMetrics only.
        """
        encode, media_type = choose_encoder(accept)
        return encode(self.registry), media_type
