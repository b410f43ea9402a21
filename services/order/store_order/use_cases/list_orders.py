"""List orders, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from store_order.domain import Line, Order
from store_order.ports import OrderFilter, OrderStore, Payment, Payments, Position

_LINES_PER_PAGE: Final = 5_000
"""A page that shows lines ends early rather than grow without bound; its cursor goes on from there."""


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """An order in a list, with what was asked to be shown of it."""

    order: Order
    lines: Sequence[Line] | None = None
    payment: Payment | None = None


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One page of orders and where the next one begins; None on the last."""

    items: Sequence[ListedOrder]
    next_position: Position | None


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
        found = list(await self.orders.page(wanted, after, limit + 1))
        shown = _bounded(found[:limit]) if with_lines else found[:limit]
        items = [
            ListedOrder(
                order,
                await self.orders.lines(order.id) if with_lines else None,
                await self.payments.find(order.id) if with_payment else None,
            )
            for order in shown
        ]
        more = len(found) > len(shown)
        return OrderPage(items, (shown[-1].created_ms, shown[-1].id) if more else None)


def _bounded(orders: Sequence[Order]) -> Sequence[Order]:
    lines = 0
    for count, order in enumerate(orders):
        lines += order.line_count
        if count and lines > _LINES_PER_PAGE:
            return orders[:count]
    return orders
