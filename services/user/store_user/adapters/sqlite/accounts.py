"""Accounts in SQLite."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from store_kit.sqlite.database import Sqlite

from store_user.adapters.rows import account_of, changed_values, draft_values
from store_user.domain import Account
from store_user.problems import LastAdmin

_COLUMNS: Final = (
    "id, email, name, password_hash, roles, created_at_ms, updated_at_ms, credentials, version, epoch, standing,"
    " reset_hash, reset_expires_at_ms"
)


@dataclass(frozen=True, slots=True)
class SqliteAccounts:
    """The port `AccountStore`."""

    db: Sqlite

    async def insert_draft(self, account: Account) -> None:
        """Write an account that cannot be seen yet."""
        account.must_begin_as_customer()
        await self.db.write("accounts.draft", lambda c: _insert(c, account))

    async def claim_email(self, account: Account) -> bool:
        """Give the draft its e-mail address unless it is taken."""
        return await self.db.write("emails.claim", lambda c: _claim(c, account))

    async def delete_draft(self, account_id: str) -> None:
        """Delete a draft."""
        sql = "DELETE FROM accounts WHERE id = ? AND claimed = 0"
        await self.db.write("accounts.discard", lambda c: c.execute(sql, (account_id,)).rowcount)

    async def sweep_drafts(self, *, drafted_before_ms: int, limit: int) -> int:
        """Delete drafts that never got their address."""
        sql = "SELECT id FROM accounts WHERE claimed = 0 AND created_at_ms < ? ORDER BY created_at_ms LIMIT ?"
        found = self.db.all("accounts.drafts", sql, (drafted_before_ms, limit))
        delete = "DELETE FROM accounts WHERE id = ? AND claimed = 0"
        return await self.db.delete("accounts.sweep", delete, found)

    async def find_account(self, account_id: str) -> Account | None:
        """Return the account of an id."""
        sql = f"SELECT {_COLUMNS} FROM accounts WHERE id = ? AND claimed = 1"  # noqa: S608 - our own column names
        row = self.db.one("accounts.get", sql, (account_id,))
        return account_of(row) if row else None

    async def find_account_by_email(self, email: str) -> Account | None:
        """Return the account of a normalised address."""
        row = self.db.one("emails.get", "SELECT account_id FROM emails WHERE email = ?", (email,))
        return await self.find_account(row[0]) if row else None

    async def list_accounts(self, *, before_id: str | None, limit: int) -> Sequence[Account]:
        """Return accounts that are not being deleted, newest first: ids begin with the time they were made."""
        # "~" sorts behind every id.
        sql = (
            f"SELECT {_COLUMNS} FROM accounts WHERE id < ? AND claimed = 1 AND standing <> 'leaving'"  # noqa: S608
            " ORDER BY id DESC LIMIT ?"
        )
        return [account_of(row) for row in self.db.all("accounts.page", sql, (before_id or "~", limit))]

    async def replace_account(self, account: Account) -> bool:
        """Write the next version by compare-and-set."""
        return await self.db.write("accounts.replace", lambda c: _replace(c, account))

    async def list_leaving_accounts(self, *, before_ms: int, limit: int) -> Sequence[Account]:  # noqa: ARG002 - the port's shape
        """Return accounts that are leaving."""
        sql = f"SELECT {_COLUMNS} FROM accounts WHERE standing = 'leaving' LIMIT ?"  # noqa: S608
        return [account_of(row) for row in self.db.all("accounts.leavers", sql, (limit,))]

    async def erase_account(self, account: Account) -> None:
        """Free the address and delete the account, together."""
        await self.db.write("accounts.erase", lambda c: _erase(c, account))


def _insert(connection: sqlite3.Connection, account: Account) -> None:
    # What a draft does not name has its default: the first epoch, active, nothing to reset.
    connection.execute(
        "INSERT INTO accounts (id, email, name, password_hash, roles, created_at_ms, updated_at_ms, credentials,"
        " version, is_admin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (*draft_values(account), account.is_admin),
    )


def _claim(connection: sqlite3.Connection, account: Account) -> bool:
    claim = "INSERT INTO emails (email, account_id) VALUES (?, ?) ON CONFLICT (email) DO NOTHING"
    if connection.execute(claim, (account.email, account.id)).rowcount == 0:
        owner = connection.execute(
            "SELECT account_id FROM emails WHERE email = ?", (account.email,)
        ).fetchone()
        return bool(owner[0] == account.id)
    if connection.execute("UPDATE accounts SET claimed = 1 WHERE id = ?", (account.id,)).rowcount == 0:
        raise LookupError("the draft is gone")  # takes the claim back
    return True


def _replace(connection: sqlite3.Connection, account: Account) -> bool:
    sql = "SELECT is_admin FROM accounts WHERE id = ? AND version = ? AND claimed = 1"
    row = connection.execute(sql, (account.id, account.version - 1)).fetchone()
    if row is None:
        return False
    if row[0] and not account.is_admin and not _other_admin(connection, account.id):
        raise LastAdmin
    connection.execute(
        "UPDATE accounts SET name = ?, password_hash = ?, roles = ?, updated_at_ms = ?, credentials = ?, epoch = ?,"
        " standing = ?, reset_hash = ?, reset_expires_at_ms = ?, version = ?, is_admin = ? WHERE id = ?",
        (*changed_values(account), account.is_admin, account.id),
    )
    return True


def _erase(connection: sqlite3.Connection, account: Account) -> None:
    delete = "DELETE FROM accounts WHERE id = ? AND standing = 'leaving'"
    if connection.execute(delete, (account.id,)).rowcount:
        free = "DELETE FROM emails WHERE email = ? AND account_id = ?"
        connection.execute(free, (account.email, account.id))


def _other_admin(connection: sqlite3.Connection, account_id: str) -> bool:
    sql = "SELECT 1 FROM accounts WHERE is_admin = 1 AND claimed = 1 AND id <> ? LIMIT 1"
    return connection.execute(sql, (account_id,)).fetchone() is not None
