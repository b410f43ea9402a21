"""The thundering herd: everybody wants the same product at the same moment, and there is not enough of it."""

import time
from typing import Final

import gevent
from locust import task

from perf.load.figures import THE_MOST_WANTED
from perf.load.person import Person
from perf.load.sale import SALE

WAVE_S: Final = 10.0
"""Seconds from one rush to the next, at full pace."""


class HerdBuyer(Person):
    """Waits for the clock, then orders one unit together with all others. Most come too late: that is an answer."""

    weight = round(1000 * THE_MOST_WANTED)

    def on_start(self) -> None:
        """Have an account."""
        self.account: tuple[str, str] | None = None

    @task
    def rush(self) -> None:
        """Be ready before the moment comes; then buy."""
        self.account = self.account or self.register()
        if not self.is_signed_in:
            self.sign_in(*self.account)
        product = SALE.product_of(self)
        self.ask("PUT", "/api/cart/items", body={"items": [{"product_id": product, "quantity": 1}]})
        wave = max(WAVE_S * float(self.environment.parsed_options.pace), 0.5)
        gevent.sleep(wave - time.time() % wave)
        self.order()
