"""Accounts in Cassandra are several rows: whatever a process that dies between two of them leaves is put right."""

from collections.abc import Awaitable, Callable

import pytest
from store_kit.cassandra.keyspace import Cassandra, DatabaseOutcomeUnknown, DatabaseUnavailable
from store_kit.clock import SystemClock
from store_user.adapters.cassandra.account_index import CassandraAccountIndex
from store_user.adapters.cassandra.account_rows import _PROOF, AccountRow, CassandraAccountRows
from store_user.adapters.cassandra.accounts import CassandraAccounts
from store_user.adapters.cassandra.administrators import CassandraAdministrators
from store_user.adapters.cassandra.revocations import CassandraRevocations
from store_user.domain.accounts import Account
from store_user.problems import LastAdmin

from services.user.tests.test_accounts_port import (
    ADMIN,
    CUSTOMER,
    T0,
    account,
    administrator,
    everybody,
    existing,
)
from tests.support.services import empty

pytestmark = pytest.mark.anyio
Step = Callable[[], Awaitable[object]]


class DiedError(Exception):
    """The process is gone."""


class Rows(CassandraAccountRows):
    """Rows around whose writes a test puts its own steps."""

    before_confirm: Step | None = None
    before_replace: Step | None = None
    after_replace: Step | None = None

    async def confirm_account(self, account_id: str) -> bool:
        if self.before_confirm:
            await self.before_confirm()
        return await super().confirm_account(account_id)

    async def replace_account(self, account: Account, token: str) -> bool:
        if self.before_replace:
            await self.before_replace()
        made = await super().replace_account(account, token)
        if self.after_replace:
            await self.after_replace()
        return made


async def dies() -> None:
    raise DiedError


async def is_cut_off() -> None:
    raise DatabaseUnavailable("no node was reached")


class CuttingOff(Rows):
    """Cannot read any more once it has written."""

    written = False

    async def replace_account(self, account: Account, token: str) -> bool:
        self.written = await super().replace_account(account, token)
        return self.written

    async def find_row(self, account_id: str, *, serial: bool = False) -> AccountRow | None:
        if self.written:
            await is_cut_off()
        return await super().find_row(account_id, serial=serial)


def with_rows(keyspace: Cassandra, rows: CassandraAccountRows) -> CassandraAccounts:
    return CassandraAccounts(
        keyspace, rows, CassandraAccountIndex(keyspace), CassandraAdministrators(keyspace, rows)
    )


@pytest.fixture
async def db(keyspace: Cassandra | None) -> Cassandra:
    assert keyspace is not None
    await empty(keyspace)
    return keyspace


@pytest.fixture
def accounts(db: Cassandra) -> CassandraAccounts:
    """Return the accounts as another process sees them."""
    return CassandraAccounts.on(db)


async def test_an_address_that_was_claimed_is_an_account(db: Cassandra, accounts: CassandraAccounts) -> None:
    """Dead right after the row of the address: the next request that meets the account, in any way, finishes it."""
    ways: list[Callable[[Account], Awaitable[object]]] = [
        lambda ann: accounts.find_account(ann.id),
        lambda ann: accounts.find_account_by_email(ann.email),
        lambda _: accounts.list_accounts(before_id=None, limit=1),
        accounts.claim_email,
        lambda ann: accounts.delete_draft(ann.id),
        lambda _: accounts.sweep_drafts(drafted_before_ms=T0 + 100, limit=10),
        lambda ann: accounts.replace_account(ann.renamed(None, at_ms=T0)),
    ]
    for number, look in enumerate(ways):
        dying = Rows(db)
        dying.before_confirm = dies
        ann = account(number, f"{number}@example.com")
        await accounts.insert_draft(ann)
        with pytest.raises(DiedError):
            await with_rows(db, dying).claim_email(ann)
        await look(ann)
        row = await dying.find_row(ann.id)
        assert row is not None
        assert row.claimed
        assert await accounts.find_account_by_email(ann.email) == row.account
        await accounts.delete_draft(ann.id)
    assert len(await everybody(accounts, 10)) == len(ways)


