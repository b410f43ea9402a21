"""Change an order's status by hand."""

from collections.abc import Collection
from dataclasses import dataclass

from store_kit.principal import Principal
from store_kit.problems import PreconditionFailed, in_doubt

from store_order.domain import Order, OrderWithLines, Status
from store_order.problems import IllegalTransition, StaleOrder
from store_order.saga import TROUBLE, AdvanceOrder, CompleteOrder
from store_order.use_cases.cancel_order import CancelOrder
from store_order.use_cases.view_order import ViewOrder


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    """Do now what the clock would do later, or cancel: an administrator bends time, never the rules."""

    view: ViewOrder
    cancel: CancelOrder
    advance: AdvanceOrder
    complete: CompleteOrder

    async def __call__(
        self, order_id: str, requested_by: Principal, to: Status, versions: Collection[int] | None
    ) -> OrderWithLines:
        """Return the order in its new status.

        Args:
            order_id: which order.
            requested_by: an administrator.
            to: the new status.
            versions: those that the administrator has seen; None: whichever it is.

        Raises:
            OrderNotFound: no such order.
            IllegalTransition: `to` cannot follow the present status.
            PreconditionFailed: the order is at none of the versions, or was changed meanwhile.
            PeerUnavailable: DELIVERED needs the catalogue first, and it was not reached.
            OutcomeUnknown: whether the status was set is not known, or DELIVERED needs the catalogue first, and it did
                not answer.
        """
        if to is Status.CANCELLED:
            return await self.cancel(order_id, requested_by, versions)
        order = await self.view.find_visible(order_id, requested_by)
        order.must_be_at(versions)
        if to is order.status:
            return await self.complete.as_it_is(order)
        try:
            order = await self._advance(order, to)
        except StaleOrder as error:
            raise PreconditionFailed("The order was changed meanwhile; read it again.") from error
        with in_doubt():
            return await self.complete.as_it_is(order)

    async def _advance(self, order: Order, to: Status) -> Order:
        if to not in (Status.PROCESSING, Status.SHIPPING, Status.DELIVERED):
            raise IllegalTransition(f"An order cannot be set to {to} by hand.", order_id=order.id)
        order.must_allow(to)
        if to is Status.DELIVERED and order.shipped_at_ms is None:
            order = await self.advance(order)
            with in_doubt():
                return await self.advance(order)
        try:
            return await self.advance(order)
        except TROUBLE:
            # If it is SHIPPING, only the catalogue has yet to hear of it, and the clock sees to that.
            with in_doubt():
                now = await self.complete.get_order(order.id)
            if now.status is not to:
                raise
            return now
