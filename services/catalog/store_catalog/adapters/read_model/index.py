"""The catalogue's read model: lists, search and facets from one SQLite file per process that follows the change feed.

Lists are read in the event loop, except the few that would take long.
"""

import asyncio
import sqlite3
from functools import partial
from typing import Final

from store_kit.problems import DatabaseUnavailable

from store_catalog.adapters.read_model import pages
from store_catalog.adapters.read_model.applier import IndexApplier
from store_catalog.domain import CategoryCount, Facets, ListQuery, Position, ProductPage

CELLS_AT_ONCE: Final = 500
"""So many counts are added up in a millisecond, cut at a bound on the price where there is one."""


class ReadModel(IndexApplier):
    """Lists, search and facets of this process; the file and how it is filled are those of its base classes."""

    async def list_products(self, query: ListQuery, behind: Position | None, limit: int) -> ProductPage:
        """Return the products of a page.

        Raises:
            CatalogueLoading: the catalogue is being read.
            InvalidCursor: `behind` is not a position in this order.
        """
        self._must_be_ready()
        wanted = self._request(query, behind, limit)
        if wanted is None:
            return pages.EMPTY
        try:
            page = pages.quick(wanted, self._db.all)
            return page if page is not None else await self._slow_reads.run(partial(pages.patient, wanted))
        except (DatabaseUnavailable, sqlite3.DatabaseError) as error:
            raise self._read_error(error) from error

    async def count_facets(self, query: ListQuery) -> Facets:
        """Return how all matches of a query divide.

        Raises:
            CatalogueLoading: the catalogue is being read.
        """
        self._must_be_ready()
        wanted = self._request(query, None, 0)
        if wanted is None:
            return self._counts.divide([], capped=False)
        if query.search:
            return await self._facets_of_search(wanted)
        prices = query.min_price, query.max_price
        count = partial(self._counts.facets, wanted.category, in_stock=query.in_stock, prices=prices)
        if self._counts.to_add_up(wanted.category, prices) > CELLS_AT_ONCE:
            async with self._lock:  # all of it from one moment: nothing is stored meanwhile
                return await asyncio.to_thread(count)
        return count()

    async def _facets_of_search(self, wanted: pages.PageRequest) -> Facets:
        counts = self._counts
        try:
            cells, capped = await self._slow_reads.run(partial(pages.division, wanted))
        except (DatabaseUnavailable, sqlite3.DatabaseError) as error:
            raise self._read_error(error) from error
        if not counts.knows(cells):
            async with self._lock:
                pass  # who stored the new category counts it before letting go
        divide = partial(counts.divide_stored, cells, capped=capped)
        return await asyncio.to_thread(divide) if len(cells) > CELLS_AT_ONCE else divide()

    def list_categories(self) -> list[CategoryCount]:
        """Return every category that has products.

        Raises:
            CatalogueLoading: the catalogue is being read.
        """
        self._must_be_ready()
        return self._counts.categories()

    def _request(self, query: ListQuery, behind: Position | None, limit: int) -> pages.PageRequest | None:
        """Return what to read, None when the category has never had a product."""
        category = None
        if query.category is not None:
            category = self._counts.category(query.category)
            if category is None:
                return None
        prices = (query.min_price, query.max_price)
        under = self._counts.count(category, in_stock=query.in_stock, prices=prices)
        return pages.PageRequest(query, query.order, category, behind, limit, under, self._counts.total)
