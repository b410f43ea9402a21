"""Empty a cart."""

from dataclasses import dataclass

from store_kit.clock import Clock

from store_cart.domain import Owner, Versions, check_version, replace_lines
from store_cart.ports import CartStore


@dataclass(frozen=True, slots=True)
class ClearCart:
    """Take everything out; the cart itself and its version stay. Without an owner it is empty, at version 0."""

    carts: CartStore
    clock: Clock

    async def __call__(self, owner: Owner | None, versions: Versions = None) -> None:
        """Return once it is empty.

        Raises:
            PreconditionFailed: the cart is at none of the versions.
        """
        if owner is not None:
            await self.carts.change_cart(owner, replace_lines((), self.clock.now_ms(), versions))
        elif versions is not None:
            check_version(0, versions)
