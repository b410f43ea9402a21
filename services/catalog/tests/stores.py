"""What a suite of the catalogue's stores needs of an adapter, and a few ways to ask it."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from store_catalog.adapters.sqlite_feed import SqliteChangeFeed
from store_catalog.adapters.sqlite_products import SqliteProductStore
from store_catalog.adapters.sqlite_stock import SqliteStockStore
from store_catalog.domain import (
    ActiveHold,
    Details,
    FeedEntry,
    Line,
    NewProduct,
    Product,
    Stock,
    StockRow,
)
from store_catalog.ports import ChangeFeed, ProductStore, StockStore
from store_kit.clock import ManualClock
from store_kit.sqlite import Sqlite

FAR_MS = 9_000_000_000_000
"""A `not_after` that no test reaches."""


@dataclass(frozen=True)
class Stores:
    """One adapter's stores, all on the same data."""

    products: ProductStore
    stock: StockStore
    feed: ChangeFeed
    clock: ManualClock

    async def product(self, stock: int = 0, sku: str | None = None, name: str = "Mug") -> Product:
        """Add a product."""
        details = Details(sku, name, "For tea.", "Kitchen", 250)
        return (await self.products.add([NewProduct(details, stock)]))[0].product

    async def rows(self) -> dict[str, StockRow]:
        """Return the stock of all products."""
        found: dict[str, StockRow] = {}
        after = ""
        while page := await self.stock.page(after, 100):
            found |= {row.product_id: row for row in page}
            after = page[-1].product_id
        return found

    async def stock_of(self, product: Product) -> Stock:
        """Return one product's quantities."""
        return (await self.rows())[product.id].stock

    async def holds_of(self, product: Product) -> tuple[ActiveHold, ...]:
        """Return one product's holds."""
        return (await self.rows())[product.id].holds

    async def feed_ids(self, position: int = 0) -> list[str]:
        """Return whom the feed announces behind a position."""
        return [entry.product_id for entry in await self.entries(position)]

    async def entries(self, position: int = 0) -> list[FeedEntry]:
        """Return the entries of the feed behind a position."""
        return await self.feed.since(position, 10_000)


Factory = Callable[[Path], AbstractAsyncContextManager[Stores]]


@contextlib.asynccontextmanager
async def sqlite_stores(folder: Path) -> AsyncIterator[Stores]:
    """Open the SQLite adapter in a folder."""
    clock = ManualClock()
    db = Sqlite(folder / "catalog.db", files("store_catalog") / "schema" / "sqlite", synchronous="NORMAL")
    await db.open()
    try:
        yield Stores(SqliteProductStore(db, clock), SqliteStockStore(db, clock), SqliteChangeFeed(db), clock)
    finally:
        await db.close()


FACTORIES: dict[str, Factory] = {"sqlite": sqlite_stores}
"""Every adapter; another one is plugged in here and must pass all suites."""


def line(product: Product, quantity: int = 1) -> Line:
    """Return a line of an order."""
    return Line(product.id, quantity)


def assert_equation(rows: Sequence[StockRow]) -> None:
    """Fail unless `received = available + holds + sold` for every product, none of them negative."""
    for row in rows:
        held = sum(hold.quantity for hold in row.holds)
        assert row.stock.received == row.stock.available + held + row.stock.sold
        assert min(row.stock.received, row.stock.available, row.stock.sold) >= 0
        assert all(hold.quantity > 0 for hold in row.holds)
