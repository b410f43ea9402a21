"""A database of carts from before prices shown were kept goes on: its lines bind at the price when added."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from store_cart.adapters.sqlite.carts import SqliteCartStore
from store_cart.adapters.stores import SCHEMA
from store_cart.domain.carts import Limits, Shown
from store_kit.sqlite.database import Sqlite

from services.cart.tests.fakes import MUG, USER
from services.cart.tests.stores import Carts

pytestmark = pytest.mark.anyio
OLDER = ("0001_carts.sql", "0002_since.sql")


async def older_database(folder: Path) -> Path:
    """Return a database as older code left it, with three mugs in a cart at version 4."""
    schema, path = folder / "older", folder / "cart.db"
    schema.mkdir()
    for name in OLDER:
        shutil.copy(str(SCHEMA / "sqlite" / name), schema / name)
    database = Sqlite(path, schema)
    await database.open()
    await database.close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("INSERT INTO carts VALUES (?, 4, 1, 0)", (f"user:{USER.id}",))
        line = (f"user:{USER.id}", MUG, 3, None, "Mug", 250, 1, 2)
        connection.execute("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?, ?, ?)", line)
    connection.close()
    return path


async def test_older_lines_count_as_shown_at_the_price_when_added(tmp_path: Path) -> None:
    """They are taken, given back and shown like any other."""
    database = Sqlite(await older_database(tmp_path), SCHEMA / "sqlite")
    await database.open()
    carts = Carts(SqliteCartStore(database, Limits(1_000, 10)))
    (line,) = before = (await carts.read(USER)).lines
    assert line.last_shown_minor == 250
    await carts.take(USER, "order-1", 4, 5)
    await carts.give_back(USER, "order-1", 6)
    assert (await carts.read(USER)).lines == before
    await carts.show(USER, [Shown(MUG, 250, 300)])
    assert [x.last_shown_minor for x in (await carts.read(USER)).lines] == [300]
    await database.close()
