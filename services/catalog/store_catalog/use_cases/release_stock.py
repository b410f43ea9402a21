"""Give an order's stock back."""

from dataclasses import dataclass

from store_catalog.domain import OrderId, Reservation
from store_catalog.ports import ProductIndex, ProductStore, ReservationMeter, StockStore
from store_catalog.use_cases.show_crossed import show_crossed


@dataclass(frozen=True, slots=True)
class ReleaseStock:
    """Make what an order holds available again; from then on nothing can be held for it."""

    stock: StockStore
    products: ProductStore
    index: ProductIndex
    meter: ReservationMeter

    async def __call__(self, order_id: OrderId) -> Reservation:
        """Return the released reservation; safe to repeat, and for an order that never held anything.

        Raises:
            ReservationShipped: its stock is sold.
        """
        reservation = await self.stock.release(order_id)
        self.meter.count("released")
        await show_crossed(self.products, self.index, reservation.crossed)
        return reservation
