"""Hold stock for an order."""

from collections.abc import Sequence
from dataclasses import dataclass

from store_catalog.domain import Line, OrderId, Reservation
from store_catalog.ports import StockStore
from store_catalog.use_cases.show_crossed import ShowCrossed


@dataclass(frozen=True, slots=True)
class ReserveStock:
    """Hold every line of an order or none."""

    stock: StockStore
    show_crossed: ShowCrossed

    async def __call__(self, order_id: OrderId, lines: Sequence[Line], not_after_ms: int) -> Reservation:
        """Return what the order holds, with names and prices; safe to repeat.

        Raises:
            InsufficientStock: some lines are short.
            ReservationReleased: the order was cancelled.
            ReservationShipped: the order was shipped.
            ReservationExpired: `not_after_ms` has passed.
        """
        reservation = await self.stock.reserve_stock(order_id, lines, not_after_ms)
        await self.show_crossed(reservation.crossed)
        return reservation
