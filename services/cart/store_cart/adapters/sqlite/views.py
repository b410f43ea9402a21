"""What shoppers looked at, in SQLite."""

import sqlite3
from typing import Final

from store_kit.sqlite.database import Sqlite

from store_cart.adapters.row_values import owner_key
from store_cart.domain import RECENT_LIMIT, Owner, View

_RECORD: Final = """
    INSERT INTO views VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET viewed_ms = max(viewed_ms, excluded.viewed_ms)"""

_LATEST: Final = """
    SELECT product_id, viewed_ms FROM views WHERE owner = ?
    ORDER BY viewed_ms DESC, product_id DESC LIMIT ?"""

_TRIM: Final = """
    DELETE FROM views WHERE owner = :owner AND product_id IN
        (SELECT product_id FROM views WHERE owner = :owner
         ORDER BY viewed_ms DESC, product_id DESC LIMIT -1 OFFSET :keep)"""

_SWEEP: Final = """
    DELETE FROM views WHERE (owner, product_id) IN
        (SELECT owner, product_id FROM views WHERE owner < 'guest;' AND viewed_ms < ? ORDER BY viewed_ms
        LIMIT ?)"""


class SqliteViewStore:
    """The ViewStore port on one SQLite file."""

    def __init__(self, database: Sqlite) -> None:
        self._db = database

    async def record_view(self, owner: Owner, view: View) -> None:
        """Put a product in front and drop what is beyond the bound."""
        key = owner_key(owner)

        def work(db: sqlite3.Connection) -> None:
            db.execute(_RECORD, (key, view.product_id, view.viewed_at_ms))
            db.execute(_TRIM, {"owner": key, "keep": RECENT_LIMIT})

        await self._db.write("views.record", work)

    async def list_views(self, owner: Owner, limit: int) -> list[View]:
        """Return the newest views."""
        return [View(*row) for row in self._db.all("views.latest", _LATEST, (owner_key(owner), limit))]

    async def forget_views(self, owner: Owner) -> None:
        """Delete all views of a shopper."""
        row = (owner_key(owner),)
        await self._db.write(
            "views.forget", lambda db: db.execute("DELETE FROM views WHERE owner = ?", row).rowcount
        )

    async def sweep_views(self, guests_before_ms: int, limit: int) -> int:
        """Delete old views by guests."""
        return await self._db.write(
            "views.sweep", lambda db: db.execute(_SWEEP, (guests_before_ms, limit)).rowcount
        )
