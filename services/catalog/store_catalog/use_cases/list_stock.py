"""Show the stock of all products."""

from dataclasses import dataclass

from store_kit.paging import Page, paged

from store_catalog.domain import ProductId, StockRow
from store_catalog.ports import StockStore


@dataclass(frozen=True, slots=True)
class ListStock:
    """Page through every product's stock with its holds, deleted products too."""

    stock: StockStore

    async def __call__(
        self, after: tuple[ProductId, ...] | None, limit: int
    ) -> Page[StockRow, tuple[ProductId, ...]]:
        """Return the page behind the position `(product_id,)`; None starts."""
        found = await self.stock.list_stock(after[0] if after else "", limit + 1)
        return paged(found, limit, lambda row: (row.product_id,))
