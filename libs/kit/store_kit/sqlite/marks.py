"""Small facts about a shop that decide what a start does: stored in its database, and so in every backup."""

from typing import Final

from store_kit.sqlite.database import Sqlite


class SqliteMarks:
    """Marks in one of the shop's SQLite files, in the kit's own table.

    Args:
        db: the file.
    """

    _GET: Final = "SELECT value FROM shop_marks WHERE name = ?"
    _PUT: Final = "INSERT OR REPLACE INTO shop_marks VALUES (?, ?)"

    def __init__(self, db: Sqlite) -> None:
        self._db = db

    async def find_mark(self, name: str) -> str | None:
        """Return the value of a mark, or None."""
        row = self._db.one("shop_marks.get", self._GET, (name,))
        return None if row is None else str(row[0])

    async def set_mark(self, name: str, value: str) -> None:
        """Set a mark; durable when this returns."""
        await self._db.write(
            "shop_marks.put", lambda connection: connection.execute(self._PUT, (name, value))
        )
