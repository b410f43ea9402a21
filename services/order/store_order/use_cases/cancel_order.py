"""Cancel an order."""

from collections.abc import Collection
from dataclasses import dataclass

from store_kit.ids import new_id
from store_kit.principal import Principal

from store_order.domain import OrderWithLines, Status, transition
from store_order.problems import StaleOrder
from store_order.saga import CompleteOrder, Journal
from store_order.use_cases.view_order import ViewOrder


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Cancel an order its owner no longer wants, give back stock and money."""

    view: ViewOrder
    journal: Journal
    complete: CompleteOrder

    async def __call__(
        self, order_id: str, requested_by: Principal, versions: Collection[int] | None = None
    ) -> OrderWithLines:
        """Return the cancelled order, or the cancelling one when that takes longer; safe to repeat.

        Args:
            order_id: which order.
            requested_by: its owner, or an administrator.
            versions: those that the caller has seen; None: whichever it is.

        Raises:
            OrderNotFound: no such order, or it is someone else's.
            PreconditionFailed: the order is at none of the versions.
            IllegalTransition: it has been shipped already, or was never placed.
        """
        while True:
            order = await self.view.find_visible(order_id, requested_by)
            order.must_be_at(versions)
            if order.status in (Status.CANCELLING, Status.CANCELLED):
                return await self.complete.wait_for_outcome(order_id)
            try:
                leased = await self.journal.apply(transition, order, Status.CANCELLING, driver=new_id())
            except StaleOrder:
                continue
            return await self.complete(leased)
