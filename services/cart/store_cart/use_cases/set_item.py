"""Set how many units of a product are in a cart."""

from dataclasses import dataclass

from store_kit.clock import Clock

from store_cart.domain import Line, LineChange, Owner
from store_cart.ports import CartStore, KnownProducts
from store_cart.use_cases.existing import existing


@dataclass(frozen=True, slots=True)
class SetItem:
    """Make a line hold exactly this many units.

    The catalogue is asked only for products that are not in the cart yet, so a shopper can change
    quantities while it is away.
    """

    carts: CartStore
    products: KnownProducts
    clock: Clock

    async def __call__(self, owner: Owner, product_id: str, quantity: int) -> LineChange:
        """Return the line as it is now.

        Raises:
            UnknownProduct: it is not in the cart, and the catalogue has no such product.
            Unavailable: it is not in the cart, and the catalogue does not answer.
            QuantityLimit, CartFull, CartMerged: see CartStore.put.
        """
        line = await self.carts.line(owner, product_id)
        if line is None:
            line = Line.of(await existing(self.products, product_id), quantity, 0)
        return await self.carts.put(owner, line._replace(quantity=quantity, added_ms=self.clock.now_ms()))
