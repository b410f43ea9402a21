"""The sweeper on SQLite, where passing states are put by hand: there a reservation never stops in one by itself."""

from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import pytest
from store_catalog.adapters.sqlite_feed import SqliteChangeFeed
from store_catalog.adapters.sqlite_products import SqliteProductStore
from store_catalog.adapters.sqlite_stock import SqliteStockStore
from store_catalog.domain import Product, Stock
from store_catalog.ports import FeedExpired
from store_catalog.use_cases.sweep import Sweep
from store_kit.clock import ManualClock
from store_kit.sqlite import Sqlite

from services.catalog.tests.stores import FAR_MS, Stores, line

pytestmark = pytest.mark.anyio


class FakeIndex:
    """Remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    async def apply(self, products: Sequence[Product]) -> None:
        self.shown += [product.id for product in products]

    def offer(self, products: Sequence[Product]) -> None:
        """Nothing is shown later here."""


class FakeMeter:
    """Counts in memory."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()

    def count(self, outcome: str) -> None:
        self.counted[outcome] += 1


async def test_the_sweeper_finishes_and_forgets(tmp_path: Path) -> None:
    """Passing states come to the end they were on their way to; old markers and feed entries go."""
    clock, index, meter = ManualClock(), FakeIndex(), FakeMeter()
    db = Sqlite(tmp_path / "c.db", files("store_catalog") / "schema" / "sqlite", synchronous="NORMAL")
    await db.open()
    stores = Stores(SqliteProductStore(db, clock), SqliteStockStore(db, clock), SqliteChangeFeed(db), clock)
    sweep = Sweep(
        stores.stock,
        stores.feed,
        stores.products,
        index,
        meter,
        clock,
        passing_ms=10_000,
        marker_ms=3_600_000,
        feed_ms=60_000,
    )
    mug = await stores.product(3)
    for state in ("HOLDING", "RELEASING", "SHIPPING"):
        await stores.stock.reserve(state, [line(mug)], FAR_MS)
        await db.write(
            "reservations.update",
            lambda c, state=state: c.execute(
                "UPDATE reservations SET state = ?1 WHERE order_id = ?1", (state,)
            ),  # type: ignore[misc]  # mypy does not see the default
        )
    assert await sweep() == 0
    assert await stores.stock.finish("HOLDING", clock.now_ms()) is None, "too young"
    clock.advance(11)
    assert await sweep() == 3
    assert await stores.stock_of(mug) == Stock(3, 2, 1, 7)
    assert meter.counted == {"released": 2, "shipped": 1}
    assert index.shown == [mug.id]
    clock.advance(3_601)
    assert await sweep() == 3 + 3
    with pytest.raises(FeedExpired):
        await stores.feed.since(0, 1)
    assert await sweep() == 0
    await db.close()
