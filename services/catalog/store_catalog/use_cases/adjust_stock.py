"""Receive or write off units of a product."""

from dataclasses import dataclass

from store_catalog.domain import Adjustment, Stock
from store_catalog.ports import StockStore
from store_catalog.use_cases.show_crossed import ShowCrossed


@dataclass(frozen=True, slots=True)
class AdjustStock:
    """Change how many units of a product were ever received, with a reason."""

    stock: StockStore
    show_crossed: ShowCrossed

    async def __call__(self, adjustment: Adjustment) -> Stock:
        """Return the stock after it; an operation id counts once and is answered alike.

        Raises:
            ProductNotFound: unknown or deleted.
            StockBelowZero: more would be taken than is available.
            StockAboveLimit: more would have been received than the shop counts.
            OperationReused: the operation id belongs to another adjustment.
        """
        adjusted = await self.stock.adjust_stock(adjustment)
        if adjusted.crossed:
            await self.show_crossed([adjustment.product_id])
        return adjusted.stock
