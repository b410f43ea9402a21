"""The one way an order is changed: a step of the domain, the store's compare-and-set, the shop's count of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec

from store_order.domain import Change, Mark, Moment, Order, Rules, Wanted, begin
from store_order.ports import Clock, OrderStore, Telemetry

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Journal:
    """Applies steps to orders and counts the statuses that they reach."""

    orders: OrderStore
    clock: Clock
    rules: Rules
    telemetry: Telemetry

    async def begin(self, order_id: str, user_id: str, wanted: Wanted, driver: str) -> Change | None:
        """Write an order's first step and return it; None when the order exists already."""
        change = begin(Moment(self.clock.now_ms(), self.rules), order_id, user_id, wanted, driver)
        if not await self.orders.insert_order(change):
            return None
        self.telemetry.count_move(change.after)
        return change

    async def apply(
        self, step: Callable[Concatenate[Moment, P], Change], *order: P.args, **how: P.kwargs
    ) -> Order:
        """Take a step now, `apply(lease, order, driver)`; return what the order is then.

        Raises:
            StaleOrder: the order was changed since it was read.
        """
        change = step(Moment(self.clock.now_ms(), self.rules), *order, **how)
        after = await self.orders.advance_order(change)
        if change.event.mark is Mark.STATUS:
            self.telemetry.count_move(after)
        return after
