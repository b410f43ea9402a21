"""List orders, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from store_kit.paging import Page

from store_order.domain import Line, Order
from store_order.ports import OrderFilter, OrderStore, Payment, Payments, Position

_LINES_PER_PAGE: Final = 5_000
"""A page that shows lines ends early rather than grow without bound; its cursor goes on from there."""


NO_PAYMENT: Final = Payment("NONE", 0, "", 0, 0)
"""Shown of an order of which the payment provider knows nothing."""


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """An order in a list, with its lines and its payment if they were asked for."""

    order: Order
    lines: Sequence[Line] | None = None
    payment: Payment | None = None


OrderPage = Page[ListedOrder, Position]


@dataclass(frozen=True, slots=True)
class ListOrders:
    """List orders by user, status and time."""

    orders: OrderStore
    payments: Payments

    async def __call__(
        self,
        wanted: OrderFilter,
        after: Position | None,
        limit: int,
        *,
        with_lines: bool = False,
        with_payment: bool = False,
    ) -> OrderPage:
        """Return up to `limit` orders behind a position; fewer when their lines are too many for one page."""
        found = list(await self.orders.list_orders(wanted, after, limit + 1))
        shown = _bounded(found[:limit]) if with_lines else found[:limit]
        items = [
            ListedOrder(
                order,
                await self.orders.list_lines(order.id) if with_lines else None,
                await self._payment(order) if with_payment else None,
            )
            for order in shown
        ]
        more = len(found) > len(shown)
        return Page(items, (shown[-1].created_at_ms, shown[-1].id) if more else None)

    async def _payment(self, order: Order) -> Payment:
        return await self.payments.find_payment(order.id) or NO_PAYMENT


def _bounded(orders: Sequence[Order]) -> Sequence[Order]:
    lines = 0
    for count, order in enumerate(orders):
        lines += order.line_count
        if count and lines > _LINES_PER_PAGE:
            return orders[:count]
    return orders
