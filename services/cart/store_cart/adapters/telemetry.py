"""What the cart service counts about its business."""

from store_kit.telemetry.metrics import Metrics


class PrometheusTelemetry:
    """The Telemetry port on the service's metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._added = metrics.counter(
            "store_cart_items_added_total", "Lines put into carts by adding or replacing."
        )

    def count_added_lines(self, lines: int) -> None:
        """Count lines that were put into a cart."""
        self._added.inc(lines)
