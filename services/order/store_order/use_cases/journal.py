"""The one way an order is changed: the domain's step, the store's compare-and-set, the shop's count of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from store_order.domain import (
    Change,
    Line,
    Order,
    Reason,
    Rules,
    Status,
    Wanted,
    leasing,
    moving,
    parking,
    placing,
    pricing,
    shipped,
)
from store_order.ports import Clock, OrderStore, Telemetry


@dataclass(frozen=True, slots=True)
class Journal:
    """Applies steps to orders. Each raises StaleOrder when somebody else changed the order first."""

    orders: OrderStore
    clock: Clock
    rules: Rules
    telemetry: Telemetry

    async def place(self, order_id: str, user_id: str, wanted: Wanted, driver: str) -> Change | None:
        """Insert a PENDING order; return the step, or None when the order exists already."""
        change = placing(order_id, user_id, wanted, driver, self.clock.now_ms(), self.rules)
        if not await self.orders.insert(change):
            return None
        self.telemetry.moved(change.after)
        return change

    async def lease(self, order: Order, driver: str) -> Order:
        """Take or renew the lease on an order."""
        return await self.orders.advance(leasing(order, driver, self.clock.now_ms(), self.rules))

    async def park(self, order: Order) -> Order:
        """Give the lease back, with work left."""
        return await self.orders.advance(parking(order, self.clock.now_ms(), self.rules))

    async def freeze(self, order: Order, lines: Sequence[Line], currency: str) -> Order:
        """Freeze prices and total."""
        return await self.orders.advance(pricing(order, lines, currency, self.clock.now_ms(), self.rules))

    async def move(self, order: Order, to: Status, *, driver: str = "") -> Order:
        """Bring an order to another status."""
        return await self._moved(moving(order, to, self.clock.now_ms(), self.rules, driver=driver))

    async def reject(self, order: Order, reason: Reason, *, driver: str = "") -> Order:
        """Turn an order back for a reason that its buyer will get; its driver, or the new one, has the lease."""
        now_ms, owner = self.clock.now_ms(), driver or order.driver
        return await self._moved(
            moving(order, Status.REJECTING, now_ms, self.rules, driver=owner, reason=reason)
        )

    async def ship(self, order: Order) -> Order:
        """Note that the catalogue acknowledged the shipment."""
        return await self.orders.advance(shipped(order, self.clock.now_ms(), self.rules))

    async def _moved(self, change: Change) -> Order:
        order = await self.orders.advance(change)
        self.telemetry.moved(order)
        return order
