"""Change an order's status by hand."""

from dataclasses import dataclass

from store_kit.ids import new_id
from store_kit.problems import PreconditionFailed

from store_order.domain import Order, Status
from store_order.ports import OrderStore
from store_order.problems import IllegalTransition, StaleOrder
from store_order.use_cases.advance_order import AdvanceOrder
from store_order.use_cases.drive_order import TROUBLE
from store_order.use_cases.journal import Journal
from store_order.use_cases.settle_order import SettleOrder


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    """Do now what the clock would do later, or cancel: an administrator bends time, never the rules."""

    orders: OrderStore
    advance: AdvanceOrder
    journal: Journal
    settle: SettleOrder

    async def __call__(self, order: Order, to: Status) -> Order:
        """Return the order in its new status; `order` is what the administrator has seen.

        Raises:
            IllegalTransition: it cannot follow the present status.
            PreconditionFailed: the order was changed meanwhile.
            PeerUnavailable: DELIVERED needs the catalogue first, and it was not reached.
            OutcomeUnknown: DELIVERED needs the catalogue first, and it did not answer.
        """
        if to is order.status:
            return order
        try:
            if to is Status.CANCELLED:
                return await self._cancel(order)
            return await self._advance(order, to)
        except StaleOrder as error:
            raise PreconditionFailed("The order was changed meanwhile; read it again.") from error

    async def _cancel(self, order: Order) -> Order:
        if order.status is Status.CANCELLING:
            return (await self.settle.follow(order.id)).order
        cancelling = await self.journal.move(order, Status.CANCELLING, driver=new_id())
        return (await self.settle(cancelling)).order

    async def _advance(self, order: Order, to: Status) -> Order:
        if to not in (Status.PROCESSING, Status.SHIPPING, Status.DELIVERED):
            raise IllegalTransition(f"Nobody can set an order to {to} by hand.", order_id=order.id)
        order.must_allow(to)
        if to is Status.DELIVERED and order.shipped_ms is None:
            order = await self.advance(order)
        try:
            return await self.advance(order)
        except TROUBLE:
            # It is SHIPPING; only the catalogue has yet to hear of it, and the clock sees to that.
            return await self.orders.find(order.id) or order
