"""Change what is said about a product, or take it out of the catalogue."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from store_kit.clock import Clock

from store_catalog.domain import Details, Product, ProductId
from store_catalog.ports import ProductIndex, ProductStore

Versions = frozenset[int] | None
"""The versions that an edit may replace; None: whichever it is at."""


@dataclass(frozen=True, slots=True)
class _Edit:
    """What the edits have in common: they replace a version that the caller has seen."""

    products: ProductStore
    index: ProductIndex
    clock: Clock

    async def _replace(
        self, product_id: ProductId, versions: Versions, edit: Callable[[Product, int], Product]
    ) -> Product:
        product = await self.products.get_product(product_id)
        product.refuse_other_versions(versions)
        edited = edit(product, self.clock.now_ms())
        if edited is product:
            return product
        saved = await self.products.update_product(edited, product.version)
        await self.index.apply_products([saved])
        return saved


class ReplaceProduct(_Edit):
    """Give a product new details."""

    async def __call__(self, product_id: ProductId, details: Details, versions: Versions) -> Product:
        """Return the new version.

        Raises:
            ProductNotFound: unknown or deleted.
            ProductChanged: it is not at a version that the caller has seen.
            SkuTaken: another product has this SKU.
        """
        return await self._replace(product_id, versions, lambda product, now: product.edited(details, now))


class PatchProduct(_Edit):
    """Change some details of a product."""

    async def __call__(
        self, product_id: ProductId, changes: Mapping[str, Any], versions: Versions
    ) -> Product:
        """Return the new version, or the present one when nothing is to be changed.

        Raises:
            ProductNotFound: unknown or deleted.
            ProductChanged: it is not at a version that the caller has seen.
            SkuTaken: another product has this SKU.
        """
        return await self._replace(product_id, versions, lambda product, now: product.patched(changes, now))


class DeleteProduct(_Edit):
    """Take a product out of the catalogue; its history and its holds stay."""

    async def __call__(self, product_id: ProductId, versions: Versions) -> None:
        """Leave a tombstone: the product can no longer be found or ordered.

        Raises:
            ProductNotFound: unknown or deleted already.
            ProductChanged: it is not at a version that the caller has seen.
        """
        await self._replace(product_id, versions, Product.tombstone)