async def test_index_rows_without_an_account_are_passed_over(
    db: Cassandra, accounts: CassandraAccounts
) -> None:
    """Dead after the hints, or a draft deleted but not its hints: lists and sweeps go on behind them."""
    index, rows = CassandraAccountIndex(db), CassandraAccountRows(db)
    for number in range(60):
        await index.insert_account(account(number).id)
    await accounts.insert_draft(account(60))
    assert await rows.delete_draft(account(60).id)
    ann = await existing(accounts, account(61))
    await accounts.insert_draft(account(62, "bob@example.com"))
    assert await everybody(accounts, 1) == [ann]
    assert await accounts.sweep_drafts(drafted_before_ms=T0 + 100, limit=10) == 1
    assert await everybody(accounts, 10) == [ann]


async def test_a_draft_that_is_swept_during_its_claim_takes_nothing(
    db: Cassandra, accounts: CassandraAccounts
) -> None:
    """The sweep looked before the claim and deletes after it: the claim fails, the address stays free."""
    ann, rows = account(1), Rows(db)
    await accounts.insert_draft(ann)
    rows.before_confirm = lambda: CassandraAccountRows(db).delete_draft(ann.id)
    with pytest.raises(LookupError):
        await with_rows(db, rows).claim_email(ann)
    assert await accounts.find_account_by_email(ann.email) is None
    assert await accounts.find_account(ann.id) is None
    other = await existing(accounts, account(2))
    assert await accounts.find_account_by_email(ann.email) == other
    assert not await accounts.claim_email(ann)


async def dead_while_changing(db: Cassandra, change: Account, *, before: bool) -> None:
    """Let a process die that has noted a change of roles, before or after it wrote the account."""
    rows = Rows(db)
    if before:
        rows.before_replace = dies
    else:
        rows.after_replace = dies
    with pytest.raises(DiedError):
        await with_rows(db, rows).replace_account(change)


@pytest.mark.parametrize("before", [True, False])
async def test_a_resignation_that_was_cut_off_counts(
    db: Cassandra, accounts: CassandraAccounts, *, before: bool
) -> None:
    """Root was about to resign, or had: the other administrator is the last one and stays."""
    root = await administrator(accounts, account(1, "root@example.com"))
    other = await administrator(accounts, account(2))
    await dead_while_changing(db, resigned := root.with_roles(CUSTOMER, at_ms=T0), before=before)
    for _ in range(2):
        with pytest.raises(LastAdmin):
            await accounts.replace_account(other.with_roles(CUSTOMER, at_ms=T0))
    assert await accounts.find_account(root.id) == resigned
    assert await accounts.find_account(other.id) == other


@pytest.mark.parametrize("before", [True, False])
async def test_a_promotion_that_was_cut_off_counts(
    db: Cassandra, accounts: CassandraAccounts, *, before: bool
) -> None:
    """Ann was about to be made an administrator, or was: root may go, then Ann is the last one."""
    root = await administrator(accounts, account(1, "root@example.com"))
    ann = await existing(accounts, account(2))
    await dead_while_changing(db, promoted := ann.with_roles(ADMIN, at_ms=T0), before=before)
    assert await accounts.replace_account(root.with_roles(CUSTOMER, at_ms=T0))
    assert await accounts.find_account(ann.id) == promoted
    with pytest.raises(LastAdmin):
        await accounts.replace_account(promoted.with_roles(CUSTOMER, at_ms=T0))


