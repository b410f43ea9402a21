"""Give an order's stock back."""

from dataclasses import dataclass

from store_catalog.domain import OrderId, Reservation
from store_catalog.ports import StockStore
from store_catalog.use_cases.show_crossed import ShowCrossed


@dataclass(frozen=True, slots=True)
class ReleaseStock:
    """Make what an order holds available again; from then on nothing can be held for it."""

    stock: StockStore
    show_crossed: ShowCrossed

    async def __call__(self, order_id: OrderId) -> Reservation:
        """Return the released reservation; safe to repeat, and for an order that never held anything.

        Raises:
            ReservationShipped: its stock is sold.
        """
        reservation = await self.stock.release_stock(order_id)
        await self.show_crossed(reservation.crossed)
        return reservation
