"""What every store of accounts must do."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from store_kit.cassandra.keyspace import Cassandra
from store_user.adapters.cassandra.accounts import CassandraAccounts
from store_user.adapters.sqlite.accounts import SqliteAccounts
from store_user.domain.accounts import Account, Role
from store_user.ports import AccountStore
from store_user.problems import LastAdmin

from services.user.tests.fakes import MemoryAccounts
from services.user.tests.stores import LOSING, STORES_AND_LOSING, Makers, opened

pytestmark = pytest.mark.anyio
CUSTOMER, ADMIN = frozenset({Role.CUSTOMER}), frozenset(Role)
T0 = 1_700_000_000_000
HOUR_MS, YEAR_MS = 3_600_000, 365 * 86_400_000


@pytest.fixture(params=STORES_AND_LOSING)
async def accounts(request: Any, tmp_path: Path, keyspace: Cassandra | None) -> AsyncIterator[AccountStore]:
    make = Makers[AccountStore](MemoryAccounts, SqliteAccounts, CassandraAccounts.on)
    async with opened(request.param, make, tmp_path, keyspace) as store:
        yield store


@pytest.fixture
def callers(request: pytest.FixtureRequest) -> int:
    """How many come at once; fewer where each of them has to ask again and again."""
    return 10 if LOSING in request.node.name else 100


def account(number: int = 1, email: str = "ann@example.com", at_ms: int | None = None) -> Account:
    """Return a new account; the higher its number, the younger."""
    made_ms = T0 + number if at_ms is None else at_ms
    digits = f"{made_ms:012x}"
    id_ = f"{digits[:8]}-{digits[8:]}-7000-8000-{number:012x}"
    return Account(id_, email, "Ann", "hash", CUSTOMER, made_ms, made_ms)


async def existing(accounts: AccountStore, one: Account) -> Account:
    await accounts.insert_draft(one)
    assert await accounts.claim_email(one)
    return one


async def administrator(accounts: AccountStore, one: Account) -> Account:
    promoted = (await existing(accounts, one)).with_roles(ADMIN, at_ms=T0 + 100)
    assert await accounts.replace_account(promoted)
    return promoted


async def everybody(accounts: AccountStore, page_size: int) -> list[Account]:
    """Read the whole list page by page."""
    seen: list[Account] = []
    while page := await accounts.list_accounts(before_id=seen[-1].id if seen else None, limit=page_size):
        assert len(page) <= page_size
        seen += page
    return seen


async def test_an_empty_id_belongs_to_no_account(accounts: AccountStore) -> None:
    """A client may send an empty id: it belongs to no account, and is not an error."""
    assert await accounts.find_account("") is None


async def test_an_account_is_found_by_id_and_by_address_as_it_was_written(accounts: AccountStore) -> None:
    """A claimed account reads back equal, by id and by e-mail."""
    ann = await existing(accounts, account())
    assert await accounts.find_account(ann.id) == ann
    assert await accounts.find_account_by_email(ann.email) == ann
    assert await accounts.find_account(account(2).id) is None
    for unknown in ("bob@example.com", "", " ", "\x00", "\N{SNOWMAN}", "a" * 1_000):
        assert await accounts.find_account_by_email(unknown) is None


async def test_a_draft_is_not_seen(accounts: AccountStore) -> None:
    """Until its address is claimed an account does not exist."""
    await accounts.insert_draft(account())
    assert await accounts.find_account(account().id) is None
    assert await accounts.find_account_by_email("ann@example.com") is None
    assert await accounts.list_accounts(before_id=None, limit=10) == []


async def test_no_account_begins_as_an_administrator(accounts: AccountStore) -> None:
    """The role is given by a change, which is guarded; a draft with it is refused."""
    with pytest.raises(ValueError, match="begins as a customer"):
        await accounts.insert_draft(account().with_roles(ADMIN, at_ms=T0))


async def test_drafting_and_claiming_are_safe_to_repeat(accounts: AccountStore) -> None:
    """A caller that did not hear the answer asks again and gets the same; an account does not become a draft again."""
    await accounts.insert_draft(account())
    ann = await existing(accounts, account())
    assert await accounts.claim_email(ann)
    await accounts.insert_draft(ann)
    assert await accounts.find_account_by_email("ann@example.com") == ann
    assert await everybody(accounts, 10) == [ann]


async def test_an_address_belongs_to_the_first_claim(accounts: AccountStore, callers: int) -> None:
    """Of a hundred parallel claims of one address exactly one wins."""
    drafts = [account(number) for number in range(callers)]
    await asyncio.gather(*map(accounts.insert_draft, drafts))
    claims = await asyncio.gather(*map(accounts.claim_email, drafts))
    winner = drafts[claims.index(True)]
    assert claims.count(True) == 1
    assert await accounts.find_account_by_email("ann@example.com") == winner
    assert await accounts.list_accounts(before_id=None, limit=100) == [winner]


async def test_a_claim_whose_draft_is_gone_takes_nothing(accounts: AccountStore) -> None:
    """It fails, also when repeated; the address goes to the next who wants it, and to one of several."""
    await accounts.insert_draft(account(1))
    await accounts.delete_draft(account(1).id)
    for _ in range(2):
        with pytest.raises(LookupError):
            await accounts.claim_email(account(1))
    assert await accounts.find_account_by_email("ann@example.com") is None
    drafts = [account(number) for number in range(2, 7)]
    await asyncio.gather(*map(accounts.insert_draft, drafts))
    claims = await asyncio.gather(*map(accounts.claim_email, drafts))
    assert claims.count(True) == 1
    assert await accounts.find_account_by_email("ann@example.com") == drafts[claims.index(True)]


async def test_discarding_takes_drafts_only(accounts: AccountStore) -> None:
    """A draft goes, an account that exists stays, an unknown id is not an error."""
    await existing(accounts, account(1))
    await accounts.insert_draft(account(2))
    for number in (1, 2, 2, 3):
        await accounts.delete_draft(account(number).id)
    assert await accounts.find_account(account(1).id) is not None
    assert await accounts.sweep_drafts(drafted_before_ms=T0 + 100, limit=10) == 0


async def test_the_sweep_takes_old_drafts_a_few_at_a_time(accounts: AccountStore) -> None:
    """Drafts older than the mark go, young ones and accounts stay."""
    await existing(accounts, account(0))
    for number in (1, 2, 3, 9):
        await accounts.insert_draft(account(number, email=f"{number}@example.com"))
    assert await accounts.sweep_drafts(drafted_before_ms=T0 + 5, limit=2) == 2
    assert await accounts.sweep_drafts(drafted_before_ms=T0 + 5, limit=2) == 1
    assert await accounts.sweep_drafts(drafted_before_ms=T0 + 5, limit=2) == 0
    assert await accounts.claim_email(account(9, email="9@example.com"))
    assert await accounts.sweep_drafts(drafted_before_ms=T0 + 100, limit=2) == 0
    assert {one.email for one in await everybody(accounts, 10)} == {"ann@example.com", "9@example.com"}


async def test_the_sweep_finds_drafts_of_any_time(accounts: AccountStore) -> None:
    """Between many accounts, after quiet years, on the last moment before the mark: none is overlooked."""
    times = [T0 + n * HOUR_MS // 3 for n in range(40)] + [T0 + 2 * YEAR_MS, T0 + 3 * YEAR_MS]
    made = [account(n, f"{n}@example.com", at_ms) for n, at_ms in enumerate(times)]
    await asyncio.gather(*map(accounts.insert_draft, made))
    kept, left = made[::2], made[1::2]
    await asyncio.gather(*map(accounts.claim_email, kept))
    assert await accounts.sweep_drafts(drafted_before_ms=times[-1], limit=100) == len(left) - 1
    assert await accounts.sweep_drafts(drafted_before_ms=times[-1] + 1, limit=100) == 1
    assert await everybody(accounts, 100) == kept[::-1]


async def test_pages_run_from_the_newest_without_gap_or_repetition(accounts: AccountStore) -> None:
    """Paging by the last id of each page gives every account once, newest first; drafts take no place."""
    times = [T0 + n for n in range(7)] + [T0 + n * HOUR_MS for n in range(1, 12)] + [T0 + 3 * YEAR_MS]
    made = [account(n, f"{n}@example.com", at_ms) for n, at_ms in enumerate(times)]
    await asyncio.gather(*map(accounts.insert_draft, made))
    exist = [one for one in made if one.created_at_ms != T0 + 3]
    await asyncio.gather(*map(accounts.claim_email, exist))
    for size in (1, 3, 100):
        assert await everybody(accounts, size) == exist[::-1]
    assert await accounts.list_accounts(before_id=made[0].id, limit=3) == []


async def test_a_crowded_moment_is_paged_like_a_quiet_one(accounts: AccountStore, callers: int) -> None:
    """More accounts in one bucket than are read at once, and some beside it."""
    times = [T0 - 3 * HOUR_MS] * 3 + [T0] * (callers + 20) + [T0 + HOUR_MS] * 3
    made = [account(n, f"{n}@example.com", at_ms) for n, at_ms in enumerate(times)]
    await asyncio.gather(*map(accounts.insert_draft, made))
    await asyncio.gather(*map(accounts.claim_email, made))
    for size in (50, 100):
        assert await everybody(accounts, size) == made[::-1]


async def test_only_the_next_version_replaces(accounts: AccountStore) -> None:
    """Two edits of one version: the first wins, the second is refused, and so is the first when it is repeated."""
    ann = await existing(accounts, account())
    first, second = ann.renamed("Anna", at_ms=T0 + 200), ann.renamed("Anne", at_ms=T0 + 200)
    assert await accounts.replace_account(first)
    assert not await accounts.replace_account(second)
    assert not await accounts.replace_account(first)
    assert await accounts.find_account(ann.id) == first


async def test_of_many_edits_of_one_version_one_is_made(accounts: AccountStore, callers: int) -> None:
    """The edit that was accepted is the one read back."""
    ann = await existing(accounts, account())
    edits = [ann.renamed(f"Ann {n}", at_ms=T0 + n) for n in range(callers)]
    told = await asyncio.gather(*map(accounts.replace_account, edits))
    assert told.count(True) == 1
    assert await accounts.find_account(ann.id) == edits[told.index(True)]


async def test_every_field_that_may_change_is_kept(accounts: AccountStore) -> None:
    """Name, password, roles, counter and time read back as written."""
    ann = await existing(accounts, account())
    changed = ann.with_password("other", at_ms=T0 + 200)
    renamed = changed.renamed(None, at_ms=T0 + 300)
    promoted = renamed.with_roles(ADMIN, at_ms=T0 + 400)
    again = promoted.renamed("Ärzte \N{SNOWMAN}", at_ms=T0 + 500)
    only = again.with_roles(frozenset({Role.ADMIN}), at_ms=T0 + 600)
    for version in (changed, renamed, promoted, again, only):
        assert await accounts.replace_account(version)
        assert await accounts.find_account(ann.id) == version


async def test_what_does_not_exist_is_not_replaced(accounts: AccountStore) -> None:
    """Neither an unknown account nor a draft can be edited, nor made an administrator."""
    for change in (account(5).renamed("x", at_ms=1), account(5).with_roles(ADMIN, at_ms=1)):
        assert not await accounts.replace_account(change)
    await accounts.insert_draft(account(6))
    for change in (account(6).renamed("x", at_ms=1), account(6).with_roles(ADMIN, at_ms=1)):
        assert not await accounts.replace_account(change)
    assert await accounts.list_accounts(before_id=None, limit=10) == []


async def test_the_last_administrator_stays(accounts: AccountStore) -> None:
    """Of two administrators that resign at the same time one must stay."""
    one = await administrator(accounts, account(1, "a@example.com"))
    two = await administrator(accounts, account(2, "b@example.com"))
    await existing(accounts, account(3, "c@example.com"))
    resigned = [one.with_roles(CUSTOMER, at_ms=1), two.with_roles(CUSTOMER, at_ms=1)]
    results = await asyncio.gather(*map(accounts.replace_account, resigned), return_exceptions=True)
    assert results.count(True) == 1
    assert [type(r) for r in results if r is not True] == [LastAdmin]
    left = [a for a in await accounts.list_accounts(before_id=None, limit=10) if a.is_admin]
    assert len(left) == 1


async def test_one_of_many_administrators_stays(accounts: AccountStore) -> None:
    """Six resign at the same time, again and again: five may, the last one is refused; then one comes back."""
    staff = [await administrator(accounts, account(n, f"{n}@example.com")) for n in range(6)]
    for _ in range(2):
        resigned = [one.with_roles(CUSTOMER, at_ms=1) for one in staff]
        results = await asyncio.gather(*map(accounts.replace_account, resigned), return_exceptions=True)
        assert results.count(True) == 5
        staff = [one for one in await everybody(accounts, 10) if one.is_admin]
        assert len(staff) == 1
        with pytest.raises(LastAdmin):
            await accounts.replace_account(staff[0].with_roles(CUSTOMER, at_ms=1))
        others = [one for one in await everybody(accounts, 10) if not one.is_admin]
        promoted = [one.with_roles(ADMIN, at_ms=1) for one in others]
        assert await asyncio.gather(*map(accounts.replace_account, promoted)) == [True] * 5
        staff = await everybody(accounts, 10)
        assert all(one.is_admin for one in staff)


async def test_an_administrator_is_renamed_and_resigns_at_the_same_time(accounts: AccountStore) -> None:
    """One of the two edits of a version is made; what is refused or allowed afterwards agrees with it."""
    for number in range(0, 8, 2):
        root = await administrator(accounts, account(number, f"{number}@example.com"))
        other = await administrator(accounts, account(number + 1, f"{number + 1}@example.com"))
        edits = [root.renamed("Root", at_ms=1), root.with_roles(CUSTOMER, at_ms=1)]
        told = await asyncio.gather(*map(accounts.replace_account, edits))
        assert sorted(told) == [False, True]
        assert await accounts.find_account(root.id) == edits[told.index(True)]
        staff = [one for one in await everybody(accounts, 100) if one.is_admin]
        for one in staff:
            if one.id != other.id:
                assert await accounts.replace_account(one.with_roles(CUSTOMER, at_ms=2))
        with pytest.raises(LastAdmin):
            await accounts.replace_account(other.with_roles(CUSTOMER, at_ms=2))


async def test_authority_reads_back_as_written(accounts: AccountStore) -> None:
    """Epoch, standing and the hash of a one-time token are kept with the account."""
    ann = await existing(accounts, account())
    changed = ann.signed_out(at_ms=T0 + 1)
    assert await accounts.replace_account(changed)
    with_token = changed.with_reset("digest", expires_at_ms=T0 + 99, at_ms=T0 + 2)
    assert await accounts.replace_account(with_token)
    assert await accounts.find_account(ann.id) == with_token
    closed = with_token.disabled(at_ms=T0 + 3)
    assert await accounts.replace_account(closed)
    assert await accounts.find_account(ann.id) == closed
    assert (closed.epoch, closed.reset_hash, closed.is_active) == (3, None, False)


async def test_the_last_administrator_is_neither_disabled_nor_leaves(accounts: AccountStore) -> None:
    """Of two administrators who are disabled at once one stays; the last cannot leave either."""
    first = await administrator(accounts, account(1))
    second = await administrator(accounts, account(2, "bob@example.com"))
    closed = await asyncio.gather(
        accounts.replace_account(first.disabled(at_ms=T0 + 200)),
        accounts.replace_account(second.disabled(at_ms=T0 + 200)),
        return_exceptions=True,
    )
    assert sorted(map(str, map(type, closed))) == sorted(map(str, (bool, LastAdmin)))
    left = [
        one for one in [await accounts.find_account(a.id) for a in (first, second)] if one and one.is_admin
    ]
    assert len(left) == 1
    with pytest.raises(LastAdmin):
        await accounts.replace_account(left[0].leaving(at_ms=T0 + 300))


async def test_who_left_is_gone_and_the_address_is_free(accounts: AccountStore) -> None:
    """An account that is leaving is a leaver until it is erased, and on no page; then its address is free."""
    ann = await existing(accounts, account())
    await accounts.erase_account(ann)
    assert await accounts.find_account(ann.id) == ann
    leaving = ann.leaving(at_ms=T0 + 200)
    assert await accounts.replace_account(leaving)
    assert await accounts.list_leaving_accounts(before_ms=T0, limit=10) == [leaving]
    assert await everybody(accounts, 10) == []
    for _ in range(2):
        await accounts.erase_account(leaving)
    assert await accounts.list_leaving_accounts(before_ms=T0, limit=10) == []
    assert (await accounts.find_account(ann.id), await accounts.find_account_by_email(ann.email)) == (
        None,
        None,
    )
    again = await existing(accounts, account(2))
    await accounts.erase_account(leaving)
    assert await accounts.find_account_by_email(again.email) == again
