"""Look at one's own account."""

from dataclasses import dataclass

from store_user.domain import Account
from store_user.ports import Accounts
from store_user.use_cases.finding import account_of


@dataclass(frozen=True, slots=True)
class ViewAccount:
    """Return the account of whoever asks."""

    accounts: Accounts

    async def __call__(self, account_id: str) -> Account:
        """Return the account.

        Raises:
            Unauthenticated: the token's account does not exist (any more).
        """
        return await account_of(self.accounts, account_id)
