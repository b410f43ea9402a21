"""Show a cart with what it costs now."""

from dataclasses import dataclass

from store_cart.domain import Owner, PricedCart, show_prices
from store_cart.ports import CartStore
from store_cart.use_cases.price_cart import PriceCart


@dataclass(frozen=True, slots=True)
class ShowCart:
    """Show a shopper the cart at live prices, and keep which prices these were: an order may not be dearer.

    Prices are stored before they are shown, and only those that differ from the stored ones: most of the time
    nothing is written.
    """

    carts: CartStore
    price_cart: PriceCart

    async def __call__(self, owner: Owner | None) -> PricedCart:
        """Return the cart of an owner, or an empty one where there is no owner."""
        priced = await self.price_cart(owner)
        news = priced.news
        if owner is not None and news:
            await self.carts.change_cart(owner, show_prices(news))
        return priced
