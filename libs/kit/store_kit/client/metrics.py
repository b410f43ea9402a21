"""The metrics of calls to other services."""

from store_kit.telemetry.metrics import Metrics


class PeerMetrics:
    """The metrics of calls to other services; one per service, shared by its clients."""

    def __init__(self, metrics: Metrics) -> None:
        self.breaker_state = metrics.gauge(
            "store_breaker_state", "State of the circuit to a peer: 0 closed, 1 half open, 2 open.", ("peer",)
        )
        self.retries = metrics.counter(
            "store_peer_retries_total", "Calls to a peer that were sent again.", ("peer",)
        )
