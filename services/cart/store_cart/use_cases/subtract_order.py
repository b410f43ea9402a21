"""Take what was ordered out of the cart."""

from collections.abc import Sequence
from dataclasses import dataclass

from store_kit.clock import Clock

from store_cart.domain import Ordered, Owner, subtract_order
from store_cart.ports import CartStore


@dataclass(frozen=True, slots=True)
class SubtractOrder:
    """Subtract an order's lines once; what was added or set again in the meantime stays."""

    carts: CartStore
    clock: Clock
    remember_ms: int
    """How long an order is known: longer than anything that could still repeat it."""

    async def __call__(self, user_id: str, order_id: str, ordered: Sequence[Ordered]) -> int:
        """Return the cart's version, the same or a later one when it is repeated."""
        change = subtract_order(order_id, ordered, self.clock.now_ms(), self.remember_ms)
        return await self.carts.change_cart(Owner("user", user_id), change)
