"""What a suite of the catalogue's stores needs of an adapter, and a few ways to ask it."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from store_catalog.adapters.cassandra.shards import Shards
from store_catalog.adapters.cassandra.stores import CassandraStores
from store_catalog.adapters.sqlite.feed import SqliteChangeFeed
from store_catalog.adapters.sqlite.products import SqliteProductStore
from store_catalog.adapters.sqlite.stock import SqliteStockStore
from store_catalog.adapters.stores import SCHEMA
from store_catalog.domain.products import Details, FeedEntry, NewProduct, Product
from store_catalog.domain.reservations import Line
from store_catalog.domain.stock import ActiveHold, Stock, StockRow
from store_catalog.ports import ChangeFeed, ProductStore, StockStore
from store_catalog.settings import CatalogSettings
from store_kit.cassandra.keyspace import Cassandra
from store_kit.sqlite.database import Sqlite

from tests.support.clock import ManualClock
from tests.support.services import empty, fresh_keyspace, test_cluster

FAR_MS = 9_000_000_000_000
"""A `not_after` that no test reaches."""
SETTINGS = CatalogSettings()


@dataclass(frozen=True)
class Stores:
    """One adapter's stores, all on the same data."""

    products: ProductStore
    stock: StockStore
    feed: ChangeFeed
    clock: ManualClock
    begin: int = 0
    """The position of the feed before anything was announced."""
    expires_by_itself: bool = False
    """Whether the database forgets old things, by its own clock."""

    async def product(self, stock: int = 0, sku: str | None = None, name: str = "Mug") -> Product:
        """Add a product."""
        details = Details(sku, name, "For tea.", "Kitchen", 250)
        return (await self.products.insert_products([NewProduct(details, stock)]))[0].product

    async def rows(self) -> dict[str, StockRow]:
        """Return the stock of all products."""
        found: dict[str, StockRow] = {}
        after = ""
        while page := await self.stock.list_stock(after, 100):
            found |= {row.product_id: row for row in page}
            after = page[-1].product_id
        return found

    async def stock_of(self, product: Product) -> Stock:
        """Return one product's quantities."""
        return (await self.rows())[product.id].stock

    async def holds_of(self, product: Product) -> tuple[ActiveHold, ...]:
        """Return one product's holds."""
        return (await self.rows())[product.id].holds

    async def entries(self, position: int | None = None) -> list[FeedEntry]:
        """Return the entries of the feed behind a position, from its beginning by default."""
        behind = self.begin if position is None else position
        # An adapter may give the last minute before it once more.
        return [entry for entry in await self.feed.list_entries(behind, 10_000) if entry.position > behind]


@contextlib.asynccontextmanager
async def sqlite_stores(folder: Path) -> AsyncIterator[Stores]:
    """Open the SQLite adapter in a folder."""
    clock = ManualClock()
    db = Sqlite(folder / "catalog.db", SCHEMA / "sqlite", synchronous="NORMAL")
    await db.open()
    try:
        yield Stores(SqliteProductStore(db, clock), SqliteStockStore(db, clock), SqliteChangeFeed(db), clock)
    finally:
        await db.close()


@contextlib.asynccontextmanager
async def catalog_keyspace() -> AsyncIterator[Cassandra | None]:
    """Give a keyspace of the test cluster; None where there is none."""
    if test_cluster() is None:
        yield None
        return
    async with fresh_keyspace("catalog", SCHEMA / "cassandra") as opened:
        yield opened


async def cassandra_stores(keyspace: Cassandra, shards: int = 3) -> Stores:
    """Return the Cassandra adapter on an emptied keyspace."""
    clock, divided = ManualClock(), Shards(shards)
    await empty(keyspace)
    await divided.load(keyspace)
    kept = CassandraStores.on(keyspace, divided, SETTINGS, clock)
    return Stores(
        kept.products, kept.stock, kept.feed, clock, await kept.feed.newest_position(), expires_by_itself=True
    )


async def emptied(keyspace: Cassandra) -> dict[str, Any]:
    """Empty a keyspace; return the settings of a service that works on it."""
    await empty(keyspace)
    url = f"{test_cluster()}&prefix={keyspace.where.prefix}"
    return {"database": url, "database_timeout_s": 10.0, "catalog_shards": 3}


ADAPTERS = ["sqlite", *(["cassandra"] if test_cluster() else [])]
"""Every adapter that can be tested here; each must pass all suites."""


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
