"""Let an order take a cart, and give it back when the order is turned back."""

from dataclasses import dataclass

from store_kit.clock import Clock

from store_cart.domain import Owner
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
        now_ms = self.clock.now_ms()
        return await self.carts.take(
            Owner("user", user_id), order_id, version, now_ms, now_ms + self.remember_ms
        )


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Give a cart's lines back, once, beside what was added meanwhile; the order takes nothing from then on."""

    carts: CartStore
    clock: Clock
    remember_ms: int

    async def __call__(self, user_id: str, order_id: str) -> int:
        """Return the cart's version, the same or a later one when it is repeated."""
        now_ms = self.clock.now_ms()
        return await self.carts.give_back(Owner("user", user_id), order_id, now_ms, now_ms + self.remember_ms)
