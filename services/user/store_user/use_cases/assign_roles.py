"""Say what a person may do."""

from dataclasses import dataclass

from store_kit.clock import Clock
from store_kit.problems import PreconditionFailed

from store_user.domain import Account, AccountNotFound, Role
from store_user.ports import Accounts


@dataclass(frozen=True, slots=True)
class AssignRoles:
    """Set an account's roles; access tokens that exist keep theirs until they expire (10 minutes at most)."""

    accounts: Accounts
    clock: Clock

    async def __call__(
        self, account_id: str, roles: frozenset[Role], *, version: int | None = None
    ) -> Account:
        """Return the account with exactly these roles; safe to repeat.

        Raises:
            AccountNotFound: no such account.
            LastAdmin: the shop would have no administrator.
            PreconditionFailed: `version` was given and is not the present one.
        """
        while True:
            account = await self.read(account_id, version)
            if account.roles == roles:
                return account
            changed = account.with_roles(roles, at_ms=self.clock.now_ms())
            if await self.accounts.replace(changed):
                return changed

    async def read(self, account_id: str, version: int | None = None) -> Account:
        """Return the account, of that version when one is given.

        Raises:
            AccountNotFound, PreconditionFailed: as above.
        """
        account = await self.accounts.get(account_id)
        if account is None:
            raise AccountNotFound
        if version is not None and account.version != version:
            raise PreconditionFailed(f"The account is at version {account.version} now; read it again.")
        return account
