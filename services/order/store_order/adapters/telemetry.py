"""The order service's metrics (docs/monitoring.md)."""

from collections.abc import Mapping
from typing import Final

from store_kit.telemetry.metrics import Metrics

from store_order.domain import Order, Status
from store_order.ports import Clock

_VALUE_BUCKETS: Final = (
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
)
_DELIVERY_BUCKETS_S: Final = (1, 5, 10, 30, 60, 90, 120, 180, 240, 300, 360, 600, 1_800)
_CHECKOUTS: Final = (
    "created",
    "repeated",
    "in_progress",
    "insufficient-stock",
    "payment-declined",
    "price-changed",
    "cart-changed",
    "precondition-failed",
    "peer-unavailable",
)
_STEPS: Final = ("reserve", "charge", "reject", "cancel", "cart")
_REMEMBERED_MS: Final = 15_000
"""How long an overdue order counts after a look at it: some times the pause between two looks."""


class PrometheusTelemetry:
    """Counts orders; labels hold statuses and outcomes, never ids."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._checkouts = metrics.counter(
            "store_checkouts_total", "Requests to place an order, by how they ended.", ("outcome",)
        )
        self._created = metrics.counter("store_orders_created_total", "Orders that were placed.")
        statuses = metrics.counter("store_orders_status_total", "Orders that reached a status.", ("status",))
        in_status = metrics.gauge("store_orders_in_status", "Orders that are in a status now.", ("status",))
        self._value = metrics.histogram(
            "store_order_value", "Total of placed orders, in minor units.", buckets=_VALUE_BUCKETS
        )
        self._delivery = metrics.histogram(
            "store_order_delivery_seconds",
            "Time from placing an order to its delivery.",
            buckets=_DELIVERY_BUCKETS_S,
        )
        self._recovered = metrics.counter(
            "store_saga_recovered_total",
            "Orders that recovery drove on, by where they were found.",
            ("step",),
        )
        self._overdue = _Worst(clock)
        metrics.gauge(
            "store_orders_overdue_seconds",
            "Age of the most overdue order, in seconds; 0 if none is overdue.",
        ).set_function(self._overdue.read)
        # All are there from the start: a rate over a series that just appeared would miss its first step.
        for outcome in _CHECKOUTS:
            self._checkouts.labels(outcome)
        for step in _STEPS:
            self._recovered.labels(step)
        self._reached = {status: statuses.labels(status.value) for status in Status}
        self._in_status = {status: in_status.labels(status.value) for status in Status}

    def count_checkout(self, outcome: str) -> None:
        """Count a request to place an order by how it ended."""
        self._checkouts.labels(outcome).inc()

    def count_move(self, order: Order) -> None:
        """Count an order that has just reached a status."""
        self._reached[order.status].inc()
        if order.status is Status.CREATED:
            self._created.inc()
            self._value.observe(order.total_minor or 0)
        elif order.status is Status.DELIVERED:
            self._delivery.observe((order.updated_at_ms - order.created_at_ms) / 1000)

    def count_recovery(self, step: str) -> None:
        """Count an order that recovery found at `step` and drove on."""
        self._recovered.labels(step).inc()

    def note_overdue(self, seconds: float) -> None:
        """Remember for a while how late an order is."""
        self._overdue.see(seconds)

    def show_statuses(self, counts: Mapping[Status, int]) -> None:
        """Show how many orders are in each status."""
        for status, orders in counts.items():
            self._in_status[status].set(orders)


class _Worst:
    """The largest of what was seen lately: for as long as is remembered at least, for twice that at most."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._slot = 0
        self._before = self._now = 0.0

    def see(self, value: float) -> None:
        """Take note of a value."""
        self._turn()
        self._now = max(self._now, value)

    def read(self) -> float:
        """Return the largest, or 0."""
        self._turn()
        return max(self._now, self._before)

    def _turn(self) -> None:
        slot = self._clock.now_ms() // _REMEMBERED_MS
        if slot != self._slot:
            self._before = self._now if slot == self._slot + 1 else 0.0
            self._slot, self._now = slot, 0.0
