"""Replace everything in a cart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from store_kit.clock import Clock

from store_cart.domain import CartSize, Line, Owner, Versions, replace_lines
from store_cart.ports import CartStore
from store_cart.use_cases.find_products import FindProducts


@dataclass(frozen=True, slots=True)
class ReplaceItems:
    """Make these the cart's only lines; safe to repeat."""

    carts: CartStore
    find_products: FindProducts
    clock: Clock

    async def __call__(
        self, owner: Owner, quantities: Mapping[str, int], versions: Versions = None
    ) -> tuple[CartSize, Sequence[Line]]:
        """Return the cart's new size, and its lines at the prices that the shopper is shown.

        Raises:
            UnknownProduct: the catalogue does not have some of the products.
            PreconditionFailed: the cart is at none of the versions.
            Unavailable, QuantityLimit, CartFull, CartMerged: as for adding.
        """
        products = await self.find_products(quantities)
        now_ms = self.clock.now_ms()
        lines = [
            Line.of(products[product_id], quantity, now_ms) for product_id, quantity in quantities.items()
        ]
        return await self.carts.change_cart(owner, replace_lines(lines, now_ms, versions)), lines
