"""Change what is said about a product, or take it out of the catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from store_kit.clock import Clock

from store_catalog.domain import Details, Product, ProductId
from store_catalog.ports import ProductIndex, ProductStore

Versions = frozenset[int] | None
"""The versions that the caller has seen; None: whichever it is."""


@dataclass(frozen=True, slots=True)
class ReplaceProduct:
    """Give a product new details."""

    products: ProductStore
    index: ProductIndex
    clock: Clock

    async def __call__(self, product_id: ProductId, details: Details, seen: Versions) -> Product:
        """Return the new version.

        Raises:
            ProductNotFound: unknown or deleted.
            ProductChanged: it is not at a version that the caller has seen.
            SkuTaken: another product has this SKU.
        """
        product = await self.products.get(product_id)
        product.refuse_unseen(seen)
        return await _save(self.products, self.index, product.edited(details, self.clock.now_ms()))


@dataclass(frozen=True, slots=True)
class PatchProduct:
    """Change some details of a product."""

    products: ProductStore
    index: ProductIndex
    clock: Clock

    async def __call__(self, product_id: ProductId, changes: Mapping[str, Any], seen: Versions) -> Product:
        """Return the new version, or the present one when nothing is to be changed.

        Raises:
            ProductNotFound: unknown or deleted.
            ProductChanged: it is not at a version that the caller has seen.
            SkuTaken: another product has this SKU.
        """
        product = await self.products.get(product_id)
        product.refuse_unseen(seen)
        if not changes:
            return product
        return await _save(self.products, self.index, product.patched(changes, self.clock.now_ms()))


@dataclass(frozen=True, slots=True)
class DeleteProduct:
    """Take a product out of the catalogue; its history and its holds stay."""

    products: ProductStore
    index: ProductIndex
    clock: Clock

    async def __call__(self, product_id: ProductId, seen: Versions) -> None:
        """Leave a tombstone: nobody can find or order the product any more.

        Raises:
            ProductNotFound: unknown or deleted already.
            ProductChanged: it is not at a version that the caller has seen.
        """
        product = await self.products.get(product_id)
        product.refuse_unseen(seen)
        await _save(self.products, self.index, product.tombstone(self.clock.now_ms()))


async def _save(products: ProductStore, index: ProductIndex, product: Product) -> Product:
    saved = await products.save(product, product.version - 1)
    await index.apply([saved])
    return saved
