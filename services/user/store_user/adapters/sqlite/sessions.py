"""Refresh token families in SQLite."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

from store_kit.sqlite.database import Sqlite

from store_user.domain import Session

_COLUMNS: Final = "id, account_id, credentials, generation, rotated_at_ms, expires_at_ms, revoked"


@dataclass(frozen=True, slots=True)
class SqliteSessions:
    """The port `SessionStore`."""

    db: Sqlite

    async def insert_session(self, session: Session) -> None:
        """Write a new family."""
        sql = "INSERT INTO families VALUES (?, ?, ?, ?, ?, ?, ?)"
        await self._change("open", sql, astuple(session))

    async def find_session(self, family_id: str) -> Session | None:
        """Return the family."""
        sql = f"SELECT {_COLUMNS} FROM families WHERE id = ?"  # noqa: S608 - our own column names
        row = self.db.one("families.get", sql, (family_id,))
        return _family(row) if row else None

    async def list_sessions(self, account_id: str, *, limit: int) -> Sequence[Session]:
        """Return an account's families, newest first."""
        sql = f"SELECT {_COLUMNS} FROM families WHERE account_id = ? ORDER BY id DESC LIMIT ?"  # noqa: S608
        return [_family(row) for row in self.db.all("families.list", sql, (account_id, limit))]

    async def rotate_session(self, family_id: str, *, generation: int, at_ms: int) -> bool:
        """Advance by compare-and-set."""
        sql = (
            "UPDATE families SET generation = generation + 1, rotated_at_ms = ? "
            "WHERE id = ? AND generation = ? AND revoked = 0"
        )
        return await self._change("rotate", sql, (at_ms, family_id, generation)) == 1

    async def retain_session(self, family_id: str, *, credentials: int) -> None:
        """Let the family survive a password change."""
        await self._change(
            "keep", "UPDATE families SET credentials = ? WHERE id = ?", (credentials, family_id)
        )

    async def revoke_session(self, family_id: str) -> None:
        """Make the family worthless."""
        await self._change("revoke", "UPDATE families SET revoked = 1 WHERE id = ?", (family_id,))

    async def sweep_sessions(self, *, expired_before_ms: int, limit: int) -> int:
        """Delete expired families."""
        sql = "SELECT id FROM families WHERE expires_at_ms < ? LIMIT ?"
        found = self.db.all("families.expired", sql, (expired_before_ms, limit))
        delete = "DELETE FROM families WHERE id = ?"
        return await self.db.delete("families.sweep", delete, found)

    async def _change(self, verb: str, sql: str, params: tuple[object, ...]) -> int:
        return await self.db.write(f"families.{verb}", lambda c: c.execute(sql, params).rowcount)


def _family(row: tuple[Any, ...]) -> Session:
    id_, account_id, credentials, generation, rotated, expires, revoked = row
    return Session(id_, account_id, credentials, generation, rotated, expires, bool(revoked))
