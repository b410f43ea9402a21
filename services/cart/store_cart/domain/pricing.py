"""A cart at live prices."""

from collections.abc import Mapping
from dataclasses import dataclass

from store_cart.domain.carts import Cart, Shown
from store_cart.domain.products import Product


@dataclass(frozen=True, slots=True)
class PricedCart:
    """A cart and what its products cost now; `products` is None when the catalogue did not answer."""

    cart: Cart
    products: Mapping[str, Product] | None
    currency: str

    @property
    def total_minor(self) -> int | None:
        """The sum over products that still exist; None while prices are not known."""
        if self.products is None:
            return None
        products = self.products
        sellable = (line for line in self.cart.lines if line.product_id in products)
        return sum(products[line.product_id].price_minor * line.quantity for line in sellable)

    @property
    def news(self) -> list[Shown]:
        """The prices in it that differ from what its shopper was shown last."""
        products = self.products or {}
        priced = (
            (line, products[line.product_id]) for line in self.cart.lines if line.product_id in products
        )
        return [
            Shown(line.product_id, line.last_shown_minor, product.price_minor)
            for line, product in priced
            if line.last_shown_minor != product.price_minor
        ]
