"""Set how many units of a product are in a cart."""

from dataclasses import dataclass

from store_kit.clock import Clock
from store_kit.problems import Unavailable

from store_cart.domain import Line, LineChange, Owner, Versions, set_units
from store_cart.ports import CartStore
from store_cart.use_cases.find_products import FindProducts


@dataclass(frozen=True, slots=True)
class SetItem:
    """Make a line hold exactly this many units.

    While the catalogue is away a shopper can still change the quantities of what is in the cart, at the prices
    shown before.
    """

    carts: CartStore
    find_products: FindProducts
    clock: Clock

    async def __call__(
        self, owner: Owner, product_id: str, quantity: int, versions: Versions = None
    ) -> LineChange:
        """Return the line as it is now, with the price that its shopper is shown.

        Raises:
            UnknownProduct: the catalogue has no such product.
            Unavailable: it is not in the cart, and the catalogue does not answer.
            PreconditionFailed: the cart is at none of the versions.
            QuantityLimit, CartFull, CartMerged: it does not fit.
        """
        line = await self._line(owner, product_id)
        line = line._replace(quantity=quantity, added_at_ms=self.clock.now_ms())
        return await self.carts.change_cart(owner, set_units(line, versions))

    async def _line(self, owner: Owner, product_id: str) -> Line:
        present = await self.carts.find_line(owner, product_id)
        try:
            product = (await self.find_products((product_id,)))[product_id]
        except Unavailable:
            if present is None:
                raise
            return present._replace(shown_minor=present.last_shown_minor)
        if present is None:
            return Line.of(product, 1, 0)
        return present._replace(shown_minor=product.price_minor)
