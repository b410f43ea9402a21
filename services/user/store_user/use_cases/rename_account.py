"""Change the name on one's own account."""

from dataclasses import dataclass

from store_kit.clock import Clock
from store_kit.problems import PreconditionFailed

from store_user.domain import Account
from store_user.ports import Accounts
from store_user.use_cases.finding import account_of


@dataclass(frozen=True, slots=True)
class RenameAccount:
    """Set or clear the name, of the version that its owner has read."""

    accounts: Accounts
    clock: Clock

    async def __call__(self, account_id: str, name: str | None, *, version: int) -> Account:
        """Return the account as it is now; the same name again changes nothing.

        Raises:
            PreconditionFailed: the account is not at `version` any more.
            Unauthenticated: the token's account does not exist (any more).
        """
        account = await account_of(self.accounts, account_id)
        if account.version != version:
            raise PreconditionFailed("The account was changed meanwhile; read it again.")
        if account.name == (name or None):
            return account
        renamed = account.renamed(name or None, at_ms=self.clock.now_ms())
        if not await self.accounts.replace(renamed):
            raise PreconditionFailed("The account was changed meanwhile; read it again.")
        return renamed
