"""Finish what was left half done; forget what is no longer needed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from store_kit.clock import Clock

from store_catalog.domain import OrderId, Reservation
from store_catalog.ports import ChangeFeed, StockStore
from store_catalog.use_cases.show_crossed import ShowCrossed

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Sweep:
    """Finish reservations that stayed in a passing state; trim the change feed and old markers.

    All ages are in milliseconds. `finish_reservation` is the stock's, counted.
    """

    stock: StockStore
    feed: ChangeFeed
    show_crossed: ShowCrossed
    clock: Clock
    finish_reservation: Callable[[OrderId, int], Awaitable[Reservation | None]]
    passing_ms: int
    marker_ms: int
    feed_ms: int

    async def __call__(self) -> int:
        """Return how many things were finished or forgotten."""
        now_ms = self.clock.now_ms()
        before_ms = now_ms - self.passing_ms
        finished = 0
        for reservation in await self.stock.list_unfinished(before_ms, _AT_ONCE):
            finished += await self._finish(reservation.order_id, before_ms)
        forgotten = await self.stock.delete_markers(now_ms - self.marker_ms, _AT_ONCE)
        return finished + forgotten + await self.feed.delete_entries(now_ms - self.feed_ms, _AT_ONCE)

    async def _finish(self, order_id: OrderId, before_ms: int) -> bool:
        ended = await self.finish_reservation(order_id, before_ms)
        if ended is None:
            return False
        await self.show_crossed(ended.crossed)
        return True
