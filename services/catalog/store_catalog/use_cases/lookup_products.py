"""Tell other services about products they know by id."""

from collections.abc import Sequence
from dataclasses import dataclass

from store_catalog.domain import Product, ProductId
from store_catalog.ports import ProductStore


@dataclass(frozen=True, slots=True)
class LookupProducts:
    """Find many products at once."""

    products: ProductStore

    async def __call__(self, product_ids: Sequence[ProductId]) -> list[Product]:
        """Return those that exist; unknown and deleted ones are left out."""
        return [product for product in await self.products.find_products(product_ids) if not product.deleted]
