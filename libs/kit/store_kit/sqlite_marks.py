"""Small facts about a shop that decide what a start does: kept in its database, and so in every backup."""

import sqlite3
from typing import Final

from store_kit.sqlite import Sqlite


class SqliteMarks:
    """Marks in one of the shop's SQLite files, in the kit's own table.

    Args:
        db: the file.
    """

    _GET: Final = "SELECT value FROM shop_marks WHERE name = ?"
    _PUT: Final = "INSERT OR REPLACE INTO shop_marks VALUES (?, ?)"

    def __init__(self, db: Sqlite) -> None:
        self._db = db

    async def get(self, name: str) -> str | None:
        """Return what was noted, None when nothing was."""
        row = self._db.one("shop_marks.get", self._GET, (name,))
        return None if row is None else str(row[0])

    async def put(self, name: str, value: str) -> None:
        """Note something; durable when this returns."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(self._PUT, (name, value))

        await self._db.write("shop_marks.put", work)
