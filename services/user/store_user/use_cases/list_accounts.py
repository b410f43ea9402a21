"""Every account, for administrators."""

from collections.abc import Sequence
from dataclasses import dataclass

from store_user.domain import Account
from store_user.ports import Accounts


@dataclass(frozen=True, slots=True)
class ListAccounts:
    """A page of accounts, newest first."""

    accounts: Accounts

    async def __call__(self, *, before_id: str | None, limit: int) -> Sequence[Account]:
        """Return up to `limit` accounts behind `before_id`."""
        return await self.accounts.page(before_id=before_id, limit=limit)
