"""The account behind a token."""

from store_kit.problems import Unauthenticated

from store_user.domain import Account
from store_user.ports import Accounts


async def account_of(accounts: Accounts, account_id: str) -> Account:
    """Return the account that a valid token names.

    Raises:
        Unauthenticated: it does not exist (any more).
    """
    account = await accounts.get(account_id)
    if account is None:
        raise Unauthenticated("The account of this token does not exist; sign in again.")
    return account
