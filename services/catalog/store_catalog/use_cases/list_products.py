"""List and search products."""

from dataclasses import dataclass

from store_kit.cursors import Cursors

from store_catalog.listing import Facets, ListQuery
from store_catalog.ports import ProductLists


@dataclass(frozen=True, slots=True)
class Listing:
    """A page as ready JSON objects, the cursor of the next one (None: the last), and how many match in all."""

    items: list[bytes]
    next_cursor: str | None
    count: int
    count_capped: bool
    facets: Facets | None


@dataclass(frozen=True, slots=True)
class ListProducts:
    """Show a page of the products that match a query.

    Pages are found by the last product of the page before (keyset), never by counting, so nothing is shown twice
    or left out while products come and go.
    """

    lists: ProductLists
    cursors: Cursors

    async def __call__(
        self, query: ListQuery, cursor: str | None, limit: int, *, with_facets: bool = False
    ) -> Listing:
        """Return the page behind `cursor`, the first one without.

        Raises:
            InvalidCursor: it was altered, or belongs to another query.
            CatalogueLoading: the list is being built.
        """
        behind = None if cursor is None else self.cursors.decode(query.canonical, cursor)
        page = await self.lists.page(query, behind, limit)
        following = None if page.next is None else self.cursors.encode(query.canonical, page.next)
        facets = await self.lists.facets(query) if with_facets else None
        return Listing(page.items, following, page.count, page.count_capped, facets)
