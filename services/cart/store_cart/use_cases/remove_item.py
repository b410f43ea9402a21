"""Take a product out of a cart."""

from dataclasses import dataclass

from store_kit.clock import Clock

from store_cart.domain import LineChange, Owner, Versions, remove_line
from store_cart.ports import CartStore


@dataclass(frozen=True, slots=True)
class RemoveItem:
    """Remove a line; one that is not there is removed already."""

    carts: CartStore
    clock: Clock

    async def __call__(self, owner: Owner, product_id: str, versions: Versions = None) -> LineChange:
        """Return the cart's size without the line.

        Raises:
            PreconditionFailed: the cart is at none of the versions.
        """
        return await self.carts.change_cart(owner, remove_line(product_id, self.clock.now_ms(), versions))
