"""Accounts in Cassandra: the row of the account first, then that of its e-mail address, which makes it exist."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from store_kit.cassandra.keyspace import Cassandra, Row, RowProof, Statement
from store_kit.clock import Clock
from store_kit.ids import new_id
from store_kit.problems import in_doubt

from store_user.adapters.cassandra.account_index import CassandraAccountIndex
from store_user.adapters.cassandra.account_rows import AccountRow, CassandraAccountRows
from store_user.adapters.cassandra.administrators import CassandraAdministrators
from store_user.domain import Account, Standing

_OWNER: Final = "SELECT account_id FROM emails WHERE email = ?"
_CLAIM: Final = "INSERT INTO emails (email, account_id) VALUES (?, ?) IF NOT EXISTS"
_TAKE_OVER: Final = "UPDATE emails SET account_id = ? WHERE email = ? IF account_id = ?"
_FREE: Final = "DELETE FROM emails WHERE email = ? IF account_id = ?"
_NOTE_LEAVER: Final = "INSERT INTO leavers (shop, account_id, at_ms) VALUES ('all', ?, ?)"
_LEAVERS: Final = "SELECT account_id, at_ms FROM leavers WHERE shop = 'all' LIMIT ?"
_FORGET_LEAVER: Final = "DELETE FROM leavers WHERE shop = 'all' AND account_id = ?"
_LOOKS: Final = 5_000
"""How many accounts one sweep looks at."""


class CassandraAccounts:
    """The port `AccountStore`."""

    def __init__(
        self,
        db: Cassandra,
        rows: CassandraAccountRows,
        index: CassandraAccountIndex,
        administrators: CassandraAdministrators,
    ) -> None:
        self._db = db
        self._rows = rows
        self._index = index
        self._administrators = administrators

    @classmethod
    def on(cls, db: Cassandra, clock: Clock | None = None) -> "CassandraAccounts":
        """Return the accounts of a keyspace; the clock is the machine's when None."""
        rows = CassandraAccountRows(db)
        return cls(db, rows, CassandraAccountIndex(db), CassandraAdministrators(db, rows, clock))

    async def insert_draft(self, account: Account) -> None:
        """Write an account that cannot be seen yet, its index rows first."""
        account.must_begin_as_customer()
        await self._index.insert_account(account.id)
        await self._rows.insert_draft(account)

    async def claim_email(self, account: Account) -> bool:
        """Give the draft its e-mail address unless it is taken."""
        if not await self._take_address(account):
            return False
        with in_doubt():  # with its address an account exists, confirmed or not
            confirmed = await self._rows.confirm_account(account.id)
        if not confirmed:
            raise LookupError("the draft is gone")  # the next claim takes the address over
        return True

    async def delete_draft(self, account_id: str) -> None:
        """Delete a draft."""
        row = await self._rows.find_row(account_id, serial=True)
        if row is not None:
            await self._delete(row)

    async def sweep_drafts(self, *, drafted_before_ms: int, limit: int) -> int:
        """Delete drafts that never got their address; looks at each account once."""
        await self._administrators.finish_pending()
        deleted, looks, mark = 0, 0, await self._index.find_mark()
        async for ids in self._index.oldest_first(mark, drafted_before_ms):
            rows = await asyncio.gather(*map(self._rows.find_row, ids))
            for id_, row in zip(ids, rows, strict=True):
                deleted += row is not None and await self._delete(row)
                mark, looks = id_, looks + 1
                if deleted == limit:
                    break
            await self._index.set_mark(mark)
            if deleted == limit or looks >= _LOOKS:
                break
        return deleted

    async def find_account(self, account_id: str) -> Account | None:
        """Return the account of an id."""
        row = await self._rows.find_row(account_id)
        return row.account if row is not None and await self._exists(row) else None

    async def find_account_by_email(self, email: str) -> Account | None:
        """Return the account of a normalised address."""
        owner = await self._owner(email) if email else None  # an empty key would be an error
        return None if owner is None else await self.find_account(owner)

    async def list_accounts(self, *, before_id: str | None, limit: int) -> Sequence[Account]:
        """Return accounts that are not being deleted, newest first: ids begin with the time they were made."""
        found: list[Account] = []
        async for ids in self._index.newest_first(before_id):
            accounts = await asyncio.gather(*map(self.find_account, ids))
            found += [one for one in accounts if one is not None and one.standing is not Standing.LEAVING]
            if len(found) >= limit:
                break
        return found[:limit]

    async def replace_account(self, account: Account) -> bool:
        """Write the next version by compare-and-set."""
        row = await self._rows.find_row(account.id, serial=True)
        if row is None or row.account.version != account.version - 1 or not await self._exists(row):
            return False
        if account.standing is Standing.LEAVING:
            await self._db.write("leavers.insert", (_NOTE_LEAVER, (account.id, account.updated_at_ms)))
        if row.account.is_admin != account.is_admin:
            return await self._administrators.replace_account(account)
        return await self._rows.replace_account(account, new_id())

    async def list_leaving_accounts(self, *, before_ms: int, limit: int) -> Sequence[Account]:
        """Return accounts that are leaving; a note of one that stays is deleted when it is old."""
        found: list[Account] = []
        for account_id, at_ms in await self._db.all("leavers.list", _LEAVERS, (limit,)):
            row = await self._rows.find_row(account_id, serial=True)
            if row is not None and row.account.standing is Standing.LEAVING:
                found.append(row.account)
            elif at_ms < before_ms:
                await self._db.write("leavers.delete", (_FORGET_LEAVER, (account_id,)))
        return found

    async def erase_account(self, account: Account) -> None:
        """Free the address, then delete the account: after a crash in between the account is found again."""
        row = await self._rows.find_row(account.id, serial=True)
        if row is not None and row.account.standing is not Standing.LEAVING:
            return
        await self._free_address(account)
        await self._rows.erase_account(account.id)
        await self._index.delete_account(account.id)
        await self._db.write("leavers.delete", (_FORGET_LEAVER, (account.id,)))

    async def _free_address(self, account: Account) -> None:
        is_freed = _proof_of_owner(account.email, lambda owner: owner != account.id)
        await self._db.apply_and_resolve("emails.free", (_FREE, (account.email, account.id)), proof=is_freed)

    async def _exists(self, row: AccountRow) -> bool:
        """Say whether an account has its address; one that died between the two rows is finished here."""
        if row.claimed:
            return True
        owner = await self._owner(row.account.email, serial=True)
        return owner == row.account.id and await self._rows.confirm_account(row.account.id)

    async def _delete(self, row: AccountRow) -> bool:
        """Delete a draft that does not exist; return whether that was done."""
        if await self._exists(row) or not await self._rows.delete_draft(row.account.id):
            return False
        await self._index.delete_account(row.account.id)
        return True

    async def _owner(self, email: str, *, serial: bool = False) -> str | None:
        return _owner_of(await self._db.one("emails.get", _OWNER, (email,), serial=serial))

    async def _take_address(self, account: Account) -> bool:
        """Write the row of the address, or take over one that a deleted draft has left behind."""
        # Read first: compare-and-set is expensive, and more so when many writers compete.
        owner = await self._owner(account.email)
        if owner is None:
            if await self._set_owner(account, (_CLAIM, (account.email, account.id))):
                return True
            owner = await self._owner(account.email, serial=True)
        if owner == account.id:
            return True
        if owner is None or await self._rows.find_row(owner, serial=True) is not None:
            return False
        return await self._set_owner(account, (_TAKE_OVER, (account.id, account.email, owner)))

    async def _set_owner(self, account: Account, change: Statement) -> bool:
        is_ours = _proof_of_owner(account.email, lambda owner: owner == account.id)
        return await self._db.apply_and_resolve("emails.claim", change, proof=is_ours)


def _proof_of_owner(email: str, shows: Callable[[str | None], bool]) -> RowProof:
    """Return what reads whose an address is and judges it."""
    return RowProof("emails.get", _OWNER, (email,), lambda row: shows(_owner_of(row)))


def _owner_of(row: Row | None) -> str | None:
    return str(row[0]) if row else None
