"""Rows of accounts in Cassandra: an account and the proofs of its changes are one partition under compare-and-set."""

from dataclasses import dataclass
from typing import Final

from store_kit.cassandra import Cassandra, Row

from store_user.domain import Account, Role, Standing

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
    """An account as it is kept; one that is not claimed may still be a draft."""

    account: Account
    claimed: bool


class CassandraAccountRows:
    """Reads and changes rows of accounts by their id; knows nothing of addresses."""

    def __init__(self, db: Cassandra) -> None:
        self._db = db

    async def read(self, account_id: str, *, serial: bool = False) -> AccountRow | None:
        """Return an account or draft; `serial` sees every change, finished or not."""
        if not account_id:
            return None  # an empty key would be an error
        row = await self._db.one("accounts.get", _GET, (account_id,), serial=serial)
        return _account_row(account_id, row) if row else None

    async def draft(self, account: Account) -> None:
        """Write a draft; safe to repeat."""
        row = (
            account.id,
            account.email,
            account.name,
            account.password_hash,
            _text_of(account.roles),
            account.created_at_ms,
            account.updated_at_ms,
            account.credentials,
            account.version,
        )

        async def apply() -> bool:
            return await self._db.apply("accounts.draft", (_DRAFT, row))

        async def there() -> bool:
            return await self.read(account.id, serial=True) is not None

        await self._db.settle(apply, there)

    async def confirm(self, account_id: str) -> bool:
        """Note that the account has its address; False when the draft is gone. Safe to repeat."""

        async def apply() -> bool:
            return await self._db.apply("accounts.confirm", (_CONFIRM, (account_id,)))

        async def confirmed() -> bool:
            found = await self.read(account_id, serial=True)
            return found is not None and found.claimed

        return await self._db.settle(apply, confirmed) or await confirmed()

    async def delete(self, account_id: str) -> bool:
        """Delete a draft, but nothing that was confirmed; return whether it is gone."""

        async def apply() -> bool:
            return await self._db.apply("accounts.discard", (_DELETE, (account_id,)))

        async def gone() -> bool:
            return await self.read(account_id, serial=True) is None

        return await self._db.settle(apply, gone)

    async def erase(self, account_id: str) -> None:
        """Delete an account that is leaving; safe to repeat."""

        async def apply() -> bool:
            return await self._db.apply("accounts.erase", (_ERASE, (account_id,)))

        async def gone() -> bool:
            return await self.read(account_id, serial=True) is None

        await self._db.settle(apply, gone)

    async def replace(self, account: Account, token: str) -> bool:
        """Write the next version of an account if it is at the one before; return whether that was done.

        Whoever repeats it with the same token, here or elsewhere, is told the same.
        """
        values = (
            account.name,
            account.password_hash,
            _text_of(account.roles),
            account.updated_at_ms,
            account.credentials,
            account.epoch,
            account.standing,
            account.reset_hash,
            account.reset_expires_at_ms,
            account.version,
        )
        change = (_REPLACE, (*values, account.id, account.version - 1))
        proof = (_PROVE, (account.id, account.version, token))

        async def apply() -> bool:
            return await self._db.apply("accounts.replace", change, proof)

        async def ours() -> bool:
            return await self.proof(account.id, account.version) == token

        return await self._db.settle(apply, ours) or await ours()

    async def proof(self, account_id: str, version: int) -> str | None:
        """Return the token of the change that led to a version, None when it is unknown or long ago."""
        row = await self._db.one("accounts.proof", _PROOF, (account_id, version), serial=True)
        return row[0] if row else None


def _text_of(roles: frozenset[Role]) -> str:
    return " ".join(sorted(roles))


def _account_row(account_id: str, row: Row) -> AccountRow:
    email, name, password_hash, roles, created, updated, credentials, version, *authority, claimed = row
    epoch, standing, reset_hash, reset_expires_at_ms = authority
    account = Account(
        account_id,
        email,
        name,
        password_hash,
        frozenset(Role(role) for role in roles.split()),
        created,
        updated,
        credentials,
        version,
        epoch or 1,
        Standing(standing or Standing.ACTIVE),
        reset_hash,
        reset_expires_at_ms or 0,
    )
    return AccountRow(account, bool(claimed))
