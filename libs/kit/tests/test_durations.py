"""Our histogram shows what the library's own shows."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.openmetrics.exposition import generate_latest
from store_kit.telemetry.metrics import Durations

BUCKETS = (0.01, 0.1, 1.0)


def test_it_shows_what_the_library_would_show() -> None:
    """Buckets, sums, counts and exemplars are the same; a bound belongs to the bucket below it."""
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    histogram = Histogram("took_seconds", "Time.", ("who",), buckets=BUCKETS, registry=theirs)
    counter = Counter("things_total", "Things.", ("who",), registry=theirs)
    durations = Durations(
        "took_seconds", "Time.", ("who",), buckets=BUCKETS, counted=("things_total", "Things.")
    )
    ours.register(durations)
    for who, seconds in (("a", 0.005), ("a", 0.01), ("a", 0.05), ("b", 1.0), ("b", 7.0)):
        histogram.labels(who).observe(seconds)
        counter.labels(who).inc()
        durations.observe((who,), seconds)
    assert sorted(_lines(ours)) == sorted(line for line in _lines(theirs) if "_created" not in line)


def test_a_bucket_has_its_newest_example() -> None:
    """The trace of the last one that fell into a bucket stands beside it."""
    registry = CollectorRegistry()
    durations = Durations("took_seconds", "Time.", (), buckets=BUCKETS)
    registry.register(durations)
    for trace_id, seconds in (("first", 0.05), ("second", 0.06), ("slow", 2.0)):
        durations.observe((), seconds, trace_id)
    shown = [line for line in _lines(registry) if "trace_id" in line]
    assert [line.split("trace_id=")[1].split("}")[0] for line in shown] == ['"second"', '"slow"']


def _lines(registry: CollectorRegistry) -> list[str]:
    encode: Any = generate_latest  # the library leaves this one without types
    text: bytes = encode(registry)
    return text.decode().splitlines()
