"""Show one order."""

from dataclasses import dataclass

from store_kit.principal import Principal

from store_order.domain import Line, Order
from store_order.ports import OrderStore
from store_order.problems import OrderNotFound


@dataclass(frozen=True, slots=True)
class ViewOrder:
    """Show an order to its owner or to an administrator."""

    orders: OrderStore

    async def __call__(self, order_id: str, requested_by: Principal) -> Order:
        """Return the order.

        Raises:
            OrderNotFound: no such order, or it is someone else's.
        """
        order = await self.orders.find(order_id)
        if order is None:
            raise OrderNotFound.of(order_id)
        order.must_be_visible_to(requested_by)
        return order

    async def lines(self, order: Order) -> tuple[Line, ...]:
        """Return the lines of an order that was shown."""
        return await self.orders.lines(order.id)
