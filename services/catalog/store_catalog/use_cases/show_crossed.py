"""What every change of stock ends with: lists show at once what went in or out of stock."""

from collections.abc import Sequence

from store_catalog.domain import ProductId
from store_catalog.ports import ProductIndex, ProductStore


async def show_crossed(products: ProductStore, index: ProductIndex, crossed: Sequence[ProductId]) -> None:
    """Bring the read model of this process up to date with these products; the change feed tells the others."""
    if crossed:
        await index.apply(await products.many(crossed))
