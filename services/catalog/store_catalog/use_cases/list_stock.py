"""Show the stock of all products."""

from dataclasses import dataclass

from store_catalog.domain import ProductId, StockRow
from store_catalog.ports import StockStore


@dataclass(frozen=True, slots=True)
class ListStock:
    """Page through every product's stock with its holds, deleted products too."""

    stock: StockStore

    async def __call__(self, after: ProductId, limit: int) -> tuple[list[StockRow], ProductId | None]:
        """Return a page and the id behind which the next one starts; None after the last."""
        rows = await self.stock.page(after, limit + 1)
        more = len(rows) > limit
        return rows[:limit], rows[limit - 1].product_id if more else None
