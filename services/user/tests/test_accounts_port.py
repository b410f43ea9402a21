"""What every store of accounts must do."""

import asyncio
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest
from store_kit.sqlite import Sqlite
from store_user.adapters.sqlite_accounts import SqliteAccounts
from store_user.domain import Account, LastAdmin, Role
from store_user.ports import Accounts

from services.user.tests.fakes import MemoryAccounts

pytestmark = pytest.mark.anyio
CUSTOMER, ADMIN = frozenset({Role.CUSTOMER}), frozenset(Role)


@pytest.fixture(params=["sqlite", "memory"])
async def accounts(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Accounts]:
    if request.param == "memory":
        yield MemoryAccounts()
        return
    db = Sqlite(tmp_path / "user.db", files("store_user") / "schema" / "sqlite")
    await db.open()
    yield SqliteAccounts(db)
    await db.close()


def account(number: int = 1, email: str = "ann@example.com", roles: frozenset[Role] = CUSTOMER) -> Account:
    return Account(f"id-{number:03}", email, "Ann", "hash", roles, 1000 + number, 1000 + number)


async def existing(accounts: Accounts, one: Account) -> Account:
    await accounts.draft(one)
    assert await accounts.claim(one)
    return one


async def test_an_account_is_found_by_id_and_by_address_as_it_was_written(accounts: Accounts) -> None:
    """A claimed account reads back equal, by id and by e-mail."""
    ann = await existing(accounts, account(roles=ADMIN))
    assert await accounts.get(ann.id) == ann
    assert await accounts.find(ann.email) == ann


async def test_a_draft_is_seen_by_nobody(accounts: Accounts) -> None:
    """Until its address is claimed an account does not exist."""
    await accounts.draft(account())
    assert await accounts.get("id-001") is None
    assert await accounts.find("ann@example.com") is None
    assert await accounts.page(before_id=None, limit=10) == []


async def test_an_address_belongs_to_whoever_claims_it_first(accounts: Accounts) -> None:
    """Of a hundred parallel claims of one address exactly one wins."""
    drafts = [account(number) for number in range(100)]
    for draft in drafts:
        await accounts.draft(draft)
    claims = await asyncio.gather(*(accounts.claim(draft) for draft in drafts))
    winner = drafts[claims.index(True)]
    assert claims.count(True) == 1
    assert await accounts.find("ann@example.com") == winner
    assert await accounts.page(before_id=None, limit=100) == [winner]


async def test_discarding_takes_drafts_only(accounts: Accounts) -> None:
    """A draft goes, an account that exists stays."""
    await existing(accounts, account(1))
    await accounts.draft(account(2))
    await accounts.discard("id-001")
    await accounts.discard("id-002")
    assert await accounts.get("id-001") is not None
    assert await accounts.sweep(drafted_before_ms=10_000, limit=10) == 0


async def test_the_sweep_takes_old_drafts_a_few_at_a_time(accounts: Accounts) -> None:
    """Drafts older than the mark go, young ones and accounts stay."""
    await existing(accounts, account(0))
    for number in (1, 2, 3, 9):
        await accounts.draft(account(number, email=f"{number}@example.com"))
    assert await accounts.sweep(drafted_before_ms=1005, limit=2) == 2
    assert await accounts.sweep(drafted_before_ms=1005, limit=2) == 1
    assert await accounts.sweep(drafted_before_ms=1005, limit=2) == 0
    assert await accounts.claim(account(9, email="9@example.com"))
    assert await accounts.get("id-000") is not None


async def test_pages_run_from_the_newest_without_gap_or_repetition(accounts: Accounts) -> None:
    """Paging by the last id of each page gives every account once, newest first."""
    for number in range(7):
        await existing(accounts, account(number, email=f"{number}@example.com"))
    seen: list[str] = []
    while page := await accounts.page(before_id=seen[-1] if seen else None, limit=3):
        seen += [one.id for one in page]
    assert seen == [f"id-{number:03}" for number in reversed(range(7))]


async def test_only_the_next_version_replaces(accounts: Accounts) -> None:
    """Two edits of one version: the first wins, the second is told."""
    ann = await existing(accounts, account())
    first, second = ann.renamed("Anna", at_ms=2000), ann.renamed("Anne", at_ms=2000)
    assert await accounts.replace(first)
    assert not await accounts.replace(second)
    assert await accounts.get(ann.id) == first


async def test_every_field_that_may_change_is_kept(accounts: Accounts) -> None:
    """Name, password, roles, counter and time read back as written."""
    ann = await existing(accounts, account())
    changed = ann.with_password("other", at_ms=2000)
    assert await accounts.replace(changed)
    renamed = changed.renamed(None, at_ms=3000)
    assert await accounts.replace(renamed)
    promoted = renamed.with_roles(ADMIN, at_ms=4000)
    assert await accounts.replace(promoted)
    assert await accounts.get(ann.id) == promoted


async def test_what_does_not_exist_is_not_replaced(accounts: Accounts) -> None:
    """Neither an unknown account nor a draft can be edited."""
    assert not await accounts.replace(account(5).renamed("x", at_ms=1))
    await accounts.draft(account(6))
    assert not await accounts.replace(account(6).renamed("x", at_ms=1))


async def test_the_last_administrator_stays(accounts: Accounts) -> None:
    """Of two administrators that resign at the same time one must stay."""
    one = await existing(accounts, account(1, "a@example.com", ADMIN))
    two = await existing(accounts, account(2, "b@example.com", ADMIN))
    await existing(accounts, account(3, "c@example.com"))
    resigned = [one.with_roles(CUSTOMER, at_ms=1), two.with_roles(CUSTOMER, at_ms=1)]
    results = await asyncio.gather(*map(accounts.replace, resigned), return_exceptions=True)
    assert results.count(True) == 1
    assert [type(r) for r in results if r is not True] == [LastAdmin]
    left = [a for a in await accounts.page(before_id=None, limit=10) if a.is_admin]
    assert len(left) == 1
