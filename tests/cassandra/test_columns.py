"""Rows come without their columns, which are known since a statement was prepared: also after a table has changed."""

from collections.abc import AsyncIterator

import pytest
from store_kit.cassandra.keyspace import Cassandra

from tests.cassandra.kit_scenarios import FOLDER
from tests.support.services import fresh_keyspace

pytestmark = [pytest.mark.anyio, pytest.mark.cassandra]

TABLE = "CREATE TABLE wares (name text PRIMARY KEY, size int, tags set<text>)"
PUT = "INSERT INTO wares (name, size, tags) VALUES (?, ?, ?)"
ALL = "SELECT * FROM wares WHERE name = ?"
SIZE = "SELECT size, tags FROM wares WHERE name = ?"
IF_ABSENT = "INSERT INTO wares (name, size) VALUES (?, ?) IF NOT EXISTS"


@pytest.fixture
async def db() -> AsyncIterator[Cassandra]:
    """Make a table with one row."""
    async with fresh_keyspace("order", FOLDER) as keyspace:
        await keyspace.run(TABLE)
        await keyspace.write("things.put", (PUT, ("cup", 3, {"red"})))
        yield keyspace


async def test_a_column_that_is_added_is_seen(db: Cassandra) -> None:
    """And what is there already stays in its place, in a session that knew the table as it was."""
    for _ in range(2):
        assert await db.one("things.get", ALL, ("cup",)) == ("cup", 3, {"red"})
    await db.run("ALTER TABLE wares ADD mass double")
    for _ in range(2):
        assert await db.one("things.get", ALL, ("cup",)) == ("cup", None, 3, {"red"})
        assert await db.one("things.get", SIZE, ("cup",)) == (3, {"red"})
        assert await db.one("things.get", SIZE, ("cup",), serial=True) == (3, {"red"})
    await db.run("ALTER TABLE wares DROP size")
    for _ in range(2):
        assert await db.one("things.get", ALL, ("cup",)) == ("cup", None, {"red"})


async def test_a_condition_that_fails_shows_the_row(db: Cassandra) -> None:
    """Its columns depend on the outcome, and are never those of the last time."""
    for _ in range(2):
        assert await db.apply("things.insert", (IF_ABSENT, ("jug", 1)))
        assert not await db.apply("things.insert", (IF_ABSENT, ("jug", 1)))
        assert await db.apply("things.delete", ("DELETE FROM wares WHERE name = ? IF size = ?", ("jug", 1)))


async def test_a_value_of_a_wrong_type_or_number_is_refused_here(db: Cassandra) -> None:
    """A fault of ours is told with the column's name, and nothing is sent."""
    with pytest.raises(TypeError, match="size cannot be a str"):
        await db.write("things.put", (PUT, ("cup", "three", None)))
    with pytest.raises(ValueError, match="zip"):
        await db.write("things.put", (PUT, ("cup", 3)))
    assert await db.one("things.get", SIZE, ("cup",)) == (3, {"red"})
