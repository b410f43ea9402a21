"""Put units of a product into a cart."""

from dataclasses import dataclass

from store_kit.clock import Clock

from store_cart.domain import Line, LineChange, Owner, Versions, add_units
from store_cart.ports import CartStore
from store_cart.use_cases.find_products import FindProducts


@dataclass(frozen=True, slots=True)
class AddItem:
    """Add to what is in the cart: parallel adds all count, a repeated one counts once."""

    carts: CartStore
    find_products: FindProducts
    clock: Clock
    remember_ms: int
    """How long a key is known."""

    async def __call__(
        self,
        owner: Owner,
        product_id: str,
        quantity: int,
        key: str | None = None,
        versions: Versions = None,
    ) -> LineChange:
        """Return the line as it is after the add; `key` is the caller's Idempotency-Key.

        Raises:
            UnknownProduct: the catalogue has no such product.
            Unavailable: the product is not known here and the catalogue does not answer.
            PreconditionFailed: the cart is at none of the versions.
            KeyReused: the key came before with another product or quantity.
            QuantityLimit, CartFull, CartMerged: it does not fit.
        """
        products = await self.find_products((product_id,))
        line = Line.of(products[product_id], quantity, self.clock.now_ms())
        return await self.carts.change_cart(
            owner, add_units(line, versions, key=key, remember_ms=self.remember_ms)
        )
