"""Move an order on towards its delivery: by the clock when it is due, by an administrator earlier."""

from dataclasses import dataclass

from store_kit.problems import in_doubt

from store_order.domain import Order, Rules, Status, late_look, note_shipment, transition
from store_order.ports import Reservations, WorkQueue
from store_order.saga.journal import Journal


@dataclass(frozen=True, slots=True)
class AdvanceOrder:
    """Take the next step of CREATED -> PROCESSING -> SHIPPING -> DELIVERED.

    The order becomes SHIPPING before the goods are shipped, and DELIVERED only after: so cancelling, which
    needs the order to be CREATED or PROCESSING, and shipping can never both win.
    """

    reservations: Reservations
    work: WorkQueue
    journal: Journal
    rules: Rules

    async def __call__(self, order: Order) -> Order:
        """Return the order one step further; an order that has no next step is returned unchanged.

        Raises:
            StaleOrder: it was changed since it was read.
            PeerUnavailable: the catalogue was not reached; SHIPPING waits for it.
            OutcomeUnknown: the catalogue or the database did not answer; SHIPPING waits for it.
        """
        if order.status is Status.CREATED:
            return await self.journal.apply(transition, order, Status.PROCESSING)
        if order.status is Status.PROCESSING:
            return await self._ship(await self.journal.apply(transition, order, Status.SHIPPING))
        if order.status is not Status.SHIPPING:
            return order
        if order.shipped_at_ms is None:
            return await self._ship(order)
        return await self.journal.apply(transition, order, Status.DELIVERED)

    async def _ship(self, order: Order) -> Order:
        await self.reservations.ship_goods(order.id)
        with in_doubt():
            noted = await self.journal.apply(note_shipment, order)
        await self.work.finish_hints((late_look(order, self.rules),))
        return noted
