"""What becomes of reservations, as a metric."""

from store_kit.problems import Conflict
from store_kit.telemetry.metrics import Metrics

from store_catalog.domain import Reservation, ReservationState
from store_catalog.problems import InsufficientStock


class PrometheusTelemetry:
    """Telemetry: the counter `store_stock_reservations_total`."""

    def __init__(self, metrics: Metrics) -> None:
        counter = metrics.counter(
            "store_stock_reservations_total", "What became of orders' reservations.", ("outcome",)
        )
        # All outcomes are there from the start: a rate over a series that just appeared would miss its first step.
        self._reached = {state: counter.labels(state.hold_state.lower()) for state in ReservationState}
        self._insufficient, self._refused = counter.labels("insufficient"), counter.labels("refused")

    def count_reservation(self, outcome: Reservation | Conflict | None) -> None:
        """Count a reservation by where it has come, or by why it was refused; None is not counted."""
        match outcome:
            case Reservation():
                self._reached[outcome.state].inc()
            case InsufficientStock():
                self._insufficient.inc()
            case Conflict():
                self._refused.inc()
