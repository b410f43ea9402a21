"""Finish and forget: what was left half done, and what nobody needs any more."""

from dataclasses import dataclass
from typing import Final

from store_kit.clock import Clock

from store_catalog.domain import OrderId, ReservationState
from store_catalog.ports import ChangeFeed, ProductIndex, ProductStore, ReservationMeter, StockStore
from store_catalog.use_cases.show_crossed import show_crossed

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Sweep:
    """Finish reservations that stayed in a passing state; trim the change feed and old markers.

    All ages are in milliseconds.
    """

    stock: StockStore
    feed: ChangeFeed
    products: ProductStore
    index: ProductIndex
    meter: ReservationMeter
    clock: Clock
    passing_ms: int
    marker_ms: int
    feed_ms: int

    async def __call__(self) -> int:
        """Return how many things were finished or forgotten."""
        now_ms = self.clock.now_ms()
        before_ms = now_ms - self.passing_ms
        finished = 0
        for reservation in await self.stock.unfinished(before_ms, _AT_ONCE):
            finished += await self._finish(reservation.order_id, before_ms)
        forgotten = await self.stock.expire(now_ms - self.marker_ms, _AT_ONCE)
        return finished + forgotten + await self.feed.trim(now_ms - self.feed_ms, _AT_ONCE)

    async def _finish(self, order_id: OrderId, before_ms: int) -> bool:
        ended = await self.stock.finish(order_id, before_ms)
        if ended is None:
            return False
        self.meter.count("shipped" if ended.state is ReservationState.SHIPPED else "released")
        await show_crossed(self.products, self.index, ended.crossed)
        return True
