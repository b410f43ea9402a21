"""What becomes of reservations, as a metric."""

from store_kit.metrics import Metrics


class PrometheusReservationMeter:
    """ReservationMeter: the counter `store_stock_reservations_total`."""

    def __init__(self, metrics: Metrics) -> None:
        counter = metrics.counter(
            "store_stock_reservations_total", "What became of orders' reservations.", ("outcome",)
        )
        # All outcomes are there from the start: a rate over a series that just appeared would miss its first step.
        self._children = {
            outcome: counter.labels(outcome)
            for outcome in ("held", "insufficient", "refused", "released", "shipped")
        }

    def count(self, outcome: str) -> None:
        """Count one."""
        self._children[outcome].inc()
