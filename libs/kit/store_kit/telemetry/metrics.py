"""Metrics: one registry per service, so that several services in one process keep their series apart."""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

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


class Durations(Collector):
    """Times by labels, as a Prometheus histogram for what happens in every request.

    The library's own takes a lock, checks the exemplar and walks all buckets for each observation: of a product detail
    that was a tenth. These are seen and shown in the event loop's thread alone.

    Args:
        name: of the histogram; ends in `_seconds`.
        description: what is timed.
        labels: their names.
        buckets: upper bounds in seconds.
        counted: name and description of a counter that shows how many there were, too.
    """

    def __init__(
        self,
        name: str,
        description: str,
        labels: Sequence[str],
        *,
        buckets: Sequence[float],
        counted: tuple[str, str] | None = None,
    ) -> None:
        self._name, self._description, self._labelnames = name, description, labels
        self._buckets = buckets
        self._bounds = [*map(floatToGoString, buckets), "+Inf"]
        self._counted = counted
        self._series: dict[tuple[str | int, ...], _Series] = {}

    def observe(self, labels: tuple[str | int, ...], seconds: float, trace_id: str = "") -> None:
        """Count one that took so long, under these labels; its trace is the newest example of its bucket."""
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = _Series(len(self._bounds))
        bucket = bisect_left(self._buckets, seconds)
        series.counts[bucket] += 1
        series.seconds += seconds
        if trace_id:
            series.exemplars[bucket] = (trace_id, seconds, time.time())

    def describe(self) -> Iterator[Metric]:
        """Yield what is shown, for the registry: nobody else may use these names."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as Prometheus wants them."""
        if self._counted is not None:
            yield self._counter(*self._counted)
        family = HistogramMetricFamily(self._name, self._description, labels=self._labelnames)
        for labels, series in self._series.items():
            totals = zip(self._bounds, accumulate(series.counts), strict=True)
            buckets = [(bound, total, series.exemplar(at)) for at, (bound, total) in enumerate(totals)]
            family.add_metric([*map(str, labels)], buckets, series.seconds)  # type: ignore[arg-type]  # None: no exemplar
        yield family

    def _counter(self, name: str, description: str) -> Metric:
        family = CounterMetricFamily(name, description, labels=self._labelnames)
        for labels, series in self._series.items():
            family.add_metric([*map(str, labels)], sum(series.counts))
        return family


class _Series:
    """What was observed under the same labels."""

    __slots__ = ("counts", "exemplars", "seconds")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.exemplars: dict[int, tuple[str, float, float]] = {}
        self.seconds = 0.0

    def exemplar(self, bucket: int) -> Exemplar | None:
        """Return the newest example of a bucket."""
        found = self.exemplars.get(bucket)
        return None if found is None else Exemplar({"trace_id": found[0]}, found[1], found[2])


class Metrics:
    """The metrics of one service. Labels never hold a path, a user id or an e-mail."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._db = self.durations(
            "db_client_operation_duration_seconds",
            "Time of one database operation, as its caller saw it.",
            ("db_system", "operation", "table", "outcome"),
            buckets=DB_BUCKETS_S,
        )
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

    def durations(
        self,
        name: str,
        description: str,
        labels: Sequence[str],
        *,
        buckets: Sequence[float] = LATENCY_BUCKETS_S,
        counted: tuple[str, str] | None = None,
    ) -> Durations:
        """Return a new histogram for what happens in every request."""
        made = Durations(name, description, labels, buckets=buckets, counted=counted)
        self.registry.register(made)
        return made

    def observe_db(self, system: str, operation: str, outcome: str, seconds: float) -> None:
        """Count one database operation; `operation` is `table.verb`, `outcome` is `ok` or an error's name."""
        table, _, verb = operation.partition(".")
        self._db.observe((system, verb, table, outcome), seconds)

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
