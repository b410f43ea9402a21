"""What the shop knows about a customer, gathered from the services that know it."""

import asyncio
from dataclasses import dataclass

from store_user.ports import Carts, CartSize, Orders, Spending


@dataclass(frozen=True, slots=True)
class Summary:
    """None stands for what could not be asked right now."""

    spending: Spending | None
    cart: CartSize | None


@dataclass(frozen=True, slots=True)
class SummariseAccount:
    """Ask the order and the cart service at the same time."""

    orders: Orders
    carts: Carts

    async def __call__(self, account_id: str) -> Summary:
        """Return what could be gathered; a service that does not answer costs its own part only."""
        spending, cart = await asyncio.gather(
            self.orders.read_spending(account_id), self.carts.read_cart_size(account_id)
        )
        return Summary(spending, cart)
