"""What every change of stock ends with: lists show at once what went in or out of stock."""

from collections.abc import Sequence
from dataclasses import dataclass

from store_catalog.domain import ProductId
from store_catalog.ports import ProductIndex, ProductStore


@dataclass(frozen=True, slots=True)
class ShowCrossed:
    """Bring the read model of this process up to date with some products; the change feed tells the others."""

    products: ProductStore
    index: ProductIndex

    async def __call__(self, crossed: Sequence[ProductId]) -> None:
        """Return once lists show them as they are now."""
        if crossed:
            await self.index.apply_products(await self.products.find_products(crossed))
