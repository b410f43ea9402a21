"""Who is an administrator, in one small partition under compare-and-set, so that the last one stays.

An account's own row says what its roles are, and the two rows cannot be changed together. So a change that makes or
unmakes an administrator is noted here first, one at a time. Any writer that finds a noted change finishes it before it
judges its own. While no change is noted, the members are exactly the accounts that are administrators.
"""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from store_kit.cassandra.keyspace import Cassandra, DatabaseOutcomeUnknown, DatabaseUnavailable
from store_kit.clock import Clock, SystemClock
from store_kit.ids import new_id
from store_kit.problems import in_doubt

from store_user.adapters.cassandra.account_rows import CassandraAccountRows, change_proof
from store_user.adapters.cassandra.revocations import CassandraRevocations
from store_user.domain import Account
from store_user.problems import LastAdmin

_GET: Final = "SELECT version, members, pending FROM administrators WHERE shop = 'all'"
_BEGIN: Final = (
    "INSERT INTO administrators (shop, version, members, pending) VALUES ('all', ?, ?, ?) IF NOT EXISTS"
)
_SET: Final = (
    "UPDATE administrators SET version = ?, members = ?, pending = ? WHERE shop = 'all' IF version = ?"
)


class _Change(msgspec.Struct, frozen=True):
    """What an account shall become, and the token that proves that it did."""

    account: Account
    token: str


@dataclass(frozen=True, slots=True)
class _Books:
    """The row."""

    version: int = 0
    members: frozenset[str] = frozenset()
    pending: _Change | None = None


_decode: Final = msgspec.json.Decoder(_Change).decode


class CassandraAdministrators:
    """Makes the changes of accounts that add or remove an administrator."""

    def __init__(self, db: Cassandra, rows: CassandraAccountRows, clock: Clock | None = None) -> None:
        self._db = db
        self._rows = rows
        self._clock = clock or SystemClock()
        self._revocations = CassandraRevocations(db, self._clock)

    async def replace_account(self, account: Account) -> bool:
        """Write the next version of an account; False when it is not at the one before.

        Raises:
            LastAdmin: there would be no administrator afterwards.
        """
        change = _Change(account, new_id())
        while True:
            books = await self.finish_pending()
            present = await self._rows.find_row(account.id, serial=True)
            if present is None or present.account.version != account.version - 1:
                # Another writer edited it first, or has finished what we noted.
                return await self._is_made(change)
            if not account.is_admin and not books.members - {account.id}:
                raise LastAdmin
            noted = _Books(books.version + 1, books.members, change)
            if await self._save(noted, lambda: self._is_known(change)):
                return await self._carry_out(noted, change)

    async def finish_pending(self) -> _Books:
        """Finish the change that is noted, if any, and return the books without one."""
        while (books := await self._read()).pending is not None:
            # Its announcement may be so old that it counts as settled: announce the change again, as of now.
            await self._revocations.announce_revocation(books.pending.account.id, at_ms=self._clock.now_ms())
            await self._rows.replace_account(books.pending.account, books.pending.token)
            await self._close(books, books.pending.account.id)
        return books

    async def _carry_out(self, noted: _Books, change: _Change) -> bool:
        with in_doubt():  # if it is not made by us, it is noted: the next writer makes it
            made = await self._rows.replace_account(change.account, change.token)
        with contextlib.suppress(DatabaseUnavailable, DatabaseOutcomeUnknown):
            # The account is what it is now; the next writer closes the books.
            await self._close(noted, change.account.id)
        return made

    async def _close(self, books: _Books, account_id: str) -> None:
        """Take over from the account what it is, once nothing can change that any more."""
        present = await self._rows.find_row(account_id, serial=True)
        is_admin = present is not None and present.account.is_admin
        members = books.members | {account_id} if is_admin else books.members - {account_id}
        closed = _Books(books.version + 1, members)

        async def is_closed() -> bool:
            return (await self._read()).version >= closed.version

        # Not saved: another writer has closed them.
        await self._save(closed, is_closed)

    async def _is_known(self, change: _Change) -> bool:
        """Say whether a change is noted, or even made by a writer that found it noted."""
        pending = (await self._read()).pending
        return (pending is not None and pending.token == change.token) or await self._is_made(change)

    async def _is_made(self, change: _Change) -> bool:
        return await self._db.shows(change_proof(change.account, change.token))

    async def _read(self) -> _Books:
        row = await self._db.one("administrators.get", _GET, serial=True)
        if row is None:
            return _Books()
        version, members, pending = row
        return _Books(version, frozenset(members or ()), _decode(pending) if pending else None)

    async def _save(self, books: _Books, saved: Callable[[], Awaitable[bool]]) -> bool:
        """Write the books if they are at the version before."""
        pending = msgspec.json.encode(books.pending).decode() if books.pending else None
        values = (books.version, books.members, pending)
        first = books.version == 1
        statement = (_BEGIN, values) if first else (_SET, (*values, books.version - 1))
        return await self._db.apply_and_resolve("administrators.set", statement, proof=saved)
