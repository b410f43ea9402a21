"""Keep the gauges of the shop's state true, also right after a start."""

from dataclasses import dataclass

from store_order.ports import OrderStore, Telemetry


@dataclass(frozen=True, slots=True)
class ShowCounts:
    """Show how many orders are in each status."""

    orders: OrderStore
    telemetry: Telemetry

    async def __call__(self) -> int:
        """Refresh the gauges; there is never more to do at once."""
        self.telemetry.show_statuses(await self.orders.count_orders())
        return 0
