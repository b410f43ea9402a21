"""A database of orders from before agreements were recorded goes on."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from store_kit.sqlite.database import Sqlite
from store_order.adapters.signals import LocalSignals
from store_order.adapters.sqlite.orders import SqliteOrderStore
from store_order.adapters.stores import SCHEMA
from store_order.domain.orders import Status
from store_order.domain.steps import Moment, Rules, transition

pytestmark = pytest.mark.anyio
ROW = ("o", "ann", "PENDING", 2, "f", "tok_approve", 1, 1, 2, 500, "GBP", None, None, "", 0, None)


async def older_database(folder: Path) -> Path:
    """Return a database as older code left it: an order with frozen prices without a driver."""
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
    order = await store.find_order("o")
    assert order is not None
    assert (order.agreement, order.total_minor, order.status) == (None, 500, Status.PENDING)
    await store.advance_order(transition(Moment(3, Rules()), order, Status.CREATED))
    created = await store.find_order("o")
    assert created is not None
    assert (created.agreement, created.status, created.version) == (None, Status.CREATED, 3)
    await database.close()
