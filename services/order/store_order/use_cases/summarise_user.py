"""What a user has ordered so far."""

from dataclasses import dataclass

from store_order.ports import OrderStore, Summary


@dataclass(frozen=True, slots=True)
class SummariseUser:
    """Answer the user service's question for its summary page."""

    orders: OrderStore

    async def __call__(self, user_id: str) -> Summary:
        """Return the number of a user's orders and what those that were not cancelled cost."""
        return await self.orders.summarise_orders(user_id)
