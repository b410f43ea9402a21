"""The account behind a token."""

from store_kit.problems import InvalidToken

from store_user.domain import Account
from store_user.ports import Accounts


async def account_of(accounts: Accounts, account_id: str) -> Account:
    """Return the account that a valid token names.

    Raises:
        InvalidToken: it does not exist (any more), or it is disabled.
    """
    account = await accounts.get(account_id)
    if account is None or not account.is_active:
        raise InvalidToken("The account of this token does not exist or is disabled; sign in again.")
    return account