async def test_a_change_that_was_cut_off_and_overtaken_is_dropped(
    db: Cassandra, accounts: CassandraAccounts
) -> None:
    """Root was about to resign and was renamed meanwhile: root is an administrator, so the other one may go."""
    root = await administrator(accounts, account(1, "root@example.com"))
    other = await administrator(accounts, account(2))
    await dead_while_changing(db, root.with_roles(CUSTOMER, at_ms=T0), before=True)
    renamed = root.renamed("Root", at_ms=T0)
    assert await accounts.replace_account(renamed)
    assert await accounts.replace_account(other.with_roles(CUSTOMER, at_ms=T0))
    assert await accounts.find_account(root.id) == renamed
    with pytest.raises(LastAdmin):
        await accounts.replace_account(renamed.with_roles(CUSTOMER, at_ms=T0))


async def test_a_change_that_was_cut_off_long_ago_still_counts(
    db: Cassandra, accounts: CassandraAccounts
) -> None:
    """Its proof has expired: the account itself tells what became of it."""
    root = await administrator(accounts, account(1, "root@example.com"))
    other = await administrator(accounts, account(2))
    await dead_while_changing(db, root.with_roles(CUSTOMER, at_ms=T0), before=False)
    forget = "DELETE FROM accounts WHERE account_id = ? AND entry = 3"
    await db.write("test.forget", (forget, (root.id,)))
    assert await db.one("test.proof", _PROOF, (root.id, 3), serial=True) is None
    with pytest.raises(LastAdmin):
        await accounts.replace_account(other.with_roles(CUSTOMER, at_ms=T0))


@pytest.mark.parametrize("before", [True, False])
async def test_the_sweep_finishes_what_was_cut_off(
    db: Cassandra, accounts: CassandraAccounts, *, before: bool
) -> None:
    """No other change of roles is needed for a change to be made, or to be dropped."""
    ann = await existing(accounts, account(2))
    await dead_while_changing(db, promoted := ann.with_roles(ADMIN, at_ms=T0), before=before)
    await accounts.sweep_drafts(drafted_before_ms=T0, limit=1)
    assert await accounts.find_account(ann.id) == promoted
    books = await CassandraAdministrators(db, CassandraAccountRows(db)).finish_pending()
    assert books.members == {ann.id}


async def test_tokens_end_by_a_demotion_that_was_cut_off(db: Cassandra, accounts: CassandraAccounts) -> None:
    """The process that finishes it announces it as of now: the first announcement may have expired."""
    root = await administrator(accounts, account(1, "root@example.com"))
    await administrator(accounts, account(2))
    await dead_while_changing(db, root.with_roles(CUSTOMER, at_ms=T0), before=True)
    clock = SystemClock()
    began_ms = clock.now_ms()
    await accounts.sweep_drafts(drafted_before_ms=T0, limit=1)
    assert root.id in await CassandraRevocations(db, clock).list_revocations(began_ms)


async def test_what_is_noted_is_not_called_undone(db: Cassandra, accounts: CassandraAccounts) -> None:
    """The database went away after the note: the outcome is unknown, because a later writer will make the change."""
    ann = await existing(accounts, account(2))
    rows = Rows(db)
    rows.before_replace = is_cut_off
    promoted = ann.with_roles(ADMIN, at_ms=T0)
    with pytest.raises(DatabaseOutcomeUnknown):
        await with_rows(db, rows).replace_account(promoted)
    rows.before_replace = None
    assert not await with_rows(db, rows).replace_account(ann.with_roles(ADMIN, at_ms=T0 + 1))
    assert await accounts.find_account(ann.id) == promoted


async def test_a_change_that_was_made_is_not_called_undone(
    db: Cassandra, accounts: CassandraAccounts
) -> None:
    """The database went away after the account was written: the next writer closes the books."""
    ann, rows = await existing(accounts, account(2)), CuttingOff(db)
    promoted = ann.with_roles(ADMIN, at_ms=T0)
    assert await with_rows(db, rows).replace_account(promoted)
    assert await accounts.find_account(ann.id) == promoted
    with pytest.raises(LastAdmin):
        await accounts.replace_account(promoted.with_roles(CUSTOMER, at_ms=T0))
