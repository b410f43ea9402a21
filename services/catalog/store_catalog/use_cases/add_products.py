"""Add products to the catalogue, one or many."""

from collections.abc import Sequence
from dataclasses import dataclass

from store_catalog.domain import Added, NewProduct, Product
from store_catalog.ports import ProductIndex, ProductStore
from store_catalog.problems import SkuTaken


@dataclass(frozen=True, slots=True)
class AddProduct:
    """Add one product; lists and search show it at once."""

    products: ProductStore
    index: ProductIndex

    async def __call__(self, new: NewProduct) -> Product:
        """Return the product that was made.

        Raises:
            SkuTaken: another product has its SKU.
        """
        (added,) = await self.products.insert_products([new])
        if not added.created:
            raise SkuTaken.by(str(added.product.sku), added.product.id)
        await self.index.apply_products([added.product])
        return added.product


@dataclass(frozen=True, slots=True)
class AddProducts:
    """Add up to a thousand products at once; lists and search follow a moment later, and never far behind."""

    products: ProductStore
    index: ProductIndex

    async def __call__(self, new: Sequence[NewProduct]) -> list[Added]:
        """Say of each what became of it; safe to repeat for products that have a SKU."""
        added = await self.products.insert_products(new)
        self.index.offer_products([one.product for one in added if one.created])
        await self.index.wait_for_room()
        return added
