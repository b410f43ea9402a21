"""Business metrics of accounts. No label says who."""

from typing import Final

from store_kit.telemetry.metrics import Metrics

_LOGINS: Final = ("ok", "wrong-credentials", "account-disabled", "too-many-requests", "too-busy")


class AccountMetrics:
    """Counts the outcomes of registrations and logins: `ok`, or the slug of the problem."""

    def __init__(self, metrics: Metrics) -> None:
        self._registered = metrics.counter("store_users_registered_total", "Accounts opened by customers.")
        self._logins = metrics.counter("store_logins_total", "Logins by password.", ("outcome",))
        # All are there from the start: a rate over a series that just appeared would miss its first step.
        for outcome in _LOGINS:
            self._logins.labels(outcome)

    def count_registration(self, outcome: str) -> None:
        """Count a new account."""
        if outcome == "ok":
            self._registered.inc()

    def count_login(self, outcome: str) -> None:
        """Count a token request by password."""
        self._logins.labels(outcome).inc()
