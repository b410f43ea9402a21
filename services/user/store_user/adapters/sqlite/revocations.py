"""Accounts that changed lately, in SQLite."""

from collections.abc import Mapping
from dataclasses import dataclass

from store_kit.sqlite.database import Sqlite


@dataclass(frozen=True, slots=True)
class SqliteRevocations:
    """The port `RevocationStore`."""

    db: Sqlite

    async def announce_revocation(self, account_id: str, *, at_ms: int) -> None:
        """Note an account, or that it changes once more."""
        sql = (
            "INSERT INTO revocations (account_id, at_ms) VALUES (?, ?)"
            " ON CONFLICT (account_id) DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)"
        )
        await self.db.write("revocations.announce", lambda c: c.execute(sql, (account_id, at_ms)).rowcount)

    async def list_revocations(self, at_ms: int) -> Mapping[str, int]:
        """Return what was noted since."""
        sql = "SELECT account_id, at_ms FROM revocations WHERE at_ms >= ?"
        return {str(account_id): int(at) for account_id, at in self.db.all("revocations.list", sql, (at_ms,))}

    async def sweep_revocations(self, *, before_ms: int, limit: int) -> int:
        """Delete old ones."""
        sql = "SELECT account_id FROM revocations WHERE at_ms < ? LIMIT ?"
        found = [(*row, before_ms) for row in self.db.all("revocations.old", sql, (before_ms, limit))]
        delete = "DELETE FROM revocations WHERE account_id = ? AND at_ms < ?"
        return await self.db.delete("revocations.sweep", delete, found)
