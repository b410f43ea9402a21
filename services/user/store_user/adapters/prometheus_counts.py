"""Business metrics of accounts."""

from typing import Final

from store_kit.metrics import Metrics

_LOGINS: Final = ("ok", "wrong-credentials", "account-disabled", "too-many-requests", "too-busy")


class PrometheusCounts:
    """The port `Counts`. No label says who."""

    def __init__(self, metrics: Metrics) -> None:
        self._registered = metrics.counter("store_users_registered_total", "Accounts opened by customers.")
        self._logins = metrics.counter("store_logins_total", "Logins by password.", ("outcome",))
        # All are there from the start: a rate over a series that just appeared would miss its first step.
        for outcome in _LOGINS:
            self._logins.labels(outcome)

    def registered(self) -> None:
        """Count a new account."""
        self._registered.inc()

    def login(self, outcome: str) -> None:
        """Count a login."""
        self._logins.labels(outcome).inc()
