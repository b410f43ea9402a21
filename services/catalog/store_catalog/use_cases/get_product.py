"""Show one product."""

from dataclasses import dataclass

from store_catalog.domain import Product, ProductId
from store_catalog.ports import ProductStore


@dataclass(frozen=True, slots=True)
class GetProduct:
    """Show a product as the truth has it, with its stock of this moment."""

    products: ProductStore

    async def __call__(self, product_id: ProductId) -> Product:
        """Return the product.

        Raises:
            ProductNotFound: unknown or deleted.
        """
        return await self.products.get_product(product_id)
