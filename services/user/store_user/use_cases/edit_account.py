"""Write the next version of an account, also when several requests edit it at the same time."""

from collections.abc import Callable
from dataclasses import dataclass

from store_kit.clock import Clock
from store_kit.problems import PreconditionFailed, Problem

from store_user.domain import Account, Standing
from store_user.ports import AccountStore, RevocationStore
from store_user.problems import AccountNotFound

Edit = Callable[[Account, int], Account]
"""Returns the next version as of a time, or the same account when there is nothing to change."""


@dataclass(frozen=True, slots=True)
class EditAccount:
    """Edit an account, on behalf of the other use cases; when access tokens end by that, every service hears of it."""

    accounts: AccountStore
    revocations: RevocationStore
    clock: Clock

    async def __call__(
        self,
        account_id: str,
        edit: Edit,
        *,
        versions: frozenset[int] | None = None,
        gone: Callable[[], Problem] = AccountNotFound,
    ) -> tuple[Account, Account]:
        """Return the account before and after; both are the same when there was nothing to change.

        Args:
            account_id: whose account.
            edit: makes the next version; called again when another edit was faster.
            versions: those that may be edited; any when None.
            gone: makes what is raised when there is no such account, or its owner has deleted it.

        Raises:
            PreconditionFailed: the account is at another version.
            LastAdmin: the shop would have no administrator.
        """
        while True:
            before = await self.accounts.find_account(account_id)
            if before is None or before.standing is Standing.LEAVING:
                raise gone()
            if versions is not None and before.version not in versions:
                raise PreconditionFailed(f"The account is at version {before.version} now; read it again.")
            after = edit(before, self.clock.now_ms())
            if after is before or await self.write(before, after):
                return before, after

    async def write(self, before: Account, after: Account) -> bool:
        """Write a version, announced first if tokens end; False when another edit was faster.

        Announced first: after a crash in between an account is looked at in vain, rather than missed.
        """
        if after.epoch != before.epoch:
            await self.revocations.announce_revocation(after.id, at_ms=after.updated_at_ms)
        return await self.accounts.replace_account(after)
