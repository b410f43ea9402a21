"""The order metrics, as Prometheus reads them."""

from store_kit.telemetry.metrics import Metrics
from store_order.adapters.telemetry import PrometheusTelemetry

from tests.support.clock import ManualClock


def overdue(metrics: Metrics) -> float:
    value = metrics.registry.get_sample_value("store_orders_overdue_seconds")
    assert value is not None
    return value


def test_the_worst_of_the_last_moments_is_shown() -> None:
    """An order between two looks still counts; one that moved on is forgotten half a minute later."""
    metrics, clock = Metrics("order"), ManualClock()
    telemetry = PrometheusTelemetry(metrics, clock)
    assert overdue(metrics) == 0
    telemetry.note_overdue(70)
    telemetry.note_overdue(3)
    clock.advance(14)
    assert overdue(metrics) == 70
    clock.advance(30)
    assert overdue(metrics) == 0


def test_outcomes_are_there_before_the_first_of_them() -> None:
    """A rate sees the first order that is declined, because the count began at 0."""
    metrics = Metrics("order")
    PrometheusTelemetry(metrics, ManualClock())
    declined = {"outcome": "payment-declined"}
    assert metrics.registry.get_sample_value("store_checkouts_total", declined) == 0
    assert metrics.registry.get_sample_value("store_saga_recovered_total", {"step": "charge"}) == 0
