"""Set how many units of a product are in a cart."""

from collections.abc import Collection
from dataclasses import dataclass

from store_kit.clock import Clock
from store_kit.problems import Unavailable

from store_cart.domain import Line, LineChange, Owner
from store_cart.ports import CartStore, KnownProducts
from store_cart.use_cases.existing import existing


@dataclass(frozen=True, slots=True)
class SetItem:
    """Make a line hold exactly this many units.

    While the catalogue is away a shopper can still change the quantities of what is in the cart, at the prices
    shown before.
    """

    carts: CartStore
    products: KnownProducts
    clock: Clock

    async def __call__(
        self, owner: Owner, product_id: str, quantity: int, if_version: Collection[int] | None = None
    ) -> LineChange:
        """Return the line as it is now, with the price that its shopper is shown.

        Raises:
            UnknownProduct: the catalogue has no such product.
            Unavailable: it is not in the cart, and the catalogue does not answer.
            PreconditionFailed, QuantityLimit, CartFull, CartMerged: see CartStore.put.
        """
        line = await self._line(owner, product_id)
        line = line._replace(quantity=quantity, added_ms=self.clock.now_ms())
        return await self.carts.put(owner, line, if_version)

    async def _line(self, owner: Owner, product_id: str) -> Line:
        present = await self.carts.line(owner, product_id)
        try:
            product = await existing(self.products, product_id)
        except Unavailable:
            if present is None:
                raise
            return present._replace(shown_minor=present.last_shown_minor)
        if present is None:
            return Line.of(product, 1, 0)
        return present._replace(shown_minor=product.price_minor)
