"""Empty a cart."""

from collections.abc import Collection
from dataclasses import dataclass

from store_kit.clock import Clock

from store_cart.domain import CartSize, Owner
from store_cart.ports import CartStore


@dataclass(frozen=True, slots=True)
class ClearCart:
    """Take everything out; the cart itself and its version stay."""

    carts: CartStore
    clock: Clock

    async def __call__(self, owner: Owner, if_version: Collection[int] | None = None) -> CartSize:
        """Return the size of the empty cart.

        Raises:
            PreconditionFailed: the cart's version is none of `if_version`.
        """
        return await self.carts.replace(owner, (), self.clock.now_ms(), if_version)
