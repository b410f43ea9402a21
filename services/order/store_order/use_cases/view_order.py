"""Show one order."""

from collections.abc import Collection
from dataclasses import dataclass

from store_kit.principal import Principal

from store_order.domain import Order, OrderWithLines
from store_order.ports import OrderStore
from store_order.problems import OrderNotFound


@dataclass(frozen=True, slots=True)
class ViewOrder:
    """Show an order to its owner or to an administrator."""

    orders: OrderStore

    async def __call__(
        self, order_id: str, requested_by: Principal, known: Collection[int] | None = None
    ) -> OrderWithLines:
        """Return the order with its lines; without them at a version that is `known` to the caller.

        Raises:
            OrderNotFound: no such order, or it is someone else's.
        """
        order = await self.find_visible(order_id, requested_by)
        is_known = known is not None and order.version in known
        return OrderWithLines(order, () if is_known else await self.orders.list_lines(order_id))

    async def find_visible(self, order_id: str, requested_by: Principal) -> Order:
        """Return the order alone.

        Raises:
            OrderNotFound: no such order, or it is someone else's.
        """
        order = await self.orders.find_order(order_id)
        if order is None:
            raise OrderNotFound.of(order_id)
        order.must_be_visible_to(requested_by)
        return order
