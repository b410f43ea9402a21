"""News of orders in SQLite."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from store_kit.sqlite.database import Sqlite

from store_user.domain import Notification


@dataclass(frozen=True, slots=True)
class SqliteNotifications:
    """The port `NotificationStore`."""

    db: Sqlite

    async def insert_notifications(self, notifications: Sequence[Notification]) -> int:
        """Write what is not known yet by its id."""
        return await self.db.write("notifications.add", lambda c: _add(c, notifications))

    async def list_notifications(
        self, account_id: str, *, before: tuple[int, str] | None, limit: int
    ) -> Sequence[Notification]:
        """Return an account's news, newest first."""
        behind = "" if before is None else "AND (at_ms, id) < (?, ?) "
        sql = (
            "SELECT id, account_id, order_id, status, at_ms FROM notifications "  # noqa: S608 - no input in it
            f"WHERE account_id = ? {behind}ORDER BY at_ms DESC, id DESC LIMIT ?"
        )
        rows = self.db.all("notifications.page", sql, (account_id, *(before or ()), limit))
        return [Notification(*row) for row in rows]

    async def delete_notifications(self, account_id: str) -> None:
        """Delete everything of an account."""
        sql = "DELETE FROM notifications WHERE account_id = ?"
        await self.db.write("notifications.forget", lambda c: c.execute(sql, (account_id,)).rowcount)

    async def sweep_notifications(self, *, before_ms: int, limit: int) -> int:
        """Delete old news."""
        sql = "SELECT account_id, at_ms, id FROM notifications WHERE at_ms < ? LIMIT ?"
        found = self.db.all("notifications.old", sql, (before_ms, limit))
        delete = "DELETE FROM notifications WHERE account_id = ? AND at_ms = ? AND id = ?"
        return await self.db.delete("notifications.sweep", delete, found)


def _add(connection: sqlite3.Connection, notifications: Sequence[Notification]) -> int:
    sql = (
        "INSERT INTO notifications (account_id, at_ms, id, order_id, status) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING"
    )
    rows = [(n.account_id, n.at_ms, n.id, n.order_id, n.status) for n in notifications]
    return connection.executemany(sql, rows).rowcount
