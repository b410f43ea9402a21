"""Write the next version of an account, whoever else edits it at the same time."""

from collections.abc import Callable
from dataclasses import dataclass

from store_kit.clock import Clock

from store_user.domain import Account, AccountNotFound, Standing
from store_user.ports import Accounts, Revocations

Edit = Callable[[Account, int], Account]
"""Returns the next version as of a time, or the same account when there is nothing to change."""


@dataclass(frozen=True, slots=True)
class EditAccount:
    """Edit an account; when access tokens end by that, every service hears of it."""

    accounts: Accounts
    revocations: Revocations
    clock: Clock

    async def __call__(self, account_id: str, edit: Edit) -> Account:
        """Return the account as it is afterwards.

        Raises:
            AccountNotFound: no such account, or its owner has deleted it.
            LastAdmin: the shop would have no administrator.
        """
        while True:
            account = await self.accounts.get(account_id)
            if account is None or account.standing is Standing.LEAVING:
                raise AccountNotFound
            changed = edit(account, self.clock.now_ms())
            if changed is account or await self.write(account, changed):
                return changed

    async def write(self, before: Account, after: Account) -> bool:
        """Write a version, announced first if tokens end; False when somebody else was faster.

        Announced first, so that a crash in between leaves an account that is looked at in vain, not one that is missed.
        """
        if after.epoch != before.epoch:
            await self.revocations.announce(after.id, at_ms=after.updated_at_ms)
        return await self.accounts.replace(after)
