"""Read a user's cart for another service."""

from dataclasses import dataclass

from store_cart.domain import Cart, Owner
from store_cart.ports import CartStore


@dataclass(frozen=True, slots=True)
class ReadCart:
    """Tell the order service what a user wants to buy."""

    carts: CartStore

    async def __call__(self, user_id: str) -> Cart:
        """Return the cart; an empty one for a user without."""
        return await self.carts.read_cart(Owner("user", user_id))
