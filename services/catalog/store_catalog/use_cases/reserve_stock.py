"""Hold stock for an order."""

from collections.abc import Sequence
from dataclasses import dataclass

from store_kit.problems import Conflict

from store_catalog.domain import Line, OrderId, Reservation
from store_catalog.ports import ProductIndex, ProductStore, ReservationMeter, StockStore
from store_catalog.problems import InsufficientStock
from store_catalog.use_cases.show_crossed import show_crossed


@dataclass(frozen=True, slots=True)
class ReserveStock:
    """Hold every line of an order or none."""

    stock: StockStore
    products: ProductStore
    index: ProductIndex
    meter: ReservationMeter

    async def __call__(self, order_id: OrderId, lines: Sequence[Line], not_after_ms: int) -> Reservation:
        """Return what the order holds, with names and prices; safe to repeat.

        Raises:
            InsufficientStock: some lines are short.
            ReservationReleased: the order was cancelled.
            ReservationShipped: the order was shipped.
            ReservationExpired: `not_after_ms` has passed.
        """
        try:
            reservation = await self.stock.reserve(order_id, lines, not_after_ms)
        except InsufficientStock:
            self.meter.count("insufficient")
            raise
        except Conflict:
            self.meter.count("refused")
            raise
        self.meter.count("held")
        await show_crossed(self.products, self.index, reservation.crossed)
        return reservation
