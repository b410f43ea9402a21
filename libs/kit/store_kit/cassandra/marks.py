"""Marks in a keyspace, in the kit's own table."""

from typing import Final

from store_kit.cassandra.keyspace import Cassandra

NAME: Final = "shop_marks"
TABLE: Final = """
    CREATE TABLE IF NOT EXISTS shop_marks (name text PRIMARY KEY, value text)
    WITH comment = 'Small facts that decide what a start does; a few rows.'
      AND compaction = {'class': 'SizeTieredCompactionStrategy'} AND speculative_retry = '50ms'
"""


class CassandraMarks:
    """Marks in a service's keyspace.

    Args:
        db: the keyspace.
    """

    _GET: Final = "SELECT value FROM shop_marks WHERE name = ?"
    _PUT: Final = "INSERT INTO shop_marks (name, value) VALUES (?, ?)"

    def __init__(self, db: Cassandra) -> None:
        self._db = db

    async def find_mark(self, name: str) -> str | None:
        """Return the value of a mark, or None."""
        row = await self._db.one("shop_marks.get", self._GET, (name,))
        return None if row is None else str(row[0])

    async def set_mark(self, name: str, value: str) -> None:
        """Set a mark; durable when this returns."""
        await self._db.write("shop_marks.put", (self._PUT, (name, value)))
