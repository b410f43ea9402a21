"""List what a shopper looked at."""

from collections.abc import Mapping
from dataclasses import dataclass

from store_kit.problems import Unavailable

from store_cart.domain import Owner, Product, View
from store_cart.ports import Catalogue, ViewStore


@dataclass(frozen=True, slots=True)
class ListRecentlyViewed:
    """Show the latest products a shopper looked at that still exist, as they are now."""

    views: ViewStore
    catalogue: Catalogue

    async def __call__(self, owner: Owner | None, limit: int) -> list[tuple[View, Product | None]]:
        """Return views, newest first; without the catalogue only their ids are known."""
        views = [] if owner is None else await self.views.list_views(owner, limit)
        products = await self._products(views)
        if products is None:
            return [(view, None) for view in views]
        return [(view, products[view.product_id]) for view in views if view.product_id in products]

    async def _products(self, views: list[View]) -> Mapping[str, Product] | None:
        if not views:
            return {}
        try:
            return await self.catalogue.find_products([view.product_id for view in views])
        except Unavailable:
            return None
