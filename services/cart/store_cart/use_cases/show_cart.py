"""Show a cart with what it costs now."""

from dataclasses import dataclass

from store_cart.domain import Owner, PricedCart
from store_cart.ports import CartStore
from store_cart.use_cases.price_cart import PriceCart


@dataclass(frozen=True, slots=True)
class ShowCart:
    """Show a shopper the cart at live prices, and keep which prices these were: an order may not be dearer.

    They are kept before they are shown, and only where they differ from what is kept: most of the times nothing
    is written.
    """

    carts: CartStore
    price_cart: PriceCart

    async def __call__(self, owner: Owner | None) -> PricedCart:
        """Return the cart of an owner, or the empty one of a stranger."""
        priced = await self.price_cart(owner)
        news = priced.news
        if owner is not None and news:
            await self.carts.show(owner, news)
        return priced
