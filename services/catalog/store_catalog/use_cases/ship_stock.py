"""Sell what an order holds."""

from dataclasses import dataclass

from store_catalog.domain import OrderId, Reservation
from store_catalog.ports import ReservationMeter, StockStore


@dataclass(frozen=True, slots=True)
class ShipStock:
    """Turn an order's holds into sold units."""

    stock: StockStore
    meter: ReservationMeter

    async def __call__(self, order_id: OrderId) -> Reservation:
        """Return the shipped reservation; safe to repeat.

        Raises:
            ReservationReleased: it holds nothing.
        """
        reservation = await self.stock.ship(order_id)
        self.meter.count("shipped")
        return reservation
