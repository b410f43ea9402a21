"""List and search products."""

from dataclasses import dataclass

from store_catalog.domain import Facets, ListQuery, Position, ProductPage
from store_catalog.ports import ProductLists


@dataclass(frozen=True, slots=True)
class ListProducts:
    """Show a page of the products that match a query.

    Pages are found by the last product of the page before (keyset), never by counting, so nothing is shown twice
    or left out while products come and go.
    """

    lists: ProductLists

    async def __call__(
        self, query: ListQuery, position: Position | None, limit: int, *, with_facets: bool = False
    ) -> tuple[ProductPage, Facets | None]:
        """Return the page behind a position, the first one without.

        Raises:
            InvalidCursor: the position belongs to another order.
            CatalogueLoading: the list is being built.
        """
        page = await self.lists.list_products(query, position, limit)
        return page, await self.lists.count_facets(query) if with_facets else None
