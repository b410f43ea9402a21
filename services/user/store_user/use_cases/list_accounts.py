"""Every account, for administrators."""

from dataclasses import dataclass

from store_kit.paging import Page, paged

from store_user.domain import Account
from store_user.ports import AccountStore


@dataclass(frozen=True, slots=True)
class ListAccounts:
    """A page of accounts, newest first."""

    accounts: AccountStore

    async def __call__(self, *, before: tuple[str, ...] | None, limit: int) -> Page[Account, tuple[str, ...]]:
        """Return up to `limit` accounts behind the position `(id,)`."""
        found = await self.accounts.list_accounts(before_id=before[0] if before else None, limit=limit + 1)
        return paged(found, limit, lambda account: (account.id,))
