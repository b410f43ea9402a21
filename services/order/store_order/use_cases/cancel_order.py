"""Cancel an order."""

from collections.abc import Collection
from dataclasses import dataclass

from store_kit.ids import new_id
from store_kit.principal import Principal
from store_kit.problems import PreconditionFailed

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

    async def __call__(
        self, order_id: str, requested_by: Principal, seen: Collection[int] | None = None
    ) -> Order:
        """Return the cancelled order, or the cancelling one when that takes longer; safe to repeat.

        Args:
            order_id: which order.
            requested_by: its owner, or an administrator.
            seen: the versions that the caller has seen; None: whichever it is.

        Raises:
            OrderNotFound: no such order, or it is someone else's.
            PreconditionFailed: the order is at none of the versions seen.
            IllegalTransition: it has been shipped already, or was never placed.
        """
        order = await self._view(order_id, requested_by, seen)
        while order.status is not Status.CANCELLED:
            if order.status is Status.CANCELLING:
                return (await self.settle.follow(order_id)).order
            try:
                cancelling = await self.journal.move(order, Status.CANCELLING, driver=new_id())
            except StaleOrder:
                order = await self._view(order_id, requested_by, seen)
                continue
            return (await self.settle(cancelling)).order
        return order

    async def _view(self, order_id: str, requested_by: Principal, seen: Collection[int] | None) -> Order:
        order = await self.view(order_id, requested_by)
        if seen is not None and order.version not in seen:
            raise PreconditionFailed(
                f"The order is at version {order.version} now; read it again and decide."
            )
        return order
