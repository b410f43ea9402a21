"""Take a product out of a cart."""

from collections.abc import Collection
from dataclasses import dataclass

from store_kit.clock import Clock

from store_cart.domain import LineChange, Owner
from store_cart.ports import CartStore


@dataclass(frozen=True, slots=True)
class RemoveItem:
    """Remove a line; one that is not there is removed already."""

    carts: CartStore
    clock: Clock

    async def __call__(
        self, owner: Owner, product_id: str, if_version: Collection[int] | None = None
    ) -> LineChange:
        """Return the cart's size without the line.

        Raises:
            PreconditionFailed: the cart's version is none of `if_version`.
        """
        return await self.carts.remove(owner, product_id, self.clock.now_ms(), if_version)
