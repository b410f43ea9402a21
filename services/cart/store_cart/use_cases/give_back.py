"""Give a cart back when its order is turned back."""

from dataclasses import dataclass

from store_kit.clock import Clock

from store_cart.domain import Owner, give_back_lines
from store_cart.ports import CartStore


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Give a cart's lines back, once, and keep what was added in the meantime; the order takes nothing from then on."""

    carts: CartStore
    clock: Clock
    remember_ms: int
    """How long an order is known, as in TakeCart."""

    async def __call__(self, user_id: str, order_id: str) -> int:
        """Return the cart's version, the same or a later one when it is repeated."""
        change = give_back_lines(order_id, self.clock.now_ms(), self.remember_ms)
        return await self.carts.change_cart(Owner("user", user_id), change)
