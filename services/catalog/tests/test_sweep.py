"""The sweeper on SQLite, where passing states are put by hand: there a reservation never stops in one by itself."""

from importlib.resources import files
from pathlib import Path

import pytest
from store_catalog.adapters.sqlite.feed import SqliteChangeFeed
from store_catalog.adapters.sqlite.products import SqliteProductStore
from store_catalog.adapters.sqlite.stock import SqliteStockStore
from store_catalog.domain.stock import Stock
from store_catalog.ports import FeedExpired
from store_kit.sqlite.database import Sqlite

from services.catalog.tests.fakes import FakeIndex, FakeTelemetry, sweep_of
from services.catalog.tests.stores import FAR_MS, Stores, line
from tests.support.clock import ManualClock

pytestmark = pytest.mark.anyio


async def test_the_sweeper_finishes_and_forgets(tmp_path: Path) -> None:
    """Passing states come to the end they were on their way to; old markers and feed entries go."""
    clock, index, telemetry = ManualClock(), FakeIndex(), FakeTelemetry()
    db = Sqlite(tmp_path / "c.db", files("store_catalog") / "schema" / "sqlite", synchronous="NORMAL")
    await db.open()
    stores = Stores(SqliteProductStore(db, clock), SqliteStockStore(db, clock), SqliteChangeFeed(db), clock)
    sweep = sweep_of(stores, index, telemetry)
    mug = await stores.product(3)
    for state in ("HOLDING", "RELEASING", "SHIPPING"):
        await stores.stock.reserve_stock(state, [line(mug)], FAR_MS)
        await db.write(
            "reservations.update",
            lambda c, state=state: c.execute(
                "UPDATE reservations SET state = ?1 WHERE order_id = ?1", (state,)
            ),  # type: ignore[misc]  # mypy does not see the default
        )
    assert await sweep() == 0
    assert await stores.stock.finish_reservation("HOLDING", clock.now_ms()) is None, "too young"
    clock.advance(11)
    assert await sweep() == 3
    assert await stores.stock_of(mug) == Stock(3, 2, 1, 7)
    assert telemetry.counted == {"RELEASED": 2, "SHIPPED": 1}
    assert index.shown == [mug.id]
    clock.advance(3_601)
    assert await sweep() == 3 + 3
    with pytest.raises(FeedExpired):
        await stores.feed.list_entries(0, 1)
    assert await sweep() == 0
    await db.close()
