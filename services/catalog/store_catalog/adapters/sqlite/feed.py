"""The change feed in SQLite: a table that the same transaction writes as the truth."""

import sqlite3
from collections.abc import Iterable

from store_kit.sqlite.database import Sqlite

from store_catalog.domain import FeedEntry, ProductId
from store_catalog.ports import FeedExpired

Announcement = tuple[ProductId, int, int, int]
"""Product id, version, stock version (0: any), time in milliseconds."""


def announce(connection: sqlite3.Connection, entries: Iterable[Announcement]) -> None:
    """Append to the feed, inside the transaction that changes the truth."""
    connection.executemany(
        "INSERT INTO feed (product_id, version, stock_version, at_ms) VALUES (?, ?, ?, ?)", entries
    )


class SqliteChangeFeed:
    """ChangeFeed on the SQLite file; positions come in the order of commits, so none slips in late."""

    def __init__(self, db: Sqlite) -> None:
        self._db = db

    async def newest_position(self) -> int:
        """Return the newest position, 0 before the first."""
        row = self._db.one("feed.head", "SELECT seq FROM sqlite_sequence WHERE name = 'feed'")
        return row[0] if row else 0

    async def list_entries(self, position: int, limit: int) -> list[FeedEntry]:
        """Return the next entries behind `position`.

        Raises:
            FeedExpired: entries behind it have been trimmed.
        """
        trimmed = self._db.one("feed.trimmed", "SELECT position FROM feed_trimmed")
        if trimmed and position < trimmed[0]:
            raise FeedExpired(f"The feed begins at {trimmed[0]}, behind {position}.")
        rows = self._db.all(
            "feed.since",
            "SELECT position, product_id, version, stock_version, at_ms FROM feed"
            " WHERE position > ? ORDER BY position LIMIT ?",
            (position, limit),
        )
        return [FeedEntry(*row) for row in rows]

    async def delete_entries(self, older_than_ms: int, limit: int) -> int:
        """Forget the oldest entries."""

        def work(connection: sqlite3.Connection) -> int:
            rows = connection.execute(
                "SELECT position, at_ms FROM feed ORDER BY position LIMIT ?", (limit,)
            ).fetchall()
            old = [position for position, at_ms in rows if at_ms < older_than_ms]
            if old:
                connection.execute("DELETE FROM feed WHERE position <= ?", (old[-1],))
                connection.execute("UPDATE feed_trimmed SET position = ?", (old[-1],))
            return len(old)

        return await self._db.write("feed.trim", work)
