"""A database of orders from before anybody was asked what was agreed to goes on."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from store_kit.sqlite import Sqlite
from store_order.adapters.signals import LocalSignals
from store_order.adapters.sqlite_orders import SqliteOrderStore
from store_order.adapters.stores import SCHEMA
from store_order.domain import Rules, Status, moving

pytestmark = pytest.mark.anyio
ROW = ("o", "ann", "PENDING", 2, "f", "tok_approve", 1, 1, 2, 500, "GBP", None, None, "", 0, None)


async def older_database(folder: Path) -> Path:
    """Return a database as older code left it: an order with frozen prices that nobody drives."""
    schema, path = folder / "older", folder / "orders.db"
    schema.mkdir()
    shutil.copy(str(SCHEMA / "sqlite" / "0001_orders.sql"), schema / "0001_orders.sql")
    database = Sqlite(path, schema)
    await database.open()
    await database.close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", ROW)
    connection.close()
    return path


async def test_an_older_order_has_no_agreement_and_goes_on(tmp_path: Path) -> None:
    """It is read as it was, and changed like any other."""
    database = Sqlite(await older_database(tmp_path), SCHEMA / "sqlite")
    await database.open()
    store = SqliteOrderStore(database, LocalSignals())
    order = await store.find("o")
    assert order is not None
    assert (order.agreement, order.total_minor, order.status) == (None, 500, Status.PENDING)
    await store.advance(moving(order, Status.CREATED, 3, Rules()))
    created = await store.find("o")
    assert created is not None
    assert (created.agreement, created.status, created.version) == (None, Status.CREATED, 3)
    await database.close()
