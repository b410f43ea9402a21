"""Replace everything in a cart."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from store_kit.clock import Clock

from store_cart.domain import CartSize, Line, Owner
from store_cart.ports import AddedCounter, CartStore, KnownProducts
from store_cart.use_cases.existing import all_existing


@dataclass(frozen=True, slots=True)
class ReplaceItems:
    """Make these the cart's only lines; safe to repeat."""

    carts: CartStore
    products: KnownProducts
    added: AddedCounter
    clock: Clock

    async def __call__(
        self, owner: Owner, quantities: Mapping[str, int], if_version: Collection[int] | None = None
    ) -> tuple[CartSize, Sequence[Line]]:
        """Return the cart's new size, and its lines at the prices that the shopper is shown.

        Raises:
            UnknownProduct: the catalogue does not have some of the products.
            PreconditionFailed: the cart's version is none of `if_version`.
            Unavailable, QuantityLimit, CartFull, CartMerged: as for adding.
        """
        products = await all_existing(self.products, quantities)
        now_ms = self.clock.now_ms()
        lines = [
            Line.of(products[product_id], quantity, now_ms) for product_id, quantity in quantities.items()
        ]
        size = await self.carts.replace(owner, lines, now_ms, if_version)
        self.added.inc(size.line_count)
        return size, lines
