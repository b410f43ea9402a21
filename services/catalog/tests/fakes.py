"""Stand-ins for the catalogue's ports, and use cases over them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from store_catalog.domain.products import Product
from store_catalog.domain.reservations import Reservation
from store_catalog.use_cases.sweep import Sweep
from store_catalog.wiring import Ports, use_cases_of
from store_kit.problems import Conflict

from services.catalog.tests.stores import Stores


class FakeIndex:
    """Remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    async def apply_products(self, products: Sequence[Product]) -> None:
        self.shown += [product.id for product in products]

    def offer_products(self, products: Sequence[Product]) -> None:
        """Nothing is shown later here."""

    async def wait_for_room(self) -> None:
        """There always is."""


class FakeTelemetry:
    """Counts in memory."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()

    def count_reservation(self, outcome: Reservation | Conflict | None) -> None:
        if outcome is not None:
            self.counted[outcome.state if isinstance(outcome, Reservation) else outcome.slug] += 1


def sweep_of(stores: Stores, index: FakeIndex, telemetry: FakeTelemetry) -> Sweep:
    """Return the sweeper of some stores; it needs nothing else."""
    absent: Any = None
    ports = Ports(
        products=stores.products,
        stock=stores.stock,
        feed=stores.feed,
        marks=absent,
        index=index,
        followed=absent,
        lists=absent,
        changes=absent,
        health=absent,
        telemetry=telemetry,
        clock=stores.clock,
    )
    return use_cases_of(ports, passing_ms=10_000, marker_ms=3_600_000, feed_ms=60_000).sweep
