"""Sell what orders hold."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from store_kit.problems import OutcomeUnknown, Problem

from store_catalog.domain import OrderId, Reservation, ReservationState
from store_catalog.problems import ReservationReleased

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShipStock:
    """Turn the holds of orders into sold units, each order for itself.

    Args:
        ship_stock: of the stock store.
    """

    ship_stock: Callable[[OrderId], Awaitable[Reservation]]

    async def __call__(self, order_ids: Sequence[OrderId]) -> Sequence[Reservation]:
        """Return how each order's reservation ended; safe to repeat.

        SHIPPED, or RELEASED if it holds nothing, or SHIPPING if that could not be told now while others could: then
        asking again tells.

        Raises:
            Exception: what kept every one of the orders from being shipped.
        """
        ends = await asyncio.gather(*map(self._ship, order_ids), return_exceptions=True)
        errors = [end for end in ends if isinstance(end, BaseException)]
        for error in errors:
            if not isinstance(error, Problem):
                _log.error("an order could not be shipped", exc_info=error)
        if errors and len(errors) == len(ends):
            # That nothing was changed must be true of all of them.
            raise next((error for error in errors if isinstance(error, OutcomeUnknown)), errors[0])
        return [
            Reservation(order_id, ReservationState.SHIPPING) if isinstance(end, BaseException) else end
            for order_id, end in zip(order_ids, ends, strict=True)
        ]

    async def _ship(self, order_id: OrderId) -> Reservation:
        try:
            return await self.ship_stock(order_id)
        except ReservationReleased:
            return Reservation(order_id, ReservationState.RELEASED)
