"""Let an order take a cart."""

from dataclasses import dataclass

from store_kit.clock import Clock

from store_cart.domain import Owner, take_lines
from store_cart.ports import CartStore


@dataclass(frozen=True, slots=True)
class TakeCart:
    """Take a user's cart for one order, at the version that the order has read: one cart is ordered once."""

    carts: CartStore
    clock: Clock
    remember_ms: int
    """How long an order is known: longer than anything that could still repeat it."""

    async def __call__(self, user_id: str, order_id: str, version: int) -> int:
        """Return the cart's version then; an order may repeat it.

        Raises:
            CartChanged: the cart was changed, another order took it, or this one has given it back.
        """
        change = take_lines(order_id, version, self.clock.now_ms(), self.remember_ms)
        return await self.carts.change_cart(Owner("user", user_id), change)
