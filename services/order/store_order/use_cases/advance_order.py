"""Move an order on towards its delivery: by the clock when it is due, by an administrator earlier."""

from dataclasses import dataclass

from store_order.domain import Order, Status
from store_order.ports import Reservations
from store_order.use_cases.journal import Journal


@dataclass(frozen=True, slots=True)
class AdvanceOrder:
    """Take the next step of CREATED -> PROCESSING -> SHIPPING -> DELIVERED.

    The order becomes SHIPPING before the goods are shipped, and DELIVERED only after: so cancelling, which
    needs the order to be CREATED or PROCESSING, and shipping can never both win.
    """

    reservations: Reservations
    journal: Journal

    async def __call__(self, order: Order) -> Order:
        """Return the order one step further; an order that has no next step as it is.

        Raises:
            StaleOrder: somebody else changed it first.
            PeerUnavailable: the catalogue was not reached; SHIPPING waits for it.
            OutcomeUnknown: the catalogue did not answer; SHIPPING waits for it.
        """
        if order.status is Status.CREATED:
            return await self.journal.move(order, Status.PROCESSING)
        if order.status is Status.PROCESSING:
            return await self._ship(await self.journal.move(order, Status.SHIPPING))
        if order.status is not Status.SHIPPING:
            return order
        if order.shipped_ms is None:
            return await self._ship(order)
        return await self.journal.move(order, Status.DELIVERED)

    async def _ship(self, order: Order) -> Order:
        await self.reservations.ship(order.id)
        return await self.journal.ship(order)
