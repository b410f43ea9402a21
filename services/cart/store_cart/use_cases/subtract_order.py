"""Take what was ordered out of the cart."""

from collections.abc import Sequence
from dataclasses import dataclass

from store_kit.clock import Clock

from store_cart.domain import Ordered, Owner
from store_cart.ports import CartStore


@dataclass(frozen=True, slots=True)
class SubtractOrder:
    """Subtract an order's lines once; what was added or set anew meanwhile stays."""

    carts: CartStore
    clock: Clock
    remember_ms: int
    """How long an order is known: longer than anything that could still repeat it."""

    async def __call__(self, user_id: str, order_id: str, ordered: Sequence[Ordered]) -> int:
        """Return the cart's version, the same or a later one when it is repeated."""
        now_ms = self.clock.now_ms()
        return await self.carts.subtract(
            Owner("user", user_id), order_id, ordered, now_ms, now_ms + self.remember_ms
        )
