"""Finish and forget: what was left half done, and what nobody needs any more."""

from dataclasses import dataclass
from typing import Final

from store_kit.clock import Clock

from store_catalog.domain import Claim, Reservation
from store_catalog.ports import ChangeFeed, StockStore
from store_catalog.use_cases.release_stock import ReleaseStock
from store_catalog.use_cases.ship_stock import ShipStock

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Sweep:
    """Finish reservations that stayed in a passing state; trim the change feed and old markers.

    All ages are in milliseconds.
    """

    stock: StockStore
    feed: ChangeFeed
    release: ReleaseStock
    ship: ShipStock
    clock: Clock
    passing_ms: int
    marker_ms: int
    feed_ms: int

    async def __call__(self) -> int:
        """Return how many things were finished or forgotten."""
        now_ms = self.clock.now_ms()
        passing = await self.stock.unfinished(now_ms - self.passing_ms, _AT_ONCE)
        for reservation in passing:
            await self._finish(reservation)
        forgotten = await self.stock.expire(now_ms - self.marker_ms, _AT_ONCE)
        return len(passing) + forgotten + await self.feed.trim(now_ms - self.feed_ms, _AT_ONCE)

    async def _finish(self, reservation: Reservation) -> None:
        """Bring it to the end it was on its way to; one that never held everything is given back."""
        if reservation.state.claim is Claim.SHIPPED:
            await self.ship(reservation.order_id)
        else:
            await self.release(reservation.order_id)
