"""Price a cart at what its products cost now."""

from dataclasses import dataclass

from store_kit.problems import Unavailable

from store_cart.domain import Cart, Owner, PricedCart
from store_cart.ports import CartStore, Catalogue


@dataclass(frozen=True, slots=True)
class PriceCart:
    """Say what a cart costs now, by one call to the catalogue, without showing it to its shopper.

    Without the catalogue the cart still has names, quantities and the prices when added, which are its own.
    What it cannot know is said to be unknown, never guessed.
    """

    carts: CartStore
    catalogue: Catalogue
    currency: str

    async def __call__(self, owner: Owner | None) -> PricedCart:
        """Return the cart of an owner, or an empty one where there is no owner."""
        cart = Cart(0) if owner is None else await self.carts.read_cart(owner)
        if not cart.lines:
            return PricedCart(cart, {}, self.currency)
        try:
            products = await self.catalogue.find_products([line.product_id for line in cart.lines])
        except Unavailable:
            return PricedCart(cart, None, self.currency)
        return PricedCart(cart, products, self.currency)
