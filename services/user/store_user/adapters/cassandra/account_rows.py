"""Rows of accounts in Cassandra: an account and the proofs of its changes are one partition under compare-and-set."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from store_kit.cassandra.keyspace import Cassandra, Row, RowProof

from store_user.adapters.rows import account_of, changed_values, draft_values
from store_user.domain import Account

_GET: Final = (
    "SELECT email, name, password_hash, roles, created_at_ms, updated_at_ms, credentials, version, epoch, standing,"
    " reset_hash, reset_expires_at_ms, claimed FROM accounts WHERE account_id = ? AND entry = 0"
)
_DRAFT: Final = (
    "INSERT INTO accounts (account_id, entry, email, name, password_hash, roles, created_at_ms, updated_at_ms,"
    " credentials, version, claimed) VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, false) IF NOT EXISTS"
)
_CONFIRM: Final = "UPDATE accounts SET claimed = true WHERE account_id = ? AND entry = 0 IF claimed = false"
_DELETE: Final = "DELETE FROM accounts WHERE account_id = ? AND entry = 0 IF claimed = false"
_REPLACE: Final = (
    "UPDATE accounts SET name = ?, password_hash = ?, roles = ?, updated_at_ms = ?, credentials = ?, epoch = ?,"
    " standing = ?, reset_hash = ?, reset_expires_at_ms = ?, version = ?"
    " WHERE account_id = ? AND entry = 0 IF version = ?"
)
_ERASE: Final = "DELETE FROM accounts WHERE account_id = ? AND entry = 0 IF standing = 'leaving'"
_PROVE: Final = "INSERT INTO accounts (account_id, entry, proof) VALUES (?, ?, ?) USING TTL 600"
_PROOF: Final = "SELECT proof FROM accounts WHERE account_id = ? AND entry = ?"


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account as it is stored; one that is not claimed may still be a draft."""

    account: Account
    claimed: bool


class CassandraAccountRows:
    """Reads and changes rows of accounts by their id; knows nothing of addresses."""

    def __init__(self, db: Cassandra) -> None:
        self._db = db

    async def find_row(self, account_id: str, *, serial: bool = False) -> AccountRow | None:
        """Return an account or draft; `serial` sees every change, finished or not."""
        if not account_id:
            return None  # an empty key would be an error
        return _account_row(
            account_id, await self._db.one("accounts.get", _GET, (account_id,), serial=serial)
        )

    async def insert_draft(self, account: Account) -> None:
        """Write a draft; safe to repeat."""
        is_there = _proof_of(account.id, lambda row: row is not None)
        await self._db.apply_and_resolve("accounts.draft", (_DRAFT, draft_values(account)), proof=is_there)

    async def confirm_account(self, account_id: str) -> bool:
        """Note that the account has its address; False when the draft is gone. Safe to repeat."""
        is_confirmed = _proof_of(account_id, lambda row: row is not None and row.claimed)
        change = (_CONFIRM, (account_id,))
        made = await self._db.apply_and_resolve("accounts.confirm", change, proof=is_confirmed)
        return made or await self._db.shows(is_confirmed)

    async def delete_draft(self, account_id: str) -> bool:
        """Delete a draft, but nothing that was confirmed; return whether it is gone."""
        is_gone = _proof_of(account_id, lambda row: row is None)
        return await self._db.apply_and_resolve("accounts.discard", (_DELETE, (account_id,)), proof=is_gone)

    async def erase_account(self, account_id: str) -> None:
        """Delete an account that is leaving; safe to repeat."""
        is_gone = _proof_of(account_id, lambda row: row is None)
        await self._db.apply_and_resolve("accounts.erase", (_ERASE, (account_id,)), proof=is_gone)

    async def replace_account(self, account: Account, token: str) -> bool:
        """Write the next version of an account if it is at the one before; return whether that was done.

        Repeated with the same token, here or elsewhere, it returns the same.
        """
        change = (_REPLACE, (*changed_values(account), account.id, account.version - 1))
        mark = (_PROVE, (account.id, account.version, token))
        is_ours = change_proof(account, token)
        made = await self._db.apply_and_resolve("accounts.replace", change, mark, proof=is_ours)
        return made or await self._db.shows(is_ours)


def change_proof(account: Account, token: str) -> RowProof:
    """Return what shows that the change with this token led to this version of an account."""
    return RowProof("accounts.proof", _PROOF, (account.id, account.version), lambda row: row == (token,))


def _proof_of(account_id: str, shows: Callable[[AccountRow | None], bool]) -> RowProof:
    """Return what reads a row and judges it."""
    return RowProof("accounts.get", _GET, (account_id,), lambda row: shows(_account_row(account_id, row)))


def _account_row(account_id: str, row: Row | None) -> AccountRow | None:
    if row is None:
        return None
    *values, claimed = row
    return AccountRow(account_of((account_id, *values)), bool(claimed))
