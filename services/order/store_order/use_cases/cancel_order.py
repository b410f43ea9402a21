"""Cancel an order."""

from dataclasses import dataclass

from store_kit.ids import new_id
from store_kit.principal import Principal

from store_order.domain import Order, Status
from store_order.problems import StaleOrder
from store_order.use_cases.journal import Journal
from store_order.use_cases.settle_order import SettleOrder
from store_order.use_cases.view_order import ViewOrder


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Cancel an order its owner no longer wants, give back stock and money."""

    view: ViewOrder
    journal: Journal
    settle: SettleOrder

    async def __call__(self, order_id: str, requested_by: Principal) -> Order:
        """Return the cancelled order, or the cancelling one when that takes longer; safe to repeat.

        Raises:
            OrderNotFound: no such order, or it is someone else's.
            IllegalTransition: it has been shipped already, or was never placed.
        """
        order = await self.view(order_id, requested_by)
        while order.status is not Status.CANCELLED:
            if order.status is Status.CANCELLING:
                return (await self.settle.follow(order_id)).order
            try:
                cancelling = await self.journal.move(order, Status.CANCELLING, driver=new_id())
            except StaleOrder:
                order = await self.view(order_id, requested_by)
                continue
            return (await self.settle(cancelling)).order
        return order
