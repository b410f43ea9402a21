"""Refresh token families in SQLite."""

from dataclasses import dataclass

from store_kit.sqlite import Sqlite

from store_user.domain import Family


@dataclass(frozen=True, slots=True)
class SqliteFamilies:
    """The port `Families`."""

    db: Sqlite

    async def open(self, family: Family) -> None:
        """Write a new family."""
        row = (
            family.id,
            family.account_id,
            family.credentials,
            family.generation,
            family.rotated_at_ms,
            family.expires_at_ms,
            family.revoked,
        )
        sql = "INSERT INTO families VALUES (?, ?, ?, ?, ?, ?, ?)"
        await self._change("open", sql, row)

    async def get(self, family_id: str) -> Family | None:
        """Return the family."""
        sql = (
            "SELECT id, account_id, credentials, generation, rotated_at_ms, expires_at_ms, revoked "
            "FROM families WHERE id = ?"
        )
        row = self.db.one("families.get", sql, (family_id,))
        if row is None:
            return None
        id_, account_id, credentials, generation, rotated, expires, revoked = row
        return Family(id_, account_id, credentials, generation, rotated, expires, bool(revoked))

    async def rotate(self, family_id: str, *, generation: int, at_ms: int) -> bool:
        """Advance by compare-and-set."""
        sql = (
            "UPDATE families SET generation = generation + 1, rotated_at_ms = ? "
            "WHERE id = ? AND generation = ? AND revoked = 0"
        )
        return await self._change("rotate", sql, (at_ms, family_id, generation)) == 1

    async def keep(self, family_id: str, *, credentials: int) -> None:
        """Let the family survive a password change."""
        await self._change(
            "keep", "UPDATE families SET credentials = ? WHERE id = ?", (credentials, family_id)
        )

    async def revoke(self, family_id: str) -> None:
        """Make the family worthless."""
        await self._change("revoke", "UPDATE families SET revoked = 1 WHERE id = ?", (family_id,))

    async def sweep(self, *, expired_before_ms: int, limit: int) -> int:
        """Delete expired families."""
        sql = "SELECT id FROM families WHERE expires_at_ms < ? LIMIT ?"
        found = self.db.all("families.expired", sql, (expired_before_ms, limit))
        if not found:
            return 0
        delete = "DELETE FROM families WHERE id = ?"
        return await self.db.write("families.sweep", lambda c: c.executemany(delete, found).rowcount)

    async def _change(self, verb: str, sql: str, params: tuple[object, ...]) -> int:
        return await self.db.write(f"families.{verb}", lambda c: c.execute(sql, params).rowcount)
